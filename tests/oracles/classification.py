"""Classification losses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath as mp

from oracles.mathematics import Number, Row, exp, negative_log_softmax, softplus
from oracles.softmax import of_targets, slope_of_targets, slope_size_of_targets


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


def _poly1(surprise: Number, p: Number, miss: Number, epsilon: float) -> Number:
    return surprise + mp.mpf(epsilon) * miss


def _poly1_slope(surprise: Number, p: Number, miss: Number, epsilon: float) -> Number:
    return 1 + mp.mpf(epsilon) * p


def _generalized(surprise: Number, p: Number, miss: Number, q: float) -> Number:
    # 1 - p^q = 1 - (1 - miss)^q, which keeps its digits where p is next to 1.
    return surprise if q == 0 else -mp.expm1(mp.mpf(q) * -surprise) / mp.mpf(q)


def _generalized_slope(surprise: Number, p: Number, miss: Number, q: float) -> Number:
    return p ** mp.mpf(q)


def _generalized_slope_size(surprise: Number, p: Number, miss: Number, q: float) -> Number:
    # An exponential of q times the surprise, whose rounding error counts as often as it is large.
    return p ** mp.mpf(q) * (1 + q * surprise)


def _symmetric(
    surprise: Number, p: Number, miss: Number, alpha: float, beta: float, log_zero: float
) -> Number:
    return mp.mpf(alpha) * surprise - mp.mpf(beta) * mp.mpf(log_zero) * miss


def _symmetric_slope(
    surprise: Number, p: Number, miss: Number, alpha: float, beta: float, log_zero: float
) -> Number:
    return mp.mpf(alpha) - mp.mpf(beta) * mp.mpf(log_zero) * p


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


_OF_TARGETS: dict[str, tuple[Callable[..., Number], Callable[..., Number]]] = {
    "poly1_cross_entropy": (_poly1, _poly1_slope),
    "generalized_cross_entropy": (_generalized, _generalized_slope),
    "symmetric_cross_entropy": (_symmetric, _symmetric_slope),
}
ORACLES: dict[str, Callable[..., Number]] = {
    "binary_cross_entropy": binary,
    "cross_entropy": cross_entropy,
    **{name: of_targets(term) for name, (term, _) in _OF_TARGETS.items()},
}
SLOPE_DIFFERENCES: dict[str, Callable[..., Number]] = {
    "binary_cross_entropy": _binary_slopes,
    "cross_entropy": _cross_entropy_slopes,
    **{name: slope_size_of_targets(*both) for name, both in _OF_TARGETS.items()},
    "generalized_cross_entropy": slope_size_of_targets(
        _generalized, _generalized_slope_size, for_labels=True
    ),
}
#: Differences of rows of thousands of exact numbers take minutes.
SLOPES: dict[str, Callable[..., Number]] = {
    "cross_entropy": _cross_entropy_slope,
    **{name: slope_of_targets(*both) for name, both in _OF_TARGETS.items()},
}

VECTORS: dict[str, list[Any]] = {
    "binary_cross_entropy": [((20, 1), {}, 2.06115362031e-09), ((0, 1), {}, 0.693147180560)],
    "cross_entropy": [(([2, 1, 0], 0), {}, 0.407605964444)],
    "poly1_cross_entropy": [
        (([2, 1, 0], 0), {}, 1.07712405290),
        (([30, 1, 0], 0), {}, 1.04382838328e-12),
        (([2, 1, 0], 2), {"epsilon": -1}, 1.49763653762),
    ],
    "generalized_cross_entropy": [
        (([2, 1, 0], 0), {}, 0.354613557821),
        (([2, 1, 0], 2), {"q": 1e-9}, 2.40760596155),
        (([30, 1, 0], 0), {"q": 1}, 3.47942794426e-13),
    ],
    "symmetric_cross_entropy": [
        (([2, 1, 0], 0), {}, 1.37979677335),
        (([30, 1, 0], 0), {}, 1.42656545715e-12),
        (([2, 1, 0], 2), {"alpha": 6, "beta": 0.1}, 14.8096235574),
    ],
}
