"""Losses of distributions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath as mp
import numpy as np

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


def generalized_kl(z: Row, t: Row) -> Number:
    pairs = zip(z, t, strict=True)
    return mp.fsum(exp(p) - q + (q * (mp.log(q) - p) if q > 0 else 0) for p, q in pairs)


def _generalized_kl_size(z: Row, t: Row) -> Number:
    return mp.fsum(map(_rounded_amount, z, t))


def _rounded_amount(z: Number, t: Number) -> Number:
    far = t * max(abs(mp.log(t)), abs(z)) if t > 0 and not t / 4 <= exp(z) <= 4 * t else 0
    error = mp.expm1(z) - (t - 1) if abs(z) < 1 else exp(z) - t
    return max(abs(error), far)


def _generalized_kl_slopes(place: int, index: int, z: Row, t: Row) -> Number:
    if place == 0:
        return max(exp(z[index]), t[index])
    return max(abs(z[index]), abs(mp.log(t[index]))) if t[index] > 0 else abs(z[index])


def _generalized_kl_slope(place: int, index: int, z: Row, t: Row) -> Number | None:
    if place == 0:
        return exp(z[index]) - t[index]
    return mp.log(t[index]) - z[index] if t[index] > 0 else None


def _amounts(
    rng: np.random.Generator, dtype: str, size: int, classes: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return amounts of all sizes whose exponentials are in range, some nearly equal, some of 0."""
    z = rng.choice([1.0, 8.0, 40.0], (size, 1)) * rng.uniform(-1, 1, (size, classes))
    z[::7] = rng.uniform(-80, 0, z[::7].shape)
    z = z.astype(dtype).astype(np.float64)
    t = np.exp(z) * (1 + rng.choice([-1, 1], z.shape) * 10.0 ** rng.uniform(-6, -1, z.shape))
    t[::3] = rng.permutation(t[::3], axis=1) * rng.uniform(0, 3, t[::3].shape)
    t[rng.random(t.shape) < 0.1] = 0.0
    z[::5, 0] = np.where(t[::5, 0] > 0, z[::5, 0], -np.inf)
    return z, t


ORACLES: dict[str, Callable[..., Number]] = {
    "nll_loss": lambda z, t: -z[t],
    "kl_div_loss": kl,
    "kl_divergence": kl_of_probabilities,
    "generalized_kl_divergence": generalized_kl,
}
DIFFERENCES: dict[str, Callable[..., Number]] = {
    "kl_divergence": _kl_of_probabilities_size,
    "generalized_kl_divergence": _generalized_kl_size,
    "kl_div_loss": lambda z, t: sum(
        exp(q) * max(abs(p), abs(q)) for p, q in zip(z, t, strict=True)
    ),
}
SLOPE_DIFFERENCES: dict[str, Callable[..., Number]] = {
    "kl_div_loss": _kl_slopes,
    "kl_divergence": _kl_of_probabilities_slopes,
    "generalized_kl_divergence": _generalized_kl_slopes,
}
SLOPES: dict[str, Callable[..., Number]] = {
    "nll_loss": lambda place, index, z, t: mp.mpf(-1 if index == t else 0),
    "kl_div_loss": _kl_slope,
    "kl_divergence": _kl_of_probabilities_slope,
    "generalized_kl_divergence": _generalized_kl_slope,
}

HARD_ARGUMENTS: dict[str, Callable[..., Any]] = {"generalized_kl_divergence": _amounts}

VECTORS: dict[str, list[Any]] = {
    "kl_divergence": [
        (([-0.5, -1.5, -1.75], [0.5, 0.25, 0.25]), {}, 0.0227792291601),
        (([-0.5, -1.5, -1.75], [1, 0, 0]), {}, 0.5),
        (([-1, -1, -2], [0.2, 0.3, 0.5]), {}, 0.470346985935),
    ],
    "generalized_kl_divergence": [
        (([-0.5, -1.5, -1.75], [0.5, 0.25, 0.25]), {}, 0.0262139924716),
        (([-0.5, -1.5, -1.75], [1, 0, 0]), {}, 0.503434763312),
        (([-1, 0.5, 2], [0, 2, 7]), {}, 0.413322215309),
        (([0, 0], [1.000001, 1]), {}, 4.99999833251e-13),
    ],
}
