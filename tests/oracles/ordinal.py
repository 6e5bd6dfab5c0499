"""Ordinal losses."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import mpmath as mp
import numpy as np

from oracles.mathematics import Number, Row, exp, softplus


def _sigmoid(z: Number) -> Number:
    return 1 / (1 + exp(-z)) if z > 0 else exp(z) / (1 + exp(z))


def ordinal(z: Row, t: int) -> Number:
    return mp.fsum(softplus(-x if k < t else x) for k, x in enumerate(z))


def _ordinal_slope(place: int, index: int, z: Row, t: int) -> Number:
    return -_sigmoid(-z[index]) if index < t else _sigmoid(z[index])


def cumulative(z: Row, t: int) -> Number:
    if t == 0:
        return softplus(-z[0])
    if t == len(z):
        return softplus(z[-1])
    if z[t] <= z[t - 1]:
        return mp.mpf(10) ** 1300
    # sigmoid(b) - sigmoid(a) = (exp(-a) - exp(-b)) / ((1 + exp(-a)) (1 + exp(-b)))
    width = z[t] - z[t - 1]
    return softplus(-z[t]) + softplus(z[t - 1]) - mp.log(-mp.expm1(-width))


def _cumulative_parts(index: int, z: Row, t: int) -> tuple[Number, Number, Number]:
    """Return the slope in the logit itself, that in the distance, and the distance."""
    if index not in {t - 1, t}:
        return mp.mpf(0), mp.mpf(0), mp.mpf(0)
    own = -_sigmoid(-z[t]) if index == t else _sigmoid(z[t - 1])
    if t in {0, len(z)}:
        return own, mp.mpf(0), mp.mpf(0)
    width = z[t] - z[t - 1]
    pull = exp(-width) / -mp.expm1(-width)
    return own, -pull if index == t else pull, width


def _cumulative_slope(place: int, index: int, z: Row, t: int) -> Number:
    own, pull, _ = _cumulative_parts(index, z, t)
    return own + pull


def _cumulative_slopes(place: int, index: int, z: Row, t: int) -> Number:
    # An exponential of a distance, whose rounding error counts as often as it is large.
    _, pull, width = _cumulative_parts(index, z, t)
    return abs(pull) * (1 + width)


def _increasing(rng: np.random.Generator, rows: int, classes: int) -> list[np.ndarray]:
    steps = rng.uniform(0.2, 2.0, (rows, classes))
    return [steps.cumsum(axis=-1) - classes * 0.5, rng.integers(0, classes + 1, rows)]


def _hard_increasing(
    rng: np.random.Generator, dtype: str, rows: int, classes: int
) -> list[np.ndarray]:
    """Return rows with steps of all sizes, from zero, far out and next to the largest number."""
    most = 30 if dtype == "float32" else 300
    steps = 10.0 ** rng.uniform(-8, 3, (rows, classes))
    start = rng.choice([-1.0, 1.0], (rows, 1)) * 10.0 ** rng.uniform(-3, 3, (rows, 1))
    start[::4] = rng.choice([0.0, -40.0, 40.0, -700.0, 700.0], (len(start[::4]), 1))
    start[1::4] = rng.choice([-1.0, 1.0]) * 10.0 ** rng.uniform(-most, most, (len(start[1::4]), 1))
    logits = (start + steps.cumsum(axis=-1)).astype(dtype)
    above = logits.dtype.type(np.inf)
    for before, after in itertools.pairwise(logits.T):
        # A step that was rounded off becomes the smallest one.
        np.maximum(after, np.nextafter(before, above), out=after)
    return [logits.astype(np.float64), rng.integers(0, classes + 1, rows)]


ORACLES: dict[str, Callable[..., Number]] = {
    "ordinal_cross_entropy": ordinal,
    "cumulative_logit_loss": cumulative,
}
SLOPE_DIFFERENCES: dict[str, Callable[..., Number]] = {"cumulative_logit_loss": _cumulative_slopes}
SLOPES: dict[str, Callable[..., Number]] = {
    "ordinal_cross_entropy": _ordinal_slope,
    "cumulative_logit_loss": _cumulative_slope,
}
ARGUMENTS: dict[str, Callable[..., Any]] = {"cumulative_logit_loss": _increasing}
HARD_ARGUMENTS: dict[str, Callable[..., Any]] = {"cumulative_logit_loss": _hard_increasing}
#: Where there is no threshold on one side.
LENGTHS: dict[str, int] = {"cumulative_logit_loss": 320}

VECTORS: dict[str, list[Any]] = {
    "ordinal_cross_entropy": [
        (([2, 0.5, -1], 0), {}, 3.41426668274),
        (([2, 0.5, -1], 2), {}, 0.914266682741),
        (([2, 0.5, -1], 3), {}, 1.91426668274),
    ],
    "cumulative_logit_loss": [
        (([-1, 0.5, 2], 0), {}, 1.31326168752),
        (([-1, 0.5, 2], 2), {}, 1.35348745415),
        (([-1, 0.5, 2], 3), {}, 2.12692801104),
        (([40, 41, 60], 2), {}, 41.0000000056),
    ],
}
