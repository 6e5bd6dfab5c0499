"""Losses of distributions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath as mp

from oracles.mathematics import Number, Row, exp


def kl(z: Row, t: Row) -> Number:
    return mp.fsum(exp(q) * (q - p) for p, q in zip(z, t, strict=True))


def _kl_slopes(place: int, index: int, z: Row, t: Row) -> Number:
    return exp(t[index]) * (abs(t[index]) + abs(z[index]) + 1) if place else 0


def _kl_slope(place: int, index: int, z: Row, t: Row) -> Number:
    return exp(t[index]) * (t[index] - z[index] + 1 if place else -1)


def kl_of_probabilities(z: Row, t: Row) -> Number:
    return mp.fsum(q * (mp.log(q) - p) for p, q in zip(z, t, strict=True) if q > 0)


def _kl_of_probabilities_size(z: Row, t: Row) -> Number:
    pairs = zip(z, t, strict=True)
    return mp.fsum(q * max(abs(p), abs(mp.log(q))) for p, q in pairs if q > 0)


def _kl_of_probabilities_slopes(place: int, index: int, z: Row, t: Row) -> Number:
    return max(abs(z[index]), abs(mp.log(t[index])), 1) if place and t[index] > 0 else mp.mpf(0)


def _kl_of_probabilities_slope(place: int, index: int, z: Row, t: Row) -> Number | None:
    if place == 0:
        return -t[index]
    return mp.log(t[index]) - z[index] + 1 if t[index] > 0 else None


ORACLES: dict[str, Callable[..., Number]] = {
    "nll_loss": lambda z, t: -z[t],
    "kl_div_loss": kl,
    "kl_divergence": kl_of_probabilities,
}
DIFFERENCES: dict[str, Callable[..., Number]] = {
    "kl_divergence": _kl_of_probabilities_size,
    "kl_div_loss": lambda z, t: sum(
        exp(q) * max(abs(p), abs(q)) for p, q in zip(z, t, strict=True)
    ),
}
SLOPE_DIFFERENCES: dict[str, Callable[..., Number]] = {
    "kl_div_loss": _kl_slopes,
    "kl_divergence": _kl_of_probabilities_slopes,
}
SLOPES: dict[str, Callable[..., Number]] = {
    "nll_loss": lambda place, index, z, t: mp.mpf(-1 if index == t else 0),
    "kl_div_loss": _kl_slope,
    "kl_divergence": _kl_of_probabilities_slope,
}

VECTORS: dict[str, list[Any]] = {
    "kl_divergence": [
        (([-0.5, -1.5, -1.75], [0.5, 0.25, 0.25]), {}, 0.0227792291601),
        (([-0.5, -1.5, -1.75], [1, 0, 0]), {}, 0.5),
        (([-1, -1, -2], [0.2, 0.3, 0.5]), {}, 0.470346985935),
    ],
}
