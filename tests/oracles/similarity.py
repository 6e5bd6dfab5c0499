"""Losses of similarity."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath as mp

from oracles.mathematics import Number, Row


def cosine(a: Row, b: Row, eps: float) -> Number:
    product = mp.sqrt(sum(x * x for x in a)) * mp.sqrt(sum(x * x for x in b))
    return sum(x * y for x, y in zip(a, b, strict=True)) / max(product, mp.mpf(eps))


def _cosine_slopes(place: int, index: int, a: Row, b: Row, eps: float) -> Number:
    own, other = (a, b) if place == 0 else (b, a)
    product = max(mp.norm(a) * mp.norm(b), mp.mpf(eps))
    size = sum(x * x for x in own)
    terms = sum(abs(x * y) for x, y in zip(a, b, strict=True)) / product
    return abs(other[index]) / product + (terms * abs(own[index]) / size if size else 0)


def _cosine_slope(place: int, index: int, a: Row, b: Row, eps: float) -> Number:
    own, other = (a, b) if place == 0 else (b, a)
    own_size, other_size = (mp.fsum(x * x for x in v) for v in (own, other))
    product = mp.sqrt(own_size) * mp.sqrt(other_size)
    if product <= eps:
        return other[index] / mp.mpf(eps)
    dot = mp.fsum(x * y for x, y in zip(a, b, strict=True))
    return (other[index] - dot * own[index] / own_size) / product


def _sized(a: Row, b: Row, eps: float) -> Number:
    """Return the cosine of the absolute components: what the terms of the cosine add up to."""
    # Products of two short vectors underflow before eps divides them.
    terms = cosine([abs(x) for x in a], [abs(x) for x in b], eps)
    return max(terms, mp.mpf(10) ** -30)


def cosine_distance(a: Row, b: Row, eps: float) -> Number:
    return 1 - cosine(a, b, eps)


def _distance_terms(a: Row, b: Row, eps: float) -> Number:
    """Return the size of half the squared step between two directions, by their rounding errors."""
    if mp.norm(a) * mp.norm(b) <= eps:
        return 1 + _sized(a, b, eps)
    step = mp.sqrt(2 * abs(cosine_distance(a, b, eps)))
    return step + mp.mpf(10) ** -7  # where both agree, what is left is a square of rounding errors


def _distance_slopes(place: int, index: int, a: Row, b: Row, eps: float) -> Number:
    own, other = (a, b) if place == 0 else (b, a)
    size = mp.norm(own)
    if not size or mp.norm(a) * mp.norm(b) <= eps:
        return _cosine_slopes(place, index, a, b, eps)
    directions = abs(own[index]) / size, abs(other[index]) / mp.norm(other)
    return max(*directions, directions[0] * _distance_terms(a, b, eps)) / size


def _is(y: Number, target: int) -> bool:
    # Targets choose: nothing changes where differences move them a little.
    return abs(y - target) < 1e-9


def cosine_embedding(a: Row, b: Row, y: Number, margin: float, eps: float) -> Number:
    if _is(y, 1):
        return cosine_distance(a, b, eps)
    return max(mp.mpf(0), cosine(a, b, eps) - mp.mpf(margin)) if _is(y, -1) else mp.mpf(0)


def _embedding_terms(a: Row, b: Row, y: Number, margin: float, eps: float) -> Number:
    return _distance_terms(a, b, eps) if y == 1 else _sized(a, b, eps) + abs(margin)


def _embedding_slope(
    place: int, index: int, a: Row, b: Row, y: Number, margin: float, eps: float
) -> Number:
    if place == 2:
        return mp.mpf(0)
    slope = _cosine_slope(place, index, a, b, eps)
    return -slope if y == 1 else slope * (y == -1 and cosine(a, b, eps) > margin)


def _embedding_slopes(
    place: int, index: int, a: Row, b: Row, y: Number, margin: float, eps: float
) -> Number:
    if place == 2:
        return mp.mpf(0)
    return (_distance_slopes if y == 1 else _cosine_slopes)(place, index, a, b, eps)


def _embedding_edge(a: Row, b: Row, y: Number, margin: float, eps: float) -> Number:
    """Return the distance from the kink; the side is undecided within rounding and underflow."""
    beyond = cosine(a, b, eps) - mp.mpf(margin)
    return mp.mpf(1) if y == 1 else beyond if abs(beyond) > mp.mpf(10) ** -30 else mp.mpf(0)


def hinge_embedding(d: Number, y: Number, margin: float) -> Number:
    short = max(mp.mpf(0), mp.mpf(margin) - d)
    return d if _is(y, 1) else short if _is(y, -1) else d + short


def contrastive(d: Number, t: Number, margin: float) -> Number:
    return (t * d * d + (1 - t) * max(mp.mpf(0), mp.mpf(margin) - d) ** 2) / 2


ORACLES: dict[str, Callable[..., Number]] = {
    "cosine_similarity_loss": cosine,
    "cosine_distance": cosine_distance,
    "cosine_embedding_loss": cosine_embedding,
    "hinge_embedding_loss": hinge_embedding,
    "contrastive_loss": contrastive,
}
DIFFERENCES: dict[str, Callable[..., Number]] = {
    "cosine_similarity_loss": _sized,
    "cosine_distance": _distance_terms,
    "cosine_embedding_loss": _embedding_terms,
}
SLOPE_DIFFERENCES: dict[str, Callable[..., Number]] = {
    "cosine_similarity_loss": _cosine_slopes,
    "cosine_distance": _distance_slopes,
    "cosine_embedding_loss": _embedding_slopes,
    # Along the target, one square minus another.
    "contrastive_loss": lambda place, _, d, t, margin: d * d / 2 if place == 1 else 0,
}
SLOPES: dict[str, Callable[..., Number]] = {
    "cosine_similarity_loss": _cosine_slope,
    "cosine_distance": lambda *given: -_cosine_slope(*given),
    "cosine_embedding_loss": _embedding_slope,
}
EDGES: dict[str, Callable[..., Number]] = {"cosine_embedding_loss": _embedding_edge}
# They are sums of sums.
SLOPE_LIMITS: dict[str, float] = {
    "cosine_similarity_loss": 6,
    "cosine_distance": 6,
    "cosine_embedding_loss": 6,
}
#: The distance of similar pairs, and the cosine of others.
LENGTHS: dict[str, int] = {"cosine_embedding_loss": 510}

VECTORS: dict[str, list[Any]] = {
    "cosine_distance": [
        (([3, 4, 0], [0, 4, 3]), {}, 0.36),
        (([1, 0, 0], [1, 1e-6, 0]), {}, 5.00000000000e-13),
        (([0, 0, 0], [1, 2, 3]), {}, 1),
    ],
    "cosine_embedding_loss": [
        (([3, 4, 0], [0, 4, 3], 1), {}, 0.36),
        (([3, 4, 0], [0, 4, 3], -1), {"margin": 0.2}, 0.44),
        (([0, 0, 0], [1, 2, 3], -1), {"margin": 0.2}, 0),
    ],
    "hinge_embedding_loss": [((0.5, 1), {}, 0.5), ((0.25, -1), {}, 0.75), ((2, -1), {}, 0)],
    "contrastive_loss": [((0.5, 1), {}, 0.125), ((0.25, 0), {}, 0.28125), ((2, 0), {}, 0)],
}
