"""Losses of quantiles and expectiles."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath as mp

from oracles.mathematics import Number


def _price(u: Number, share: float) -> Number:
    return mp.mpf(share) if u >= 0 else 1 - mp.mpf(share)


def pinball(z: Number, t: Number, quantile: float) -> Number:
    u = t - z
    return mp.mpf(quantile) * u if u >= 0 else (mp.mpf(quantile) - 1) * u


def expectile(z: Number, t: Number, expectile: float) -> Number:
    return _price(t - z, expectile) * (t - z) ** 2


def quantile_huber(z: Number, t: Number, quantile: float, delta: float) -> Number:
    u, delta = t - z, mp.mpf(delta)
    h = u * u / (2 * delta) if abs(u) <= delta and delta else abs(u) - delta / 2
    return _price(u, quantile) * h


ORACLES: dict[str, Callable[..., Number]] = {
    "pinball_loss": pinball,
    "expectile_loss": expectile,
    "quantile_huber_loss": quantile_huber,
}

OTHER_PARAMETERS: dict[str, dict[str, Any]] = {
    "pinball_loss": {"quantile": 0.6},
    "expectile_loss": {"expectile": 0.6},
    "quantile_huber_loss": {"quantile": 0.1, "delta": 0.5},
}

VECTORS: dict[str, list[Any]] = {
    "pinball_loss": [
        ((1, 3), {"quantile": 0.9}, 1.8),
        ((3, 1), {"quantile": 0.9}, 0.2),
        ((3, 1), {"quantile": 0.5}, 1),
    ],
    "expectile_loss": [
        ((1, 3), {"expectile": 0.9}, 3.6),
        ((3, 1), {"expectile": 0.9}, 0.4),
        ((1.5, 1), {}, 0.125),
    ],
    "quantile_huber_loss": [
        ((1, 3), {"quantile": 0.9}, 1.35),
        ((1.5, 1), {"quantile": 0.9}, 0.0125),
        ((3, 1), {"quantile": 0.25, "delta": 0.0}, 1.5),
    ],
}
