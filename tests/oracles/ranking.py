"""Ranking losses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath as mp

from oracles.mathematics import Number, Row, exp, negative_log_softmax, remembered, softplus


def margin_ranking(a: Number, b: Number, y: Number, margin: float) -> Number:
    return max(mp.mpf(0), -y * (a - b) + margin)


def triplet(a: Row, p: Row, n: Row, degree: float, margin: float, eps: float, swap: bool) -> Number:
    near, far, _ = _distances(a, p, n, degree, eps, swap)
    return max(mp.mpf(0), near - far + margin)


def _distances(
    a: Row, p: Row, n: Row, degree: float, eps: float, swap: bool
) -> tuple[Number, Number, bool]:
    """Return the two distances, and whether the second one is that of the positive."""
    swapped = swap and _sum_of_powers(p, n, degree) < _sum_of_powers(a, n, degree)
    far = _distance(p if swapped else a, n, degree, eps)
    return _distance(a, p, degree, eps), far, swapped


def _triplet_terms(
    a: Row, p: Row, n: Row, degree: float, margin: float, eps: float, swap: bool
) -> Number:
    return _distance(a, p, degree, eps) + _distance(a, n, degree, eps) + abs(margin)


def _distance(u: Row, v: Row, degree: float, eps: float) -> Number:
    return (_sum_of_powers(u, v, degree) + mp.mpf(eps)) ** (mp.mpf(1) / degree)


@remembered
def _sum_of_powers(u: Row, v: Row, degree: float) -> Number:
    return sum((abs(x - y) ** degree for x, y in zip(u, v, strict=True)), start=mp.mpf(0))


def _triplet_parts(
    place: int, index: int, a: Row, p: Row, n: Row, degree: float, eps: float, swap: bool
) -> list[Number]:
    """Return what the derivative is a sum of, where the loss is not 0."""
    swapped = _distances(a, p, n, degree, eps, swap)[2]
    parts = []
    for sign, (first, u), (second, v) in ((1, (0, a), (1, p)),
                                          (-1, (1, p) if swapped else (0, a), (2, n))):  # fmt: skip
        if place in {first, second}:
            step = u[index] - v[index]
            pull = _pull(step, _distance(u, v, degree, eps), degree)
            parts.append((sign if place == first else -sign) * mp.sign(step) * pull)
    return parts


def _triplet_slopes(
    place: int, index: int, a: Row, p: Row, n: Row, degree: float, margin: float, eps: float,
    swap: bool,
) -> Number:  # fmt: skip
    parts = _triplet_parts(place, index, a, p, n, degree, eps, swap)
    return mp.fsum(map(abs, parts))


def _pull(step: Number, distance: Number, degree: float) -> Number:
    return (abs(step) / distance) ** (degree - 1) if distance else mp.mpf(0)


def _triplet_slope(
    place: int, index: int, a: Row, p: Row, n: Row, degree: float, margin: float, eps: float,
    swap: bool,
) -> Number:  # fmt: skip
    if triplet(a, p, n, degree, margin, eps, swap) <= 0:
        return mp.mpf(0)
    return mp.fsum(_triplet_parts(place, index, a, p, n, degree, eps, swap))


def _triplet_edge(
    a: Row, p: Row, n: Row, degree: float, margin: float, eps: float, swap: bool
) -> Number:
    near, far, _ = _distances(a, p, n, degree, eps, swap)
    tie = abs(_distance(a, n, degree, eps) - _distance(p, n, degree, eps))
    return min(abs(near - far + margin), tie) if swap else near - far + margin


def _sizes(a: Number, b: Number, margin: float) -> Number:
    return 1 + abs(a) + abs(b) + abs(mp.mpf(margin))


def pairwise_logistic(a: Number, b: Number, y: Number, margin: float) -> Number:
    return softplus(mp.mpf(margin) - y * (a - b))


def _pairwise_logistic_terms(a: Number, b: Number, y: Number, margin: float) -> Number:
    # One rounding of the difference of the scores changes a tail by as many units as it is large.
    return pairwise_logistic(a, b, y, margin) * _sizes(a, b, margin)


def _pairwise_logistic_slopes(
    place: int, _: int, a: Number, b: Number, y: Number, margin: float
) -> Number:
    z = mp.mpf(margin) - y * (a - b)
    share = exp(z) / (1 + exp(z)) if z < 0 else 1 / (1 + exp(-z))
    return share * _sizes(a, b, margin) * (1 if place < 2 else abs(a - b))


def _softmax(z: Row) -> list[Number]:
    return [exp(-x) for x in negative_log_softmax(z)]


def listnet(x: Row, t: Row) -> Number:
    terms = zip(_softmax(t), negative_log_softmax(x), strict=True)
    return mp.fsum(p * v for p, v in terms if p)


def _listnet_slopes(place: int, index: int, x: Row, t: Row) -> Number:
    p, surprises = _softmax(t)[index], negative_log_softmax(x)
    if place == 0:
        return max(p, exp(-surprises[index]))
    return p * max(surprises)


ORACLES: dict[str, Callable[..., Number]] = {
    "margin_ranking_loss": margin_ranking,
    "triplet_loss": triplet,
    "pairwise_logistic_loss": pairwise_logistic,
    "listnet_loss": listnet,
}
DIFFERENCES: dict[str, Callable[..., Number]] = {
    "triplet_loss": _triplet_terms,
    "pairwise_logistic_loss": _pairwise_logistic_terms,
}
SHARES: dict[str, int] = {"listnet_loss": 1}
SLOPE_DIFFERENCES: dict[str, Callable[..., Number]] = {
    "triplet_loss": _triplet_slopes,
    "pairwise_logistic_loss": _pairwise_logistic_slopes,
    "listnet_loss": _listnet_slopes,
}
SLOPES: dict[str, Callable[..., Number]] = {"triplet_loss": _triplet_slope}
# Distances that differ by the margin, or that tie: which side of the kink a row is on is a matter
# of rounding.
EDGES: dict[str, Callable[..., Number]] = {"triplet_loss": _triplet_edge}

OTHER_PARAMETERS: dict[str, dict[str, Any]] = {"pairwise_logistic_loss": {"margin": 0.5}}

VECTORS: dict[str, list[Any]] = {
    "triplet_loss": [
        (([0, 0], [3, 4], [6, 8]), {"margin": 6, "eps": 0}, 1),
        (([0, 0], [3, 4], [6, 0]), {"margin": 2, "eps": 0, "swap": True}, 2),
        (([0, 0], [3, 4], [6, 1]), {"margin": 2, "eps": 0, "swap": True}, 2.75735931288),
    ],
    "pairwise_logistic_loss": [
        ((2, 1, 1), {}, 0.313261687518),
        ((2, 1, -1), {}, 1.31326168752),
        ((2, 1, 1), {"margin": 0.5}, 0.474076984180),
    ],
    "listnet_loss": [
        (([2, 1, 0], [3, 1, 0]), {}, 0.605821296097),
        (([0, 1, 2], [3, 1, 0]), {}, 2.20939063279),
        (([40, 1, 0], [40, 0, 0]), {}, 3.51416564596e-16),
    ],
}
