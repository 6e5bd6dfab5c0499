"""Distances and divergences between distributions given by log-probabilities."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath as mp
import numpy as np

from oracles.mathematics import Number, Row, exp


def hellinger(z: Row, t: Row) -> Number:
    squares = ((exp(p / 2) - exp(q / 2)) ** 2 for p, q in zip(z, t, strict=True))
    return mp.sqrt(mp.fsum(squares) / 2)


def _hellinger_slope(place: int, index: int, z: Row, t: Row) -> Number | None:
    with mp.workdps(400):  # the roots may agree in a hundred digits
        size = hellinger(z, t)
        if size == 0:
            return None
        roots = [exp(row[index] / 2) for row in (z, t)]
        return roots[place] * (roots[place] - roots[1 - place]) / (4 * size)


def total_variation(z: Row, t: Row) -> Number:
    return mp.fsum(abs(exp(p) - exp(q)) for p, q in zip(z, t, strict=True)) / 2


def _total_variation_slope(place: int, index: int, z: Row, t: Row) -> Number | None:
    if z[index] == t[index]:
        return None if exp(z[index]) > 0 else mp.mpf(0)
    is_above = (z[index] > t[index]) == (place == 0)
    return (1 if is_above else -1) * exp((z, t)[place][index]) / 2


ORACLES: dict[str, Callable[..., Number]] = {
    "hellinger_distance": hellinger,
    "total_variation_distance": total_variation,
}
SLOPES: dict[str, Callable[..., Number | None]] = {
    "hellinger_distance": _hellinger_slope,
    "total_variation_distance": _total_variation_slope,
}

# Five factors of the derivative are rounded.
SLOPE_LIMITS: dict[str, float] = {"hellinger_distance": 5}

_P = np.log([0.5, 0.3, 0.2]).tolist()
_TARGETS = (
    np.log([0.2, 0.3, 0.5]).tolist(),
    np.log([0.5, 0.3000001, 0.1999999]).tolist(),
    [0, -np.inf, -np.inf],
)


def _vectors(*values: float) -> list[Any]:
    return [((_P, t), {}, value) for t, value in zip(_TARGETS, values, strict=True)]


VECTORS: dict[str, list[Any]] = {
    "hellinger_distance": _vectors(0.259893185687, 1.02062076890e-07, 0.541196100146),
    "total_variation_distance": _vectors(0.3, 1.00000000022e-07, 0.5),
}
