"""Counts of elements beyond a bound: found by a row's largest bits, then counted in those rows."""

from __future__ import annotations

import numpy as np
import pytest

import lossary
from lossary import DomainWarning

FAULTS = (-1.0, -1e-40, 1.5, np.inf, -np.inf, np.nan)


def given(dtype: str) -> tuple[np.ndarray, np.ndarray]:
    """Return probabilities in 40 rows, with a rest of classes, and zeros of both signs."""
    rng = np.random.default_rng(0)
    x, t = rng.random((2, 40, 203)).astype(dtype)
    x[3, :20], t[4, 190:], x[5, 202] = -0.0, -0.0, 1.0
    return x, t


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_zeros_of_both_signs_and_ones_are_probabilities(dtype: str) -> None:
    x, t = given(dtype)
    assert np.isfinite(lossary.dice_loss(x, t, reduction="mean"))  # a warning would be an error


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("fault", FAULTS)
def test_all_elements_beyond_the_bound_are_counted(dtype: str, fault: float) -> None:
    for name in ("inputs", "targets"):
        x, t = given(dtype)
        changed = x if name == "inputs" else t
        # In the sixteens and in the rest, in the first, a middle and the last row.
        for index in ((0, 0), (0, 1), (7, 202), (39, 100), (39, 201)):
            changed[index] = fault
        pattern = rf"{name} must be between 0 and 1, got .* at \(0, 0\) \(5 of 8120 values\)"
        with pytest.warns(DomainWarning, match=pattern):
            lossary.dice_loss(x, t, reduction="mean")
