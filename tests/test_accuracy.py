"""Values and derivatives within 4 units in the last place of the exact ones, on hard arguments.

The exact ones are the definitions in hundreds of digits at exactly the numbers that the library
was given. Where a result is by nature a difference (``oracles.DIFFERENCES`` and
``SLOPE_DIFFERENCES``), its error is measured beside what is subtracted.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mpmath as mp
import numpy as np
import oracles
import pytest
from cases import REPRESENTATIVES, Case
from libraries import BY_NAME
from rows import Row, units
from stress import CLASS_COUNTS, DTYPES, HardCase, stress_cases

import lossary

LIMIT = 4
# What the libraries' own functions allow: exp on MLX, tanh of JAX in float64.
LIMITS = {("mlx", "float32"): 64, ("jax", "float64"): 8}
# MLX's exponential of more than 88 is infinite, 0.72 below where it must be.
_MLX_LARGEST = mp.exp(88)
# Where the class axis is: last, first, in the middle, and under a transformation of PyTorch, which
# takes its own operations.
PLACES = [("numpy", -1), ("numpy", 0), ("torch.func", -1), ("mlx", 0), ("strict", 0)]
MORE_PLACES = [*PLACES, ("numpy", 1), ("jax", -1), ("jax", 0), ("strict", -1), ("dask", 0)]
# XLA adds up windows of many classes in the dtype that it is given.
MANY_LIMITS = {**LIMITS, ("jax", "float32"): 8}


def cases(counts: tuple[int, ...], **size: int) -> dict[str, HardCase]:
    """Return the hard cases by title, those along an axis for each number of classes."""
    found = {}
    for dtype in DTYPES:
        for count in counts:
            for hard in stress_cases(dtype, classes=count, **size):
                along = f"-{count}" if hard.loss.axis is not None else ""
                found[f"{hard.title}-{dtype}{along}"] = hard
    return found


def every(found: dict[str, HardCase]) -> pytest.MarkDecorator:
    """Parametrize a test over cases."""
    return pytest.mark.parametrize("hard", found.values(), ids=found)


def every_kind(found: dict[str, HardCase]) -> pytest.MarkDecorator:
    """Parametrize a test over cases; others than one of a kind are exhaustive."""
    marks = {True: (), False: pytest.mark.exhaustive}
    return pytest.mark.parametrize(
        "hard",
        [
            pytest.param(hard, id=title, marks=marks[hard.loss.name in REPRESENTATIVES])
            for title, hard in found.items()
        ],
    )


def along_an_axis(found: dict[str, HardCase]) -> dict[str, HardCase]:
    """Return the cases of losses along an axis."""
    return {title: hard for title, hard in found.items() if hard.loss.axis is not None}


SMALL = cases((3,), points=60, rows=16)
# One of each kind with many arguments, the others with fewer; `test_dense` has far more of all.
STRESS = {
    title: hard
    for title, hard in cases(CLASS_COUNTS, points=120, rows=24).items()
    if hard.loss.name in REPRESENTATIVES
}
STRESS |= {t: h for t, h in SMALL.items() if h.loss.name not in REPRESENTATIVES}
MANY_CLASSES = along_an_axis(cases((1000,), rows=8))
HUGE = along_an_axis(cases((50_000,), rows=8))


def test_the_table_of_bounds_names_every_loss_that_has_one() -> None:
    table = (Path(__file__).parents[1] / "docs/numerics.md").read_text()
    stated = {*oracles.LIMITS, *oracles.SLOPE_LIMITS, *oracles.SHARES}
    assert not {name for name in stated if f"`{name}`" not in table}


@every(STRESS)
def test_values(hard: HardCase) -> None:
    check_values(hard.case, hard.dtype)


@every(STRESS)
def test_gradients(hard: HardCase) -> None:
    check_gradients(hard.case, hard.dtype)


@pytest.mark.parametrize(("name", "axis"), PLACES)
@every_kind(MANY_CLASSES)
def test_many_classes(hard: HardCase, name: str, axis: int) -> None:
    check_many_classes(hard.case, hard.dtype, name, axis)


def check_many_classes(case: Case, dtype: str, name: str, axis: int) -> None:
    """Compare values and gradients along a class axis wherever it is."""
    _skip_float64(name, dtype)
    limit = MANY_LIMITS.get((name, dtype), LIMIT)
    check_values(case, dtype, name, limit, axis)
    check_gradients(case, dtype, name, limit, axis)


@pytest.mark.parametrize("name", ["torch", "jax", "mlx", "strict"])
@every_kind(SMALL)
def test_other_libraries(name: str, hard: HardCase) -> None:
    _skip_float64(name, hard.dtype)
    limit = LIMITS.get((name, hard.dtype), LIMIT)
    check_values(hard.case, hard.dtype, name, limit)
    check_gradients(hard.case, hard.dtype, name, limit)


@every({title: hard for title, hard in SMALL.items() if hard.loss.name in oracles.SLOPES})
def test_closed_forms_of_derivatives(hard: HardCase) -> None:
    case = hard.case
    least = mp.mpf(10) ** -330  # below the numbers of every dtype
    # Those of elementwise losses are here because differences take long, or swamp small slopes.
    rows = _rows(case, hard.dtype)[:: 1 if case.loss.axis is not None else 7]
    for row in rows:
        if abs(row.value) > mp.mpf(10) ** 400:
            continue
        for argument in case.floats:
            for index in row.places(argument):
                expected = row.difference(argument, index)
                if expected is not None:
                    scale = max(abs(expected), mp.mpf(row.slope_scale(argument, index)), least)
                    error = abs(row.closed_slope(argument, index) - expected)
                    assert error <= mp.mpf(10) ** -30 * scale, (row.arguments, argument, index)


@pytest.mark.exhaustive
@every(cases((2, 3, 17), points=6000, rows=400))
def test_dense(hard: HardCase) -> None:
    check_values(hard.case, hard.dtype)
    check_gradients(hard.case, hard.dtype)


@pytest.mark.exhaustive
@pytest.mark.parametrize(("name", "axis"), MORE_PLACES)
@every(HUGE)
def test_fifty_thousand_classes(hard: HardCase, name: str, axis: int) -> None:
    check_many_classes(hard.case, hard.dtype, name, axis)


def check_values(
    case: Case, dtype: str, name: str = "numpy", limit: float = LIMIT, axis: int = -1
) -> None:
    """Compare the values of a case with the exact ones."""
    limit = max(limit, oracles.LIMITS.get(case.loss.name, 0))
    arrays = case.cast(dtype)
    with _library(name, dtype):
        found = _values(case, [_made(name, _placed(x, axis)) for x in arrays], name, axis)
    found = found.reshape(-1) if axis >= 0 else found
    for place, row in enumerate(_rows(case, dtype)):
        truth, product = row.value, row.product_scale(dtype)
        if not _flushed(name, dtype, row, truth, product):
            _assert_within(found[place], truth, limit, max(row.scale, product), row)


def check_gradients(
    case: Case, dtype: str, name: str = "numpy", limit: float = LIMIT, axis: int = -1
) -> None:
    """Compare the gradients with respect to every floating-point argument."""
    arrays = case.cast(dtype)
    known = oracles.LIMITS.get(case.loss.name, 0), oracles.SLOPE_LIMITS.get(case.loss.name, 0)
    limit = max(limit, *known)
    for argument in case.floats:
        with _library(name, dtype):
            made = [_made(name, _placed(x, axis)) for x in arrays]
            found = _gradient(case, made, argument, name, axis)
        found = _back(found, axis)
        for place, row in enumerate(_rows(case, dtype)):
            product = row.product_scale(dtype, slope=True)
            for index in row.places(argument):
                truth = row.slope(argument, index)
                if truth is not None and not _flushed(name, dtype, row, truth, product):
                    slope = found[place].reshape(-1)[index]
                    scale = max(row.slope_scale(argument, index), product)
                    _assert_within(slope, truth, limit, scale, row, (argument, index))


@functools.lru_cache(maxsize=1)
def _rows(case: Case, dtype: str) -> list[Row]:
    """Return the rows of a case, which keep the exact results that took long to find."""
    arrays = case.cast(dtype)
    return [Row(case, arrays, place) for place in range(len(arrays[0]))]


def _values(case: Case, made: list[Any], name: str, axis: int) -> np.ndarray:
    """Compute the unreduced loss."""
    if name == "torch.func":
        import torch

        return np.asarray(torch.func.vmap(case)(*made))
    return np.asarray(case(*made, **_along(case, axis)))


def _gradient(case: Case, made: list[Any], argument: int, name: str, axis: int) -> np.ndarray:
    """Compute the gradient with respect to one argument."""
    if name == "torch.func":
        import torch

        derive = torch.func.grad(lambda *row: case(*row, reduction="sum"), argnums=argument)
        return np.asarray(torch.func.vmap(derive)(*made))
    derive = lossary.grad(case.loss.function, argnums=argument)
    options = {**case.shape, **case.parameters, **_along(case, axis)}
    return np.asarray(derive(*made, reduction="sum", **options))


def _along(case: Case, axis: int) -> dict[str, int]:
    return {} if case.loss.axis is None else {"axis": axis}


def _placed(x: np.ndarray, axis: int) -> np.ndarray:
    """Move the last axis of rows to the front, or between two halves of the rows."""
    if axis == 1:
        x = x.reshape(2, -1, *x.shape[1:])
    return np.ascontiguousarray(np.moveaxis(x, -1, axis)) if x.ndim > max(axis, 0) + 1 else x


def _back(x: np.ndarray, axis: int) -> np.ndarray:
    """Undo the move for a gradient."""
    if axis == 1 and x.ndim == 2:  # of row values
        return x.reshape(-1)
    moved = np.moveaxis(x, axis, -1) if axis >= 0 else x
    return moved.reshape(-1, x.shape[axis]) if axis == 1 else moved


def _skip_float64(name: str, dtype: str) -> None:
    if (name, dtype) == ("mlx", "float64"):
        pytest.skip("MLX computes functions in float32")


def _flushed(name: str, dtype: str, row: Row, truth: Any, product: float) -> bool:
    """Tell whether a library takes a number that matters for 0, or for infinite."""
    if name == "mlx" and abs(truth) > _MLX_LARGEST:
        return True
    return name in {"jax", "mlx"} and (abs(truth) < product or row.is_flushed(dtype, truth))


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
    _made(name, np.zeros(()))  # skips where the library is missing
    wide: Any = contextlib.nullcontext()
    if (name, dtype) == ("jax", "float64"):
        import jax

        wide = jax.enable_x64(True)
    with wide, np.errstate(all="ignore"), lossary.options(domain="ignore"):
        yield


def _made(name: str, x: np.ndarray) -> Any:
    if name == "dask":
        import dask.array as da

        return da.from_array(x, chunks=-1)
    return BY_NAME[name.partition(".")[0]].array(x)
