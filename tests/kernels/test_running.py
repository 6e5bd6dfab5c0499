"""Compiled loops along rows: exact to rounding, infinities and NaN as on array libraries."""

from __future__ import annotations

import itertools
import math
from typing import Any

import mpmath as mp
import numpy as np
import pytest
from processors import NARROW, WIDE, can_run, digits

import lossary
from lossary.backends.host import has_compiler
from lossary.formula import cumulative_sum, sorted_by, sum_over_classes
from lossary.kernels import compile as compiler
from lossary.kernels import mixed
from lossary.kernels.running import FUNCTION, running
from lossary.kernels.running_code import text

pytestmark = pytest.mark.skipif(not has_compiler(), reason="needs the compiler")
OPERATIONS = ["cumulative_sum", "cumulative_max", "recurrence"]
EVERY = pytest.mark.parametrize("operation", OPERATIONS)
DTYPE = pytest.mark.parametrize("dtype", ["float32", "float64"])
REVERSE = pytest.mark.parametrize("reverse", [False, True])


def _exact(operation: str, x: np.ndarray, a: np.ndarray) -> list[Any]:
    found: list[Any] = []
    for v, factor in zip(map(mp.mpf, x.tolist()), map(mp.mpf, a.tolist()), strict=True):
        match operation:
            case "cumulative_sum":
                found.append(v + (found[-1] if found else 0))
            case "cumulative_max":
                found.append(max([v, *found[-1:]]))
            case _:
                found.append(v + factor * (found[-1] if found else 0))
    return found


@EVERY
@DTYPE
@REVERSE
@pytest.mark.parametrize("classes", [1, 2, 17, 1000])
def test_rows_are_exact_to_rounding(
    operation: str, dtype: str, reverse: bool, classes: int
) -> None:
    rng = np.random.default_rng(classes)
    x = (rng.normal(size=(19, classes)) * 10.0 ** rng.uniform(-3, 3, (19, classes))).astype(dtype)
    a = rng.uniform(0, 1, x.shape).astype(dtype)
    found = running(f"{'reverse_' * reverse}{operation}", x, a)
    with mp.workdps(60):
        _assert_rows(operation, dtype, 1 - 2 * reverse, (x, a, found))


def _assert_rows(operation: str, dtype: str, step: int, arrays: tuple[np.ndarray, ...]) -> None:
    x, a, found = arrays
    for row in (0, 15, 16, 18):
        expected = _exact(operation, x[row, ::step], a[row, ::step])[::step]
        sizes = _exact(operation, abs(x[row, ::step]), a[row, ::step])[::step]
        for one, other, size in zip(found[row], expected, sizes, strict=True):
            least = np.spacing(np.array(float(abs(other)), dtype))
            # Two terms that cancel leave what the wider numbers had lost.
            wide = np.spacing(float(size)) * x.shape[1] if dtype == "float32" else 0.0
            assert abs(mp.mpf(float(one)) - other) <= 0.51 * float(least) + wide


def _next(operation: str, x: float, a: float, y: float) -> float:
    """Return the element after y; an a of 0 wins against a y that is not finite."""
    if operation == "cumulative_max":
        return x if x > y or math.isnan(x) else y
    if operation == "cumulative_sum":
        return x + y
    return x + (0.0 if a == 0 and not math.isfinite(y) else a * y)


@EVERY
@DTYPE
@REVERSE
def test_infinities_and_nan(operation: str, dtype: str, reverse: bool) -> None:
    values = [0.0, 1.0, -math.inf, math.inf, math.nan]
    x = np.array(list(itertools.product(values, repeat=3)), dtype)
    a = np.array(list(itertools.product([0.0, 0.5, 1.0], repeat=3)), dtype)
    x, a = np.repeat(x, len(a), 0), np.tile(a, (len(x), 1))
    step = -1 if reverse else 1
    expected = np.empty_like(x)
    for row, (values, factors) in enumerate(zip(x[:, ::step], a[:, ::step], strict=True)):
        y = -math.inf if operation == "cumulative_max" else 0.0
        pairs = zip(values.tolist(), factors.tolist(), strict=True)
        found = [y := _next(operation, *pair, y) for pair in pairs]
        expected[row] = found[::step]
    found = running(f"{'reverse_' * reverse}{operation}", x, a)
    np.testing.assert_array_equal(found, expected)


@EVERY
@DTYPE
def test_every_processor_gives_the_same_bits(operation: str, dtype: str) -> None:
    kind = {"float32": "f32", "float64": "f64"}[dtype]
    x, a = np.random.default_rng(1).normal(size=(2, 33, 50)).astype(dtype)
    expected = digits(running(operation, x, a))
    ran = [cpu for cpu in (NARROW, WIDE) if can_run(cpu)]
    if not ran:
        pytest.skip("this machine runs no code for another processor")
    for cpu in ran:
        compiled = compiler.linked(compiler.object_code(text(operation, kind), cpu, ""), "running")
        out = np.empty_like(x)
        addresses = (array.ctypes.data for array in (x, a, out))
        compiled.function(FUNCTION)(*x.shape, *addresses)
        np.testing.assert_array_equal(digits(out), expected)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_bits_do_not_depend_on_threads(axis: int) -> None:
    @lossary.loss
    def ordered_sum_loss(inputs: Any, targets: Any, axis: int = -1) -> Any:
        ordered = sorted_by(inputs, targets)
        return sum_over_classes(cumulative_sum(ordered * ordered) * targets)

    rng = np.random.default_rng(2)
    x, t = rng.normal(size=(2, 70, 60, 80)).astype(np.float32)
    derive = lossary.value_and_grad(ordered_sum_loss)
    before, found = lossary.get_num_threads(), []
    try:
        for count in (1, 2, 3):
            lossary.set_num_threads(count)
            value, gradient = derive(x, t, axis=axis, reduction="mean")
            found.append((value.tobytes(), gradient.tobytes()))
    finally:
        lossary.set_num_threads(before)
    assert found[0] == found[1] == found[2]


def test_orders_of_a_key_are_found_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Any] = []
    sort = np.argsort

    def counted(*given: Any, **options: Any) -> Any:
        calls.append(options.get("kind"))
        return sort(*given, **options)

    monkeypatch.setattr(mixed.np, "argsort", counted)
    x = np.random.default_rng(3).normal(size=(4, 6))
    lossary.ensemble_crps_loss(x, x[:, 0])
    assert calls.count("stable") == 1
