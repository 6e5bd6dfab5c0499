"""Classification losses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath as mp

from oracles.mathematics import Number, Row, exp, negative_log_softmax, softplus
from oracles.softmax import (
    of_targets,
    probabilities,
    slope_of_targets,
    slope_size_of_targets,
)


def binary(
    z: Number, t: Number, with_logits: bool, positive_weight: float, label_smoothing: float
) -> Number:
    share = mp.mpf(label_smoothing)
    t = t * (1 - share) + share / 2
    weight = mp.mpf(positive_weight)
    if with_logits:
        return weight * t * softplus(-z) + (1 - t) * softplus(z)
    low = mp.mpf(-100)
    hit = max(mp.log(z), low) if z > 0 else low
    miss = max(mp.log1p(-z), low) if z < 1 else low
    return -(weight * t * hit + (1 - t) * miss)


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


def _binary_slopes(
    place: int, _: int, z: Number, t: Number, with_logits: bool, *parameters: float
) -> Number:
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


def distillation(z: Row, t: Row, temperature: float) -> Number:
    scale = mp.mpf(temperature)
    parts = _distilled(z, t, scale)
    return scale * scale * mp.fsum(q * ratio for _, q, ratio, _ in parts if q)


def _distilled(z: Row, t: Row, scale: Number) -> list[tuple[Number, Number, Number, Number]]:
    """Return p, q, log(q / p) and the larger of their negative logarithms, for each class."""
    own, other = [x / scale for x in z], [x / scale for x in t]
    found = zip(
        probabilities(own), probabilities(other), negative_log_softmax(own),
        negative_log_softmax(other), strict=True,
    )  # fmt: skip
    return [(p, q, a - b, max(a, b)) for (p, _), (q, _), a, b in found]


def _distillation_terms(z: Row, t: Row, temperature: float) -> Number:
    """Return what the logarithms of the ratios are differences of, weighted."""
    scale = mp.mpf(temperature)
    parts = _distilled(z, t, scale)
    steps = [(a - b) / scale for a, b in zip(z, t, strict=True)]
    if max(steps) - min(steps) < 1:
        size = max(map(abs, steps))
        return scale**2 * mp.fsum(q * abs(ratio) for _, q, ratio, _ in parts) * size
    return scale**2 * mp.fsum(q * size for _, q, _, size in parts if q)


def _distillation_slope(place: int, index: int, z: Row, t: Row, temperature: float) -> Number:
    scale = mp.mpf(temperature)
    p, q, ratio, _ = _distilled(z, t, scale)[index]
    if place == 0:
        return scale * (p - q)
    return scale * q * ratio - q * distillation(z, t, temperature) / scale if q else mp.mpf(0)


def _distillation_slopes(place: int, index: int, z: Row, t: Row, temperature: float) -> Number:
    scale = mp.mpf(temperature)
    p, q, _, size = _distilled(z, t, scale)[index]
    if place == 0:
        return scale * max(p, q)
    return q * max(scale * size, distillation(z, t, temperature) / scale) if q else mp.mpf(0)


_OF_TARGETS: dict[str, tuple[Callable[..., Number], Callable[..., Number]]] = {
    "poly1_cross_entropy": (_poly1, _poly1_slope),
    "generalized_cross_entropy": (_generalized, _generalized_slope),
    "symmetric_cross_entropy": (_symmetric, _symmetric_slope),
}
ORACLES: dict[str, Callable[..., Number]] = {
    "binary_cross_entropy": binary,
    "cross_entropy": cross_entropy,
    "distillation_loss": distillation,
    **{name: of_targets(term) for name, (term, _) in _OF_TARGETS.items()},
}
DIFFERENCES: dict[str, Callable[..., Number]] = {"distillation_loss": _distillation_terms}
SLOPE_DIFFERENCES: dict[str, Callable[..., Number]] = {
    "distillation_loss": _distillation_slopes,
    "binary_cross_entropy": _binary_slopes,
    "cross_entropy": _cross_entropy_slopes,
    **{name: slope_size_of_targets(*both) for name, both in _OF_TARGETS.items()},
    "generalized_cross_entropy": slope_size_of_targets(
        _generalized, _generalized_slope_size, for_labels=True
    ),
}
SHARES: dict[str, int] = {"distillation_loss": 1}
# Sums of products of several rounded factors.
SLOPE_LIMITS: dict[str, float] = {"distillation_loss": 8, "symmetric_cross_entropy": 6}
#: Differences of rows of thousands of exact numbers take minutes.
SLOPES: dict[str, Callable[..., Number]] = {
    "cross_entropy": _cross_entropy_slope,
    "distillation_loss": _distillation_slope,
    **{name: slope_of_targets(*both) for name, both in _OF_TARGETS.items()},
}

VECTORS: dict[str, list[Any]] = {
    "binary_cross_entropy": [
        ((20, 1), {}, 2.06115362031e-09),
        ((0, 1), {}, 0.693147180560),
        ((0, 1), {"positive_weight": 3}, 2.07944154168),
        ((2, 1), {"label_smoothing": 0.2}, 0.326928011043),
    ],
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
    "distillation_loss": [
        (([2, 1, 0], [1, 1, 1]), {}, 0.308993675776),
        (([2, 1, 0], [2, 1, 1e-6]), {}, 4.09625569237e-14),
        (([2, 1, 0], [0, 3, 0]), {"temperature": 4}, 1.43792593396),
    ],
}
