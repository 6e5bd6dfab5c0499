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
from oracles import DIFFERENCES
from rows import Row, units
from stress import STRESS

import lossary

LIMIT = 4
EVERY_CASE = pytest.mark.parametrize("case", STRESS, ids=lambda case: case.title)
DTYPES = pytest.mark.parametrize("dtype", ["float32", "float64"])


def assert_within(
    found: Any, truth: Any, limit: float, scale: float, what: Callable[[], str]
) -> None:
    """Check the error in units in the last place of the truth, or of a larger scale."""
    error = units(found, truth, scale)
    if error is None:
        with np.errstate(over="ignore"):
            assert found == found.dtype.type(float(truth)), what()
        return
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
                limit, scale = _limit(case, dtype, row), row.target_scale()
                found = slopes.reshape(-1)[index]
                assert_within(found, truth, limit, scale, lambda r=row: str(r.arguments))
