"""Losses of the distance from the target."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath as mp
import numpy as np

from oracles.mathematics import Number, exp


def epsilon_insensitive(z: Number, t: Number, epsilon: float) -> Number:
    return max(mp.mpf(0), abs(z - t) - mp.mpf(epsilon))


def logistic_distance(z: Number, t: Number) -> Number:
    r = abs(z - t)
    return r + 2 * mp.log1p(exp(-r)) - mp.log(4)


def periodic(z: Number, t: Number, period: float) -> Number:
    return 1 - mp.cospi(2 * (z - t) / mp.mpf(period))


# The residual and its quotient are rounded, so an angle of x turns is off by as many units as x is
# large. That counts as often as the slope says, and where the slope is 0 as the curvature says.
def _rounded_angle(z: Number, t: Number, period: float) -> Number:
    angle = 2 * mp.pi * abs(z - t) / mp.mpf(period)
    return min(angle * (abs(mp.sin(angle)) + angle * mp.mpf(10) ** -6), _MOST)


def _rounded_angle_slope(place: int, _: int, z: Number, t: Number, period: float) -> Number:
    turn = 2 * mp.pi / mp.mpf(period)
    return min(turn * turn * abs(z - t), _MOST)


_MOST = mp.mpf(10) ** 30


def _finite_pairs(
    rng: np.random.Generator, dtype: str, size: int, _: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return residuals of all sizes, at and near whole and half periods; none is infinite."""
    most = 30 if dtype == "float32" else 300
    near = rng.integers(-9, 9, size) + rng.choice([-1, 1], size) * 10.0 ** rng.uniform(-6, -1, size)
    all_sizes = rng.choice([-1, 1], size) * 10.0 ** rng.uniform(-most, most, size)
    known = [0.0, 0.25, 0.5, 1.0, 1.5, 1e8]
    targets = rng.choice([1.0, -2.5, 1e-30, 1e4], 4 * size)
    residuals = [*rng.choice(known, size), *rng.uniform(-2, 2, size), *near, *all_sizes]
    targets[-size:] = 0.0
    return targets + residuals, targets


ORACLES: dict[str, Callable[..., Number]] = {
    "epsilon_insensitive_loss": epsilon_insensitive,
    "squared_epsilon_insensitive_loss": lambda *x: epsilon_insensitive(*x) ** 2,
    "lp_loss": lambda z, t, p: abs(z - t) ** mp.mpf(p),
    "logistic_distance_loss": logistic_distance,
    "periodic_loss": periodic,
}

# The residual is rounded before the tolerance is subtracted.
DIFFERENCES: dict[str, Callable[..., Number]] = {
    "epsilon_insensitive_loss": lambda z, t, _: abs(z - t),
    "squared_epsilon_insensitive_loss": lambda *x: 2 * epsilon_insensitive(*x) * abs(x[0] - x[1]),
    "periodic_loss": _rounded_angle,
}
SLOPE_DIFFERENCES: dict[str, Callable[..., Number]] = {
    "squared_epsilon_insensitive_loss": lambda place, _, z, t, __: 2 * abs(z - t),
    "periodic_loss": _rounded_angle_slope,
}
# Beside the rounding of the angle: twice the error of a sine.
LIMITS: dict[str, float] = {"periodic_loss": 8}
EDGES: dict[str, Callable[..., Number]] = {
    "epsilon_insensitive_loss": lambda z, t, epsilon: abs(z - t) - epsilon,
}
HARD_ARGUMENTS: dict[str, Callable[..., Any]] = {"periodic_loss": _finite_pairs}
OTHER_PARAMETERS: dict[str, dict[str, Any]] = {
    "lp_loss": {"p": 3},
    "periodic_loss": {"period": 2.5},
}

VECTORS: dict[str, list[Any]] = {
    "epsilon_insensitive_loss": [
        ((1, 3), {}, 1.9),
        ((1.05, 1), {}, 0),
        ((-2, 1), {"epsilon": 0.5}, 2.5),
    ],
    "squared_epsilon_insensitive_loss": [
        ((1, 3), {}, 3.61),
        ((1.05, 1), {}, 0),
        ((-2, 1), {"epsilon": 0.5}, 6.25),
    ],
    "lp_loss": [
        ((3, 1), {"p": 1.5}, 2.82842712475),
        ((0.25, 1), {"p": 0.5}, 0.866025403784),
        ((-1, 1), {"p": 3}, 8),
    ],
    "logistic_distance_loss": [
        ((1, 3), {}, 0.867561660966),
        ((1.001, 1), {}, 2.49999989583e-07),
        ((500, 0), {}, 498.613705639),
    ],
    "periodic_loss": [
        ((0.25, 0), {}, 1),
        ((1e-6, 0), {}, 1.97392088021e-11),
        ((1, 0), {"period": 6.283185307179586}, 0.459697694132),
    ],
}
