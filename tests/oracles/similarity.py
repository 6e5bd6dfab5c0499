"""Losses of similarity."""

from __future__ import annotations

from collections.abc import Callable

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


ORACLES: dict[str, Callable[..., Number]] = {"cosine_similarity_loss": cosine}
DIFFERENCES: dict[str, Callable[..., Number]] = {
    # Products of two short vectors underflow before eps divides them.
    "cosine_similarity_loss": lambda a, b, eps: max(
        cosine([abs(x) for x in a], [abs(x) for x in b], eps), mp.mpf(10) ** -30
    ),
}
SLOPE_DIFFERENCES: dict[str, Callable[..., Number]] = {"cosine_similarity_loss": _cosine_slopes}
SLOPES: dict[str, Callable[..., Number]] = {"cosine_similarity_loss": _cosine_slope}
# It is a sum of sums.
SLOPE_LIMITS: dict[str, float] = {"cosine_similarity_loss": 6}
