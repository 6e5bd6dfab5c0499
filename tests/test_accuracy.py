"""Values and derivatives within 4 units in the last place of the exact ones, on hard arguments.

The exact ones are the definitions in hundreds of digits at exactly the numbers that the library
was given. Where a result is by nature a difference (``oracles.DIFFERENCES`` and
``SLOPE_DIFFERENCES``), its error is measured beside what is subtracted.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import mpmath as mp
import numpy as np
import pytest
from cases import Case
from libraries import BY_NAME
from rows import Row, units
from stress import CLASS_COUNTS, DTYPES, stress_cases

import lossary

LIMIT = 4
# Sums over many classes in float64, and the gradient of a cosine, which is a sum of sums.
WIDE, WIDE_LIMIT, COSINE_LIMIT = 1000, 8, 6
# What the libraries' own functions allow: exp on MLX, tanh of JAX in float64.
LIMITS = {("mlx", "float32"): 40, ("jax", "float64"): 8}


def cases(counts: tuple[int, ...], **size: int) -> dict[str, tuple[Case, str]]:
    """Return the hard cases by title, those along an axis for each number of classes."""
    found = {}
    for dtype in DTYPES:
        for count in counts:
            for case in stress_cases(dtype, classes=count, **size):
                along = f"-{count}" if case.loss.axis is not None else ""
                found[f"{case.title}-{dtype}{along}"] = (case, dtype)
    return found


def every(found: dict[str, tuple[Case, str]]) -> pytest.MarkDecorator:
    """Parametrize a test over cases."""
    return pytest.mark.parametrize(("case", "dtype"), found.values(), ids=found)


STRESS = cases(CLASS_COUNTS)
SMALL = cases((3,), points=60, rows=16)
MANY_CLASSES = {t: c for t, c in cases((WIDE,), rows=8).items() if c[0].loss.axis is not None}
HUGE = {t: c for t, c in cases((50_000,), rows=8).items() if c[0].loss.axis is not None}


@every(STRESS)
def test_values(case: Case, dtype: str) -> None:
    check_values(case, dtype)


@every(STRESS)
def test_gradients(case: Case, dtype: str) -> None:
    check_gradients(case, dtype)


@every(MANY_CLASSES)
def test_many_classes(case: Case, dtype: str) -> None:
    check_values(case, dtype, limit=WIDE_LIMIT)


@every(SMALL)
@pytest.mark.parametrize("name", ["torch", "jax", "mlx", "strict"])
def test_other_libraries(name: str, case: Case, dtype: str) -> None:
    if (name, dtype) == ("mlx", "float64"):
        pytest.skip("MLX computes functions in float32")
    limit = LIMITS.get((name, dtype), LIMIT)
    check_values(case, dtype, name, limit)
    check_gradients(case, dtype, name, limit)


@pytest.mark.exhaustive
@every(cases((2, 3, 17), points=6000, rows=400))
def test_dense(case: Case, dtype: str) -> None:
    check_values(case, dtype)
    check_gradients(case, dtype)


@pytest.mark.exhaustive
@every(HUGE)
def test_fifty_thousand_classes(case: Case, dtype: str) -> None:
    check_values(case, dtype, limit=WIDE_LIMIT)
    check_gradients(case, dtype, limit=2 * WIDE_LIMIT)


def check_values(case: Case, dtype: str, name: str = "numpy", limit: float = LIMIT) -> None:
    """Compare the values of a case with the exact ones."""
    arrays = case.cast(dtype)
    with _library(name, dtype):
        found = np.asarray(case(*(_made(name, x) for x in arrays)))
    for place, row in enumerate(_rows(case, arrays)):
        truth = row.value()
        if not _flushed(name, dtype, row, truth):
            _assert_within(found[place], truth, limit, row.scale(), row)


def check_gradients(case: Case, dtype: str, name: str = "numpy", limit: float = LIMIT) -> None:
    """Compare the gradients with respect to every floating-point argument."""
    arrays = case.cast(dtype)
    if case.loss.name == "cosine_similarity_loss":
        limit = max(limit, COSINE_LIMIT)
    for argument in case.floats:
        derive = lossary.grad(case.loss.function, argnums=argument)
        with _library(name, dtype):
            made = (_made(name, x) for x in arrays)
            found = np.asarray(derive(*made, reduction="sum", **case.shape, **case.parameters))
        for place, row in enumerate(_rows(case, arrays)):
            for index in row.places(argument):
                truth = row.slope(argument, index)
                if truth is not None and not _flushed(name, dtype, row, truth):
                    slope = found[place].reshape(-1)[index]
                    scale = row.slope_scale(argument, index)
                    _assert_within(slope, truth, limit, scale, row, (argument, index))


def _rows(case: Case, arrays: tuple[np.ndarray, ...]) -> Iterator[Row]:
    return (Row(case, arrays, place) for place in range(len(arrays[0])))


def _flushed(name: str, dtype: str, row: Row, truth: Any) -> bool:
    """Tell whether a library takes a number that matters for 0."""
    return name in {"jax", "mlx"} and row.is_flushed(dtype, truth)


def _assert_within(
    found: Any, truth: Any, limit: float, scale: float, row: Row, where: object = "value"
) -> None:
    """Check the error in units in the last place of the truth, or of a larger scale."""
    error = units(found, truth, scale)
    if error is None:
        with np.errstate(over="ignore"):
            ok = abs(found) == abs(found.dtype.type(float(truth)))
        assert ok, f"{where} of {row.arguments}: {found!r}"
        return
    exact = mp.nstr(truth, 20)
    assert error <= limit, f"{where} of {row.arguments}: {found!r} is {error:.1f} ulp from {exact}"


@contextlib.contextmanager
def _library(name: str, dtype: str) -> Iterator[None]:
    """Let a library compute in a dtype, without a word about overflow."""
    BY_NAME[name].array(0.0)  # skips where the library is missing
    wide: Any = contextlib.nullcontext()
    if (name, dtype) == ("jax", "float64"):
        import jax

        wide = jax.enable_x64(True)
    with wide, np.errstate(all="ignore"), lossary.options(domain="ignore"):
        yield


def _made(name: str, x: np.ndarray) -> Any:
    return BY_NAME[name].array(x)
