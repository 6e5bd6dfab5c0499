"""Ranking losses."""

from __future__ import annotations

from collections.abc import Callable

import mpmath as mp

from oracles.mathematics import Number, Row


def margin_ranking(a: Number, b: Number, y: Number, margin: float) -> Number:
    return max(mp.mpf(0), -y * (a - b) + margin)


def triplet(a: Row, p: Row, n: Row, degree: float, margin: float, eps: float) -> Number:
    near, far = _distance(a, p, degree, eps), _distance(a, n, degree, eps)
    return max(mp.mpf(0), near - far + margin)


def _triplet_terms(a: Row, p: Row, n: Row, degree: float, margin: float, eps: float) -> Number:
    return _distance(a, p, degree, eps) + _distance(a, n, degree, eps) + abs(margin)


def _distance(u: Row, v: Row, degree: float, eps: float) -> Number:
    total = sum(abs(x - y) ** degree for x, y in zip(u, v, strict=True))
    return (total + mp.mpf(eps)) ** (mp.mpf(1) / degree)


def _triplet_slopes(
    place: int, index: int, a: Row, p: Row, n: Row, degree: float, margin: float, eps: float
) -> Number:
    moved = {0: (p, n), 1: (p,), 2: (n,)}[place]
    return sum(_pull(a[index] - x[index], _distance(a, x, degree, eps), degree) for x in moved)


def _pull(step: Number, distance: Number, degree: float) -> Number:
    return (abs(step) / distance) ** (degree - 1) if distance else mp.mpf(0)


def _triplet_slope(
    place: int, index: int, a: Row, p: Row, n: Row, degree: float, margin: float, eps: float
) -> Number:
    near, far = _distance(a, p, degree, eps), _distance(a, n, degree, eps)
    if near - far + margin <= 0:
        return mp.mpf(0)
    steps = (a[index] - p[index], near), (a[index] - n[index], far)
    to_near, to_far = (mp.sign(step) * _pull(step, size, degree) for step, size in steps)
    return (to_near - to_far, -to_near, to_far)[place]


ORACLES: dict[str, Callable[..., Number]] = {
    "margin_ranking_loss": margin_ranking,
    "triplet_loss": triplet,
}
DIFFERENCES: dict[str, Callable[..., Number]] = {"triplet_loss": _triplet_terms}
SLOPE_DIFFERENCES: dict[str, Callable[..., Number]] = {"triplet_loss": _triplet_slopes}
SLOPES: dict[str, Callable[..., Number]] = {"triplet_loss": _triplet_slope}
# Distances that differ by the margin: which side of the kink a row is on is a matter of rounding.
EDGES: dict[str, Callable[..., Number]] = {
    "triplet_loss": lambda a, p, n, degree, margin, eps: (
        _distance(a, p, degree, eps) - _distance(a, n, degree, eps) + margin
    ),
}
