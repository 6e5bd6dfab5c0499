"""Sums over classes: exact to the last place whatever their number, and infinite where they are."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lossary

numba = pytest.importorskip("numba")
from lossary.backends.base import sum_in_pairs  # noqa: E402
from lossary.kernels import sums  # noqa: E402

WIDTHS = [1, 2, 7, 8, 9, 33, 65, 100, 129, 511, 512]


@numba.njit
def one_by_one(x: Any) -> Any:
    total = lost = 0.0
    for i in range(x.size):
        total, lost = sums.add(total, lost, x[i])
    return sums.complete(total, lost)


@numba.njit
def in_a_block(x: Any) -> Any:
    total, lost = sums.add_block(0.0, 0.0, np.append(x, np.full(3, np.nan)), x.size)
    return sums.complete(total, lost)


def in_pairs(x: np.ndarray) -> float:
    return float(sum_in_pairs(np, x[None, :, None], 1)[0, 0, 0])


every_way = pytest.mark.parametrize("total", [one_by_one, in_a_block, in_pairs])


@every_way
@pytest.mark.parametrize("width", WIDTHS)
def test_sum_keeps_its_last_digits(total: Callable[..., float], width: int) -> None:
    dominated = np.full(width, 0.3 * 2.0**-53)
    dominated[0] = 1.0
    for x in (np.full(width, 0.1), np.linspace(0.1, 1, width), dominated):
        exact = math.fsum(x)
        assert abs(total(x.copy()) - exact) <= 2 * np.spacing(exact)


@every_way
@pytest.mark.parametrize("place", [0, 5, 99])
def test_infinite_sum_stays_infinite(total: Callable[..., float], place: int) -> None:
    x = np.full(100, 0.1)
    x[place] = math.inf
    assert total(x.copy()) == math.inf
    x[place] = math.nan
    assert math.isnan(total(x.copy()))


@pytest.mark.parametrize("axis", [-1, 0])
def test_infinite_loss_of_many_classes(axis: int) -> None:
    logits, targets = np.zeros((3, 1000)), np.full((3, 1000), 1e-3)
    logits[1, 700] = -math.inf
    if axis == 0:
        logits, targets = logits.T.copy(), targets.T.copy()
    losses = lossary.cross_entropy(logits, targets, axis=axis)
    np.testing.assert_array_equal(np.isposinf(losses), [False, True, False])
