"""Losses of calibration and confidence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath as mp

from oracles.mathematics import Number, Row, exp, negative_log_softmax
from oracles.softmax import probabilities


def _sigmoid(z: Number) -> Number:
    return 1 / (1 + exp(-z)) if z > 0 else exp(z) / (1 + exp(z))


def brier(z: Number, t: Number, with_logits: bool) -> Number:
    return ((_sigmoid(z) if with_logits else z) - t) ** 2


def _brier_terms(z: Number, t: Number, with_logits: bool) -> Number:
    if not with_logits:
        return mp.mpf(0)
    size = max((1 - t) * _sigmoid(z), t * _sigmoid(-z))
    # Where both are equal, what is left is the square of their rounding errors.
    return size * (abs(_sigmoid(z) - t) + size * mp.mpf(10) ** -7)


def _brier_slopes(place: int, _: int, z: Number, t: Number, with_logits: bool) -> Number:
    if not with_logits:
        return mp.mpf(0)
    p, rest = _sigmoid(z), _sigmoid(-z)
    size = max((1 - t) * p, t * rest)
    return 2 * size * (1 if place else p * rest)


def _hot(t: Any, classes: int) -> Row:
    return [mp.mpf(int(k == t)) for k in range(classes)] if isinstance(t, int) else t


def multiclass_brier(z: Row, t: Any, with_logits: bool) -> Number:
    return mp.fsum(error * error for error in _errors(z, t, with_logits))


def _errors(z: Row, t: Any, with_logits: bool) -> list[Number]:
    hot = _hot(t, len(z))
    if not with_logits:
        return [p - q for p, q in zip(z, hot, strict=True)]
    both = zip(probabilities(z), hot, strict=True)
    return [(1 - q) * p - q * miss for (p, miss), q in both]  # p - q, without a difference from 1


def _error_sizes(z: Row, t: Any) -> list[Number]:
    both = zip(probabilities(z), _hot(t, len(z)), strict=True)
    return [max((1 - q) * p, q * miss) for (p, miss), q in both]


def _multiclass_brier_terms(z: Row, t: Any, with_logits: bool) -> Number:
    if isinstance(t, int) or not with_logits:
        return mp.mpf(0)
    pairs = zip(_errors(z, t, True), _error_sizes(z, t), strict=True)
    return mp.fsum(size * (abs(error) + size * mp.mpf(10) ** -7) for error, size in pairs)


def _multiclass_brier_slopes(place: int, index: int, z: Row, t: Any, with_logits: bool) -> Number:
    if not with_logits:
        return mp.mpf(0)
    if place:
        return 2 * _error_sizes(z, t)[index]
    size = 2 * probabilities(z)[index][0] * max(_error_sizes(z, t))
    if isinstance(t, int) or not t[index]:
        return size
    # The slope of exp(-x) - 1 is an exponential: the error of x counts as often as x is large.
    return size * (1 + t[index] * negative_log_softmax(z)[index])


def _multiclass_brier_slope(place: int, index: int, z: Row, t: Any, with_logits: bool) -> Number:
    errors = _errors(z, t, with_logits)
    if place or not with_logits:
        return (-2 if place else 2) * errors[index]
    shares = [p for p, _ in probabilities(z)]
    mean = mp.fsum(p * error for p, error in zip(shares, errors, strict=True))
    return 2 * shares[index] * (errors[index] - mean)


#: Probabilities underflow before they are multiplied by logarithms.
_LEAST = mp.mpf(2) ** -120


def z_loss(z: Row) -> Number:
    return _normaliser(z) ** 2


def _normaliser(z: Row) -> Number:
    top = max(z)
    return top + mp.log(mp.fsum(exp(x - top) for x in z))


def _normaliser_size(z: Row) -> Number:
    top = max(z)
    return max(abs(top), mp.log(mp.fsum(exp(x - top) for x in z)))


def _z_terms(z: Row) -> Number:
    size = _normaliser_size(z)
    return 2 * size * (abs(_normaliser(z)) + size * mp.mpf(10) ** -7)


def _z_slopes(place: int, index: int, z: Row) -> Number:
    size, p = _normaliser_size(z), probabilities(z)[index][0]
    return 2 * size * p + (size * _LEAST if 0 < p < 1000 * _LEAST else 0)


def entropy(z: Row) -> Number:
    parts = zip(probabilities(z), negative_log_softmax(z), strict=True)
    return mp.fsum(p * surprise for (p, _), surprise in parts if p)


def _entropy_parts(index: int, z: Row) -> tuple[Number, Number, Number]:
    return probabilities(z)[index][0], negative_log_softmax(z)[index], entropy(z)


def _entropy_slopes(place: int, index: int, z: Row) -> Number:
    p, surprise, total = _entropy_parts(index, z)
    least = _LEAST if 0 < p < 1000 * _LEAST or 0 < total < 1000 * _LEAST else mp.mpf(0)
    return max(p * max(surprise, total), least) if p else least


def _entropy_slope(place: int, index: int, z: Row) -> Number:
    p, surprise, total = _entropy_parts(index, z)
    return p * (surprise - total) if p else mp.mpf(0)


ORACLES: dict[str, Callable[..., Number]] = {
    "brier_loss": brier,
    "multiclass_brier_loss": multiclass_brier,
    "z_loss": z_loss,
    "softmax_entropy": entropy,
}
DIFFERENCES: dict[str, Callable[..., Number]] = {
    "softmax_entropy": lambda z: _LEAST if 0 < entropy(z) < 1000 * _LEAST else mp.mpf(0),
    "brier_loss": _brier_terms,
    "multiclass_brier_loss": _multiclass_brier_terms,
    "z_loss": _z_terms,
}
SLOPE_DIFFERENCES: dict[str, Callable[..., Number]] = {
    "brier_loss": _brier_slopes,
    "multiclass_brier_loss": _multiclass_brier_slopes,
    "z_loss": _z_slopes,
    "softmax_entropy": _entropy_slopes,
}
SLOPES: dict[str, Callable[..., Number]] = {
    "multiclass_brier_loss": _multiclass_brier_slope,
    "z_loss": lambda place, index, z: 2 * _normaliser(z) * probabilities(z)[index][0],
    "softmax_entropy": _entropy_slope,
}
SHARES: dict[str, int] = {"softmax_entropy": 1}
#: Squares of differences of rounded products.
LIMITS: dict[str, float] = {"brier_loss": 5, "z_loss": 5, "multiclass_brier_loss": 6}
#: Products of three rounded factors.
SLOPE_LIMITS: dict[str, float] = {"brier_loss": 6, "softmax_entropy": 5, "multiclass_brier_loss": 8}

VECTORS: dict[str, list[Any]] = {
    "brier_loss": [
        ((0.7, 1), {}, 0.09),
        ((2, 1), {"with_logits": True}, 0.0142093366186),
        ((20, 1), {"with_logits": True}, 4.24835423778e-18),
    ],
    "multiclass_brier_loss": [
        (([0.7, 0.2, 0.1], 0), {}, 0.14),
        (([2, 1, 0], 0), {"with_logits": True}, 0.180061146341),
        (([30, 1, 0], 0), {"with_logits": True}, 1.94523048212e-25),
    ],
    "z_loss": [
        (([2, 1, 0],), {}, 5.79656648003),
        (([-30, 1, 0],), {}, 1.72465625990),
        (([1000, 1, 0],), {}, 1e6),
    ],
    "softmax_entropy": [
        (([2, 1, 0],), {}, 0.832395581840),
        (([0, 0, 0],), {}, 1.09861228867),
        (([50, 1, 0],), {}, 3.60510525414e-20),
    ],
}
