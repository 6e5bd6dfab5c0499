"""Losses of relative errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath as mp

from oracles.mathematics import Number, log1p


def mape(z: Number, t: Number, eps: float) -> Number:
    return abs(z - t) / max(abs(t), mp.mpf(eps))


def _mape_terms(place: int, _: int, z: Number, t: Number, eps: float) -> Number:
    # Along the target the slopes of both parts cancel where the prediction is near 0.
    size = max(abs(t), mp.mpf(eps))
    return 0 if place == 0 else 1 / size + abs(z - t) / size**2


def smape(z: Number, t: Number) -> Number:
    size = abs(z) + abs(t)
    return 2 * abs(z - t) / size if size else mp.mpf(0)


def msle(z: Number, t: Number) -> Number:
    return (log1p(z) - log1p(t)) ** 2


ORACLES: dict[str, Callable[..., Number]] = {
    "mape_loss": mape,
    "smape_loss": smape,
    "msle_loss": msle,
}
SLOPE_DIFFERENCES: dict[str, Callable[..., Number]] = {"mape_loss": _mape_terms}
# The square of the logarithm of a quotient of two rounded numbers.
LIMITS: dict[str, float] = {"msle_loss": 6}
# Subnormal shares are rounded before they are multiplied.
SLOPE_LIMITS: dict[str, float] = {"smape_loss": 6}

VECTORS: dict[str, list[Any]] = {
    "mape_loss": [
        ((1, 4), {}, 0.75),
        ((3, -2), {}, 2.5),
        ((1, 0), {"eps": 1e-3}, 1000),
    ],
    "smape_loss": [((1, 3), {}, 1), ((-1, 3), {}, 2), ((0, 0), {}, 0)],
    "msle_loss": [
        ((1, 3), {}, 0.480453013918),
        ((2.5, 2.5000001), {}, 8.16326504617e-16),
        ((0, 1e10), {}, 530.189811052),
    ],
}
