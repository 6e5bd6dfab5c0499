"""The code of running sums, maxima and recurrences: the lanes are sixteen rows.

    void running(int64 rows, int64 classes, real *x, real *a, real *out)

Float32 rows run in float64. Float64 rows run in pairs of numbers, of which the second holds what
the first lost in rounding (Dekker 1971, doi:10.1007/BF01397083).
"""

from __future__ import annotations

import math
from collections.abc import Callable

from lossary.kernels.code import Code
from lossary.kernels.lanes import LANES, Lanes

_PARAMETERS = {"rows": "i64", "classes": "i64", "x": "ptr", "a": "ptr", "out": "ptr"}
Pair = tuple[Lanes, Lanes]


def text(operation: str, kind: str) -> str:
    """Return the code of an operation as LLVM IR: rows from one end to the other."""
    name = operation.removeprefix("reverse_")
    is_reverse = name != operation
    code = Code("running", _PARAMETERS)
    given, step = code.given, _STEPS[name]
    classes = given["classes"]
    read = ("x", "a") if name == "recurrence" else ("x",)

    def rows(first: Lanes, _: list[Lanes]) -> list[Lanes]:
        numbers = first.splat() + code.iota()
        valid, base = numbers < given["rows"].splat(), numbers * classes.splat()

        def one(place: Lanes, carried: list[Lanes]) -> list[Lanes]:
            offset = base + (classes - 1 - place if is_reverse else place).splat()
            arrays = [code.gather(code.at(given[n], offset, kind), kind, valid, 0) for n in read]
            found, rest = step(*(x.to("f64") for x in arrays), *carried)
            code.scatter(found.to(kind), code.at(given["out"], offset, kind), valid)
            # What float64 loses matters to float64 alone.
            return [found, rest if kind == "f64" else carried[1]]

        start = -math.inf if name == "cumulative_max" else 0.0
        code.loop(classes, 1, [code.constant(x, "f64") for x in (start, 0.0)], one)
        return []

    code.loop(given["rows"], LANES, [], rows)
    return code.text()


def _largest(x: Lanes, largest: Lanes, rest: Lanes) -> Pair:
    return ((x > largest) | (x != x)).select(x, largest), rest


def _sum(x: Lanes, total: Lanes, rest: Lanes) -> Pair:
    """Return the sum of x and a pair as a pair; without a rest where it is not finite."""
    high = x + total
    moved = high - x
    rest = rest + ((x - (high - moved)) + (total - moved))
    found = high + rest
    is_finite = (found - found) == 0.0
    return is_finite.select(found, high), is_finite.select(rest - (found - high), 0.0)


def _recurrence(x: Lanes, a: Lanes, total: Lanes, rest: Lanes) -> Pair:
    """Return x + a * total; an a of 0 wins against a total that is not finite."""
    is_cut = (a == 0.0) & ((total - total) != 0.0)
    product = a * total
    lost = a.call("fma", total, -product) + a * rest
    return _sum(x, is_cut.select(0.0, product), is_cut.select(0.0, lost))


_STEPS: dict[str, Callable[..., Pair]] = {
    "cumulative_max": _largest,
    "cumulative_sum": _sum,
    "recurrence": _recurrence,
}
