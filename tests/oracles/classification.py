"""Classification losses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath as mp

from oracles.mathematics import Number, Row, exp, negative_log_softmax, softplus


def binary(z: Number, t: Number, with_logits: bool) -> Number:
    if with_logits:
        return t * softplus(-z) + (1 - t) * softplus(z)
    low = mp.mpf(-100)
    hit = max(mp.log(z), low) if z > 0 else low
    miss = max(mp.log1p(-z), low) if z < 1 else low
    return -(t * hit + (1 - t) * miss)


def cross_entropy(z: Row, t: Any, label_smoothing: float) -> Number:
    terms = negative_log_softmax(z)
    share = mp.mpf(label_smoothing)
    value = terms[t] if isinstance(t, int) else sum(p * x for p, x in zip(t, terms, strict=True))
    return (1 - share) * value + share * sum(terms) / len(z)


def _binary_slopes(place: int, _: int, z: Number, t: Number, with_logits: bool) -> Number:
    if place == 0:
        if with_logits:
            return max(1 / (1 + exp(-z)) if z > 0 else exp(z), t) if t not in {0, 1} else 0
        low = mp.exp(-100)
        parts = [t / z if z > low else 0, (1 - t) / (1 - z) if 1 - z > low else 0]
        return max(parts)
    return 0 if with_logits else max(-mp.log(max(x, mp.exp(-100))) for x in (z, 1 - z))


def _cross_entropy_slopes(place: int, index: int, z: Row, t: Any, smoothing: float) -> Number:
    return 0 if place or isinstance(t, int) else max(t[index], 1)


def _cross_entropy_slope(place: int, index: int, z: Row, t: Any, smoothing: float) -> Number:
    top, share = max(z), mp.mpf(smoothing)
    others = mp.fsum(exp(x - top) for i, x in enumerate(z) if i != index)
    own = exp(z[index] - top)
    total = others + own
    if place:  # the surprise itself
        return (1 - share) * negative_log_softmax(z)[index]
    even = own / total - mp.mpf(1) / len(z)
    if isinstance(t, int):
        return (1 - share) * (own if index != t else -others) / total + share * even
    return (1 - share) * (mp.fsum(t) * own / total - t[index]) + share * even


ORACLES: dict[str, Callable[..., Number]] = {
    "binary_cross_entropy": binary,
    "cross_entropy": cross_entropy,
}
SLOPE_DIFFERENCES: dict[str, Callable[..., Number]] = {
    "binary_cross_entropy": _binary_slopes,
    "cross_entropy": _cross_entropy_slopes,
}
#: Differences of rows of thousands of exact numbers take minutes.
SLOPES: dict[str, Callable[..., Number]] = {"cross_entropy": _cross_entropy_slope}

VECTORS: dict[str, list[Any]] = {
    "binary_cross_entropy": [((20, 1), {}, 2.06115362031e-09), ((0, 1), {}, 0.693147180560)],
    "cross_entropy": [(([2, 1, 0], 0), {}, 0.407605964444)],
}
