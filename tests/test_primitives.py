"""Every row of the table: derivatives against differences, one meaning in all spellings."""

from __future__ import annotations

import math
from typing import Any

import mpmath as mp
import numpy as np
import pytest
from exact import evaluate, exact

from lossary.backends.numpy import BACKEND
from lossary.formula.expression import Expression, Kind, argument, label, node
from lossary.formula.gradient import diagonal, gradient
from lossary.formula.plan import Output
from lossary.formula.primitives import PRIMITIVES, Primitive

ROWS, CLASSES = 5, 4
NAMES = ("a", "b", "c")
# Those for kernels alone are what lowering makes: tests of vector mathematics look at them.
OPERATIONS = [row for row in PRIMITIVES.values() if not row.kernel_only]
DIFFERENTIABLE = [row for row in OPERATIONS if row.partials]
ids = pytest.mark.parametrize("row", DIFFERENTIABLE, ids=lambda row: row.name)

# What the named functions mean; the others are Python's operators and mpmath's own functions.
MEANINGS = {
    "sigmoid": lambda x: 1 / (1 + mp.exp(-x)),
    "softplus": lambda x: mp.log(1 + mp.exp(x)),
    "log_cosh": lambda x: mp.log(mp.cosh(x)),
    "expm1": lambda x: mp.exp(x) - 1,
    "log1p": lambda x: mp.log(1 + x),
    "log1p_unit": lambda x: mp.log(1 + x),
    "erf": mp.erf,
    "log_gamma": mp.loggamma,
    "digamma": mp.digamma,
    "trigamma": lambda x: mp.psi(1, x),
}
# Those that are defined above a bound alone.
LOWEST = {"log1p": -1, "log1p_unit": -1, "log_gamma": 0, "digamma": 0, "trigamma": 0}

# What holds a series or polynomials is as exact as float64 is, whatever the arithmetic; how far its
# derivatives are from those of the polynomials.
SERIES = {"log_cosh": 1e-17, "erf": 1e-13, "log_gamma": 1e-13, "digamma": 1e-13}


def _expression(row: Primitive) -> Expression:
    """The row applied to symbols."""
    symbols: list[Expression] = [argument(name) for name in NAMES[: row.arity]]
    if row.name == "where":
        symbols[0] = argument("a") < argument("c")
    if row.name == "at_label":
        symbols[1] = label("labels")
    if row.name == "softened_norm":
        symbols[1] = node("sum", symbols[1])
    return node(row.name, *symbols)


