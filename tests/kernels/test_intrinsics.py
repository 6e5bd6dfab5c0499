"""The single instructions that kernels are made of."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
import pytest
from numba.core.errors import TypingError

from lossary.kernels import intrinsics as ops

INF, NAN = math.inf, math.nan

both_types = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def pairwise(function: Callable[..., Any]) -> Callable[..., Any]:
    @numba.njit(error_model="numpy")
    def loop(a: Any, b: Any, out: Any) -> None:
        for i in range(a.size):
            out[i] = function(a[i], b[i])

    return loop


def vector_instructions(function: Any, instruction: str) -> list[str]:
    """Return the vector instructions of a name in the only compiled version of a function."""
    (text,) = function.inspect_llvm().values()
    found: list[str] = re.findall(rf"{instruction} [a-z ]*<\d+ x [a-z0-9]+>", text)
    return found


# --- choices ----------------------------------------------------------------------------------
@both_types
def test_select_takes_either(dtype: Any) -> None:
    @numba.njit
    def loop(flags: Any, a: Any, b: Any, out: Any) -> None:
        for i in range(a.size):
            out[i] = ops.select(flags[i], a[i], b[i])

    flags = np.array([True, False, True, False] * 20)
    a, b = np.arange(80, dtype=dtype), -np.arange(80, dtype=dtype)
    out = np.empty_like(a)
    loop(flags, a, b, out)
    np.testing.assert_array_equal(out, np.where(flags, a, b))


def test_select_of_a_comparison_is_one_instruction() -> None:
    @numba.njit(error_model="numpy")
    def loop(a: Any, out: Any) -> None:
        for i in range(a.size):
            out[i] = ops.select(a[i] < np.float32(1), math.nan, a[i] / np.float32(3))

    a = np.linspace(-3, 3, 100)
    out = np.empty_like(a)
    loop(a, out)
    np.testing.assert_array_equal(out, np.where(a < 1, NAN, a / 3))
    assert vector_instructions(loop, "fdiv")


def test_select_of_two_types_does_not_compile() -> None:
    @numba.njit
    def mixed(a: Any, b: Any) -> Any:
        return ops.select(a > 0, a, b)

    with pytest.raises(TypingError):
        mixed(np.float32(1), np.float64(1))


# --- extremes ---------------------------------------------------------------------------------
@both_types
@pytest.mark.parametrize(
    ("function", "oracle"), [(ops.maximum, np.maximum), (ops.minimum, np.minimum)]
)
def test_extremes_propagate_nan(function: Any, oracle: Any, dtype: Any) -> None:
    values = np.array([0, 1, -1, 2.5, INF, -INF, NAN], dtype)
    a, b = (grid.ravel() for grid in np.meshgrid(values, values))
    out = np.empty_like(a)
    pairwise(function)(a, b, out)
    np.testing.assert_array_equal(out, oracle(a, b))


@both_types
@pytest.mark.parametrize(
    ("function", "oracle", "start"), [(ops.maximum, np.max, -INF), (ops.minimum, np.min, INF)]
)
def test_extremes_reduce_in_vectors(function: Any, oracle: Any, start: float, dtype: Any) -> None:
    @numba.njit(error_model="numpy")
    def reduce(x: Any) -> Any:
        extreme = dtype(start)
        for i in range(x.size):
            extreme = function(extreme, x[i])
        return extreme

    x = np.random.default_rng(0).normal(size=1003).astype(dtype)
    assert reduce(x) == oracle(x)
    (text,) = reduce.inspect_llvm().values()
    assert re.search(r"@llvm\.(maximum|minimum)\.v\d+f\d\d", text)
    for place in (0, 500, 1002):
        spoiled = x.copy()
        spoiled[place] = NAN
        assert math.isnan(reduce(spoiled))


# --- sums -------------------------------------------------------------------------------------
@both_types
def test_accumulate_sums_in_vectors(dtype: Any) -> None:
    @numba.njit
    def total(x: Any) -> Any:
        result = dtype(0)
        for i in range(x.size):
            result = ops.accumulate(result, x[i])
        return result

    assert total(np.arange(1003, dtype=dtype)) == 1003 * 501
    assert vector_instructions(total, "fadd")


def test_accumulate_leaves_other_sums_alone() -> None:
    @numba.njit
    def total(x: Any, large: Any) -> Any:
        result = 0.0
        for i in range(x.size):
            result = ops.accumulate(result, (x[i] + large) - large)
        return result

    # Free to reorder, LLVM would cancel the large number and keep what it swallows.
    assert total(np.full(100, 0.25), 2.0**60) == 0


def test_accumulate_of_two_types_does_not_compile() -> None:
    @numba.njit
    def mixed(a: Any, b: Any) -> Any:
        return ops.accumulate(a, b)

    with pytest.raises(TypingError):
        mixed(np.float64(1), np.float32(1))


# --- bits and polynomials ---------------------------------------------------------------------
@pytest.mark.parametrize(
    ("to_bits", "from_bits", "real", "word"),
    [
        (ops.bits_of_f32, ops.f32_of_bits, np.float32, np.uint32),
        (ops.bits_of_f64, ops.f64_of_bits, np.float64, np.uint64),
    ],
)
def test_bits_go_there_and_back(to_bits: Any, from_bits: Any, real: Any, word: Any) -> None:
    @numba.njit
    def both(x: Any, bits: Any, back: Any) -> None:
        for i in range(x.size):
            bits[i] = to_bits(x[i])
            back[i] = from_bits(bits[i])

    x = np.array([0, -0.0, 1, -1.5, INF, -INF, NAN, np.finfo(real).smallest_subnormal], real)
    bits, back = np.empty(x.size, word), np.empty_like(x)
    both(x, bits, back)
    np.testing.assert_array_equal(bits, x.view(word))
    np.testing.assert_array_equal(back.view(word), bits)


@both_types
@pytest.mark.parametrize("length", [2, 3, 4, 5, 8, 11])
def test_polynomial(length: int, dtype: Any) -> None:
    coefficients = [(-1) ** k * (k + 2) for k in range(length)]
    function = ops.polynomial(coefficients)

    @numba.njit
    def loop(x: Any, out: Any) -> None:
        for i in range(x.size):
            out[i] = function(x[i])

    # Whole numbers, so that every order of evaluation is exact.
    x = np.array([-2, -1, 0, 1, 2] * 8, dtype)
    out = np.empty_like(x)
    loop(x, out)
    np.testing.assert_array_equal(out, np.polyval(coefficients[::-1], x))
