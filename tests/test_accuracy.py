"""Values and gradients of the host kernels: within 4 units in the last place of the exact ones.

The exact ones are the definitions in hundreds of digits at exactly the numbers that the kernel
was given. Where a result is by nature a difference (see ``oracles.DIFFERENCES``, and gradients of
the form "probability minus target"), its error is measured beside what is subtracted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath as mp
import numpy as np
import pytest
from cases import Case
from oracles import DIFFERENCES, ORACLES
from stress import STRESS

import lossary

LIMIT = 4
EVERY_CASE = pytest.mark.parametrize("case", STRESS, ids=lambda case: case.title)
DTYPES = pytest.mark.parametrize("dtype", ["float32", "float64"])
_STEP = mp.mpf(10) ** -40


class Row:
    """One point (or row) of a case: its exact loss as a function of the exact arguments."""

    def __init__(self, case: Case, arrays: tuple[np.ndarray, ...], place: int) -> None:
        values = {**case.loss.parameters, **case.parameters}
        self.oracle = ORACLES[case.loss.name]
        self.parameters = [values[name] for name in case.loss.parameters]
        self.arguments = [_exact(x[place]) for x in arrays]

    def value(self) -> Any:
        return self.oracle(*self.arguments, *self.parameters)

    def slope(self, place: int, index: int | None) -> Any:
        """Derivative by differences from both sides; None at a kink."""
        with mp.workdps(200):
            x = self.arguments[place] if index is None else self.arguments[place][index]
            step = _STEP * max(abs(x), mp.mpf(10) ** -20)
            middle = self.value()
            low, high = (self._moved(place, index, x + d) for d in (-step, step))
            left, right = (middle - low) / step, (high - middle) / step
            kink = abs(left - right) > mp.mpf(10) ** -15 * max(abs(left), abs(right))
            return None if kink else (left + right) / 2

    def _moved(self, place: int, index: int | None, x: Any) -> Any:
        moved = list(self.arguments)
        if index is None:
            moved[place] = x
        else:
            moved[place] = [x if i == index else v for i, v in enumerate(moved[place])]
        return self.oracle(*moved, *self.parameters)

    def scale(self, name: str) -> float:
        """Size of what the loss is a difference of; 0 if it is none."""
        size = DIFFERENCES.get(name)
        return 0.0 if size is None else float(size(*self.arguments, *self.parameters))


def _exact(x: Any) -> Any:
    if np.ndim(x):
        return [mp.mpf(float(v)) for v in x]
    return int(x) if isinstance(x, np.integer) else mp.mpf(float(x))


def assert_within(
    found: Any, truth: Any, limit: float, scale: float, what: Callable[[], str]
) -> None:
    """Check the error in units in the last place of the truth, or of a larger scale."""
    with np.errstate(over="ignore"):
        rounded = found.dtype.type(float(truth))
        size = max(abs(rounded), found.dtype.type(scale))
    if np.isinf(size):
        assert found == rounded, what()
        return
    unit = float(np.spacing(size))
    error = float(abs(mp.mpf(float(found)) - truth) / unit)
    assert error <= limit, f"{what()}: {found!r} is {error:.1f} ulp from {mp.nstr(truth, 20)}"


def _limit(case: Case, dtype: str, row: Row) -> float:
    """In float64 no wider precision holds the differences between the logits of a row.

    Half a unit in a difference d is d / 2 units in exp(d).
    """
    if dtype == "float32" or case.loss.axis is None:
        return LIMIT
    return LIMIT + float(max(row.arguments[0]) - min(row.arguments[0]))


@EVERY_CASE
@DTYPES
def test_values(case: Case, dtype: str) -> None:
    arrays = case.cast(dtype)
    found = case(*arrays)
    for place, value in enumerate(found):
        row = Row(case, arrays, place)
        scale = row.scale(case.loss.name)
        with mp.workdps(200):
            truth = row.value()
        assert_within(value, truth, _limit(case, dtype, row), scale, lambda r=row: str(r.arguments))


@pytest.mark.parametrize(
    "case", [c for c in STRESS if c.loss.name not in DIFFERENCES], ids=lambda case: case.title
)
@DTYPES
def test_gradients(case: Case, dtype: str) -> None:
    arrays = case.cast(dtype)
    _, gradient = lossary.value_and_grad(case.loss.function)(
        *arrays, reduction="sum", **case.shape, **case.parameters
    )
    for place, slopes in enumerate(gradient):
        row = Row(case, arrays, place)
        for index in range(slopes.size):
            truth = row.slope(0, None if case.loss.axis is None else index)
            if truth is not None:
                limit, scale = _limit(case, dtype, row), _target_scale(case, row, index)
                found = slopes.reshape(-1)[index]
                assert_within(found, truth, limit, scale, lambda r=row: str(r.arguments))


def _target_scale(case: Case, row: Row, index: int) -> float:
    """Size of what is subtracted where a gradient is a probability minus a soft target."""
    if case.loss.targets.name not in {"unit_interval", "classes_or_probabilities"}:
        return 0.0
    target = row.arguments[1]
    if isinstance(target, list):
        return 1.0
    return 0.0 if isinstance(target, int) or target in {0, 1} else 1.0