def _values(row: Primitive, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    positive = row.name in LOWEST.keys() | {"log", "sqrt", "power", "softened_norm"}
    low = 0.1 if positive else -2.0
    values = {name: rng.uniform(low, 2.0, (ROWS, CLASSES)) for name in NAMES}
    if row.name == "surprise":
        values |= {"a": 1 + abs(values["a"]), "b": -abs(values["b"])}
    return values | {"labels": rng.integers(0, CLASSES, (ROWS, 1)).astype(float)}


@ids
def test_derivatives_match_differences(row: Primitive) -> None:
    expression = _expression(row)
    values = {name: exact(x) for name, x in _values(row).items()}
    step = mp.mpf(10) ** -18
    for name in NAMES[: row.arity]:
        target = argument(name)
        first = _full(evaluate(gradient(expression, target), values, CLASSES))
        second = _full(evaluate(diagonal(expression, target), values, CLASSES))
        for place in np.ndindex(ROWS, CLASSES):
            low, middle, high = (
                _own_value(expression, values, name, place, shift) for shift in (-step, 0, step)
            )
            constant = row.name == "stop"
            slope = 0 if constant else (high - low) / (2 * step)
            curvature = 0 if constant else (high - 2 * middle + low) / step**2
            assert abs(first[place] - slope) < SERIES.get(row.name, 1e-30), (name, place)
            limit = max(1e-15, 1e2 * SERIES.get(row.name, 0))
            assert abs(second[place] - curvature) < limit, (name, place)


def _own_value(
    expression: Expression, values: dict[str, Any], name: str, place: tuple[int, ...], shift: Any
) -> Any:
    moved = values[name].copy()
    moved[place] += shift
    found = evaluate(expression, values | {name: moved}, CLASSES)
    return found[place] if expression.kind is Kind.ELEMENT else found[place[0], 0]


def _full(x: np.ndarray) -> np.ndarray:
    return np.broadcast_to(x, (ROWS, CLASSES))


@pytest.mark.parametrize("name", MEANINGS)
def test_functions_mean_what_they_are_called(name: str) -> None:
    for x in (-30.0, -1.0, -0.99, -1e-9, 0.0, 1e-9, 0.5, 1.0, 1.0001, 3.0, 40.0):
        if x <= LOWEST.get(name, -math.inf):
            continue
        (found,) = evaluate(node(name, argument("a")), {"a": exact([[x]])}).ravel()
        assert abs(found - MEANINGS[name](mp.mpf(x))) < 1e-16 * max(1, abs(found)), (name, x)


HARD = [-math.inf, -100.0, -3.0, -1.0, -(2.0**-10), -1e-30, -0.0, 0.0, 1e-30, 0.5, 1.0, 2.5, 1e4,
        math.inf, math.nan]  # fmt: skip


def _spelled() -> list[tuple[str, Expression]]:
    """Expressions of every elementwise row that kernels evaluate."""
    rows = [
        row for row in OPERATIONS if row.arity and not (row.boolean or row.reduces or row.expand)
    ]
    found = [(row.name, _expression(row)) for row in rows]
    booleans = [row for row in OPERATIONS if row.boolean and "logical" not in row.name]
    found += [(r.name, node("where", node(r.name, *_symbols(r)), 1, 0)) for r in booleans]
    low, same = argument("a") < argument("b"), node("equal", argument("a"), argument("c"))
    found += [
        (f"logical_{name}", node("where", condition, 1, 0))
        for name, condition in (("and", low & same), ("or", low | same), ("not", ~low))
    ]
    return found


def _symbols(row: Primitive) -> list[Expression]:
    return [argument(name) for name in NAMES[: row.arity]]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_kernels_and_arrays_spell_the_same(dtype: str) -> None:
    pytest.importorskip("llvmlite")
    from lossary.kernels import host, memory

    mesh = np.meshgrid(*[np.array(HARD, dtype)] * 2, indexing="ij")
    arrays = {"a": mesh[0].ravel(), "b": mesh[1].ravel(), "c": mesh[0].ravel()}
    spelled = _spelled()
    outputs = tuple(Output(name, expression, "store") for name, expression in spelled)
    dtypes = {name: dtype for name, _ in spelled}
    job = memory.Job(outputs, arrays, {}, None, (225,), (225,), dtype, dtypes)
    found = host.run(job)
    a, b = arrays["a"], arrays["b"]
    promised = {
        "log1p_unit": (a >= 0) & (a <= 1),
        "surprise": ((b == 0) & (a >= 0)) | ((b <= 0) & (a >= 1)),
    }
    for name, expression in spelled:
        with np.errstate(all="ignore"):
            expected = _with_numpy(expression, arrays)
        keep = promised.get(name, np.full(225, True))
        unit = 8 * np.finfo(dtype).eps
        np.testing.assert_allclose(
            found[name][keep], np.broadcast_to(expected, 225)[keep], rtol=unit, err_msg=name
        )


def _with_numpy(expression: Expression, arrays: dict[str, np.ndarray]) -> Any:
    from lossary.formula.evaluate import tape

    class Plain:
        native: dict[str, Any] = {}  # noqa: RUF012
        where = staticmethod(np.where)
        stop = staticmethod(lambda x: x)
        number = staticmethod(np.float64)

        def __getattr__(self, name: str) -> Any:
            return getattr(BACKEND.xp, name)

    (found,) = tape(expression).run(arrays, Plain())
    return found


@pytest.mark.parametrize("row", OPERATIONS, ids=lambda row: row.name)
def test_rows_are_complete(row: Primitive) -> None:
    assert row.text
    assert row.latex
    # Whatever varies smoothly has a derivative; conditions and positions have none, nor has what
    # is expanded before it is differentiated.
    leaf = row.arity == 0
    assert (row.partials is None) == (row.boolean or row.early or leaf)


def test_kinks_are_settled_in_the_table() -> None:
    a, b = argument("a"), argument("b")
    values = {"a": exact([[0, 1, 2]]), "b": exact([[0, 1, 2]])}

    def slope(expression: Expression, target: Expression) -> list[float]:
        found = evaluate(gradient(expression, target), values, 3)
        return np.broadcast_to(found, (1, 3))[0].astype(float).tolist()

    assert slope(node("maximum", 0, a), a) == [0, 1, 1]
    assert slope(node("maximum", a, 1), a) == [0, 0, 1]
    assert slope(node("minimum", a, 1), a) == [1, 0, 0]
    assert slope(node("maximum", a, b), a) == [1, 1, 1]
    assert slope(node("maximum", a, b), b) == [0, 0, 0]
    assert slope(node("absolute", a), a) == [0, 1, 1]
    assert slope(node("max", a * 0 + b * 0), a) == [0, 0, 0]


def test_a_tie_over_classes_goes_to_the_first() -> None:
    top = node("max", argument("a"))
    found = evaluate(gradient(top, argument("a")), {"a": exact([[1, 3, 3], [2, 2, 0]])}, 3)
    assert found.astype(float).tolist() == [[0, 1, 0], [1, 0, 0]]


def test_nan_stays_nan_in_derivatives_at_kinks() -> None:
    for expression in (node("maximum", 0, argument("a")), abs(argument("a"))):
        found = evaluate(gradient(expression, argument("a")), {"a": exact([[math.nan]])})
        assert mp.isnan(found[0, 0])


def test_a_zero_factor_wins() -> None:
    c, x = argument("a"), argument("b")
    values = {"a": exact([[0, 0, 2]]), "b": exact([[math.inf, math.nan, math.inf]])}
    found = evaluate(node("scale", c, x), values, 3)
    assert found.astype(float).tolist() == [[0.0, 0.0, math.inf]]
