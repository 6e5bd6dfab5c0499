"""Margin losses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath as mp

from oracles.mathematics import Number, exp, softplus

ZERO, ONE = mp.mpf(0), mp.mpf(1)


def hinge(z: Number, y: Number) -> Number:
    return max(ZERO, 1 - y * z)


def smoothed_hinge(z: Number, y: Number, gamma: float) -> Number:
    m, width = hinge(z, y), mp.mpf(gamma)
    return m - width / 2 if m > width else m**2 / (2 * width) if width else ZERO


def modified_huber(z: Number, y: Number) -> Number:
    return hinge(z, y) ** 2 if y * z >= -1 else -4 * y * z


def distance_weighted_discrimination(z: Number, y: Number, q: float) -> Number:
    power = mp.mpf(q)
    end = power / (power + 1)
    return 1 - y * z if y * z <= end else (end / (y * z)) ** power / (power + 1)


ORACLES: dict[str, Callable[..., Number]] = {
    "distance_weighted_discrimination_loss": distance_weighted_discrimination,
    "exponential_loss": lambda z, y: exp(-y * z),
    "hinge_loss": hinge,
    "logistic_loss": lambda z, y: softplus(-y * z),
    "modified_huber_loss": modified_huber,
    "perceptron_loss": lambda z, y: max(ZERO, -y * z),
    "ramp_loss": lambda z, y, cap: min(mp.mpf(cap), hinge(z, y)),
    "sigmoid_loss": lambda z, y: 1 / (1 + mp.exp(min(y * z, mp.mpf(100_000)))),
    "smoothed_hinge_loss": smoothed_hinge,
    "squared_hinge_loss": lambda z, y: hinge(z, y) ** 2,
    "zero_one_loss": lambda z, y: ONE if y * z <= 0 else ZERO,
}
# Where the margin is missed by about the cap, which branch holds is a matter of rounding.
EDGES: dict[str, Callable[..., Number]] = {
    "ramp_loss": lambda z, y, cap: hinge(z, y) - mp.mpf(cap),
}
OTHER_PARAMETERS: dict[str, dict[str, Any]] = {
    "distance_weighted_discrimination_loss": {"q": 3.0},
    "ramp_loss": {"cap": 2.0},
    "smoothed_hinge_loss": {"gamma": 2.0},
}

VECTORS: dict[str, list[Any]] = {
    "distance_weighted_discrimination_loss": [
        ((0.5, 1), {}, 0.5), ((2, 1), {}, 0.125), ((2, 1), {"q": 0.5}, 0.272165526976),
    ],
    "exponential_loss": [
        ((0.5, 1), {}, 0.606530659713), ((-3, 1), {}, 20.0855369232),
        ((20, 1), {}, 2.06115362244e-09),
    ],
    "hinge_loss": [((0.5, 1), {}, 0.5), ((-1, 1), {}, 2), ((0.25, -1), {}, 1.25)],
    "logistic_loss": [
        ((0.5, 1), {}, 0.474076984180), ((-3, 1), {}, 3.04858735157),
        ((40, 1), {}, 4.24835425529e-18),
    ],
    "modified_huber_loss": [((0.5, 1), {}, 0.25), ((-3, 1), {}, 12), ((-1, 1), {}, 4)],
    "perceptron_loss": [((0.5, -1), {}, 0.5), ((2, 1), {}, 0), ((-3.25, 1), {}, 3.25)],
    "ramp_loss": [((0.5, 1), {}, 0.5), ((-3, 1), {}, 1), ((-3, 1), {"cap": 2}, 2)],
    "sigmoid_loss": [
        ((0.5, 1), {}, 0.377540668798), ((-3, 1), {}, 0.952574126822),
        ((40, 1), {}, 4.24835425529e-18),
    ],
    "smoothed_hinge_loss": [
        ((0.5, 1), {"gamma": 1}, 0.125), ((-1, 1), {"gamma": 2}, 1),
        ((0.25, 1), {"gamma": 0}, 0.75),
    ],
    "squared_hinge_loss": [((0.5, 1), {}, 0.25), ((-1, 1), {}, 4), ((0.25, -1), {}, 1.5625)],
    "zero_one_loss": [((0.5, 1), {}, 0), ((0, 1), {}, 1), ((0.25, -1), {}, 1)],
}  # fmt: skip
