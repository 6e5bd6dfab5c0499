"""Margin losses of several classes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath as mp

from oracles.mathematics import Number, Row, softplus

ZERO, ONE = mp.mpf(0), mp.mpf(1)


def _rivals(z: Row, y: int) -> list[Number]:
    return [x for k, x in enumerate(z) if k != y]


def multiclass_hinge(z: Row, y: int) -> Number:
    return max([ZERO, *(1 + x - z[y] for x in _rivals(z, y))])


def multi_margin(z: Row, y: int, p: int, margin: float) -> Number:
    lacking = (max(ZERO, mp.mpf(margin) - z[y] + x) ** p for x in _rivals(z, y))
    return mp.fsum(lacking) / len(z)


def multiclass_sparsemax(z: Row, y: int) -> Number:
    top = max(z)
    threshold, support = _threshold([v - top for v in z])
    squares = mp.fsum(v**2 - threshold**2 for v in support)
    return squares / 2 + mp.mpf(1) / 2 - (z[y] - top)


def _threshold(x: Row) -> tuple[Number, Row]:
    """Return the threshold of sparsemax, and the elements above it: as many as there can be."""
    support = sorted(x, reverse=True)
    total = ZERO
    for size, v in enumerate(support):
        if size and v * size <= total - 1:
            return (total - 1) / size, support[:size]
        total += v
    return (total - 1) / len(x), support


def _sparsemax_slopes(place: int, index: int, z: Row, y: int) -> Number:
    # A share is the difference of a score and the threshold.
    top = max(z)
    return -_threshold([v - top for v in z])[0]


def multilabel_soft_margin(z: Row, t: Row) -> Number:
    terms = (p * softplus(-x) + (1 - p) * softplus(x) for x, p in zip(z, t, strict=True))
    return mp.fsum(terms) / len(z)


def _multilabel_soft_margin_slopes(place: int, index: int, z: Row, t: Row) -> Number:
    if place:
        return max(softplus(z[index]), softplus(-z[index])) / len(z)
    return max(1 / (1 + mp.exp(-max(z[index], mp.mpf(-10_000)))), t[index]) / len(z)


ORACLES: dict[str, Callable[..., Number]] = {
    "multi_margin_loss": multi_margin,
    "multiclass_hinge_loss": multiclass_hinge,
    "multiclass_perceptron_loss": lambda z, y: max(z) - z[y],
    "multiclass_sparsemax_loss": multiclass_sparsemax,
    "multiclass_zero_one_loss": lambda z, y: ZERO if all(x < z[y] for x in _rivals(z, y)) else ONE,
    "multilabel_soft_margin_loss": multilabel_soft_margin,
}
SLOPE_DIFFERENCES: dict[str, Callable[..., Number]] = {
    "multiclass_sparsemax_loss": _sparsemax_slopes,
    "multilabel_soft_margin_loss": _multilabel_soft_margin_slopes,
}
OTHER_PARAMETERS: dict[str, dict[str, Any]] = {"multi_margin_loss": {"p": 2, "margin": 0.5}}

# Squares of rounded differences from a rounded threshold.
LIMITS: dict[str, float] = {"multiclass_sparsemax_loss": 8}
VECTORS: dict[str, list[Any]] = {
    "multi_margin_loss": [
        (([2, 1.5, -1], 0), {}, 0.166666666667),
        (([2, 1.5, -1], 0), {"p": 2}, 0.0833333333333),
        (([0, 0, 3], 1), {"p": 2, "margin": 0.5}, 4.16666666667),
    ],
    "multiclass_hinge_loss": [
        (([2, 1.5, -1], 0), {}, 0.5),
        (([0, 0, 3], 1), {}, 4),
        (([5, 1, 0], 0), {}, 0),
    ],
    "multiclass_perceptron_loss": [
        (([2, 1.5, -1], 0), {}, 0),
        (([0, 0, 3], 1), {}, 3),
        (([1, 1, 0], 1), {}, 0),
    ],
    "multiclass_sparsemax_loss": [
        (([2, 1.5, -1], 0), {}, 0.0625),
        (([0.5, 0.2, 0], 1), {}, 0.43),
        # (0.2 + 1)**2 / 4 at the number that 1000.2 is written as
        (([1000.2, 1000, -5], 1), {}, 0.36000000000002725),
    ],
    "multiclass_zero_one_loss": [
        (([2, 1.5, -1], 0), {}, 0),
        (([0, 0, 3], 1), {}, 1),
        (([1, 1, 0], 1), {}, 1),
    ],
    "multilabel_soft_margin_loss": [
        (([2, -1, 0.5], [1, 0, 1]), {}, 0.304755560914),
        (([40, -40, 0], [1, 0, 0]), {}, 0.231049060187),
        (([2, -1, 0.5], [0.5, 0, 1]), {}, 0.638088894247),
    ],
}
