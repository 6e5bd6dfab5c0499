"""Focal losses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath as mp

from oracles.mathematics import Number, exp, softplus
from oracles.softmax import of_targets, slope_of_targets, slope_size_of_targets


def _sigmoid(z: Number) -> Number:
    return 1 / (1 + exp(-z)) if z > 0 else exp(z) / (1 + exp(z))


def _power(x: Number, gamma: float) -> Number:
    return mp.mpf(1) if gamma == 0 else x ** mp.mpf(gamma)


def binary_focal(z: Number, t: Number, gamma: float, alpha: float | None) -> Number:
    miss = t * _sigmoid(-z) + (1 - t) * _sigmoid(z)
    value = _power(miss, gamma) * (t * softplus(-z) + (1 - t) * softplus(z))
    if alpha is None:
        return value
    return (mp.mpf(alpha) * t + (1 - mp.mpf(alpha)) * (1 - t)) * value


def asymmetric(
    z: Number, t: Number, gamma_positive: float, gamma_negative: float, margin: float
) -> Number:
    positive = _power(_sigmoid(-z), gamma_positive) * softplus(-z)
    return t * positive + (1 - t) * _negative(z, gamma_negative, margin)


def _negative(z: Number, gamma: float, margin: float) -> Number:
    shifted = max(mp.mpf(0), _sigmoid(z) - mp.mpf(margin))
    surprise = softplus(z) if margin == 0 else -mp.log(1 - shifted)
    return _power(shifted, gamma) * surprise


def _binary_focal_terms(z: Number, t: Number, gamma: float, alpha: float | None) -> Number:
    # The power of a tiny target underflows before it is multiplied by a huge logit.
    return abs(z) * mp.mpf(2) ** -126 if 0 < min(t, 1 - t) < 1e-15 else mp.mpf(0)


def _binary_focal_slopes(
    place: int, _: int, z: Number, t: Number, gamma: float, alpha: float | None
) -> Number:
    hit, below = _sigmoid(z), _sigmoid(-z)
    miss = t * below + (1 - t) * hit
    terms = [t * softplus(-z), (1 - t) * softplus(z)]
    slope = gamma * _power(miss, gamma - 1) * sum(terms) if miss else mp.mpf(0)
    power = _power(miss, gamma)
    if place:
        least = abs(z) * mp.mpf(2) ** -126  # as above
        return max(slope * max(hit, below), power * max(softplus(z), softplus(-z)), least)
    return max(slope * hit * below * max(t, 1 - t), power * max((1 - t) * hit, t * below))


def _asymmetric_terms(
    z: Number, t: Number, gamma_positive: float, gamma_negative: float, margin: float
) -> Number:
    # The probability less the margin has their rounding error, which its power multiplies.
    hit = _sigmoid(z)
    shifted = hit - mp.mpf(margin)
    if shifted <= 0:
        return mp.mpf(0)
    return (1 - t) * _negative(z, gamma_negative, margin) * (gamma_negative + 1) * hit / shifted


def _asymmetric_slopes(
    place: int, _: int, z: Number, t: Number, positive: float, negative: float, margin: float
) -> Number:
    hit, below = _sigmoid(z), _sigmoid(-z)
    shifted = hit - mp.mpf(margin)
    error = (negative + 1) * hit / shifted if shifted > 0 else mp.mpf(0)
    pulls = [_power(below, positive) * softplus(-z), _negative(z, negative, margin) * error]
    if place:
        return max(pulls)
    slopes = [positive * pulls[0] * hit + _power(below, positive + 1)]
    if shifted > 0:
        surprise = softplus(z) if margin == 0 else -mp.log(1 - shifted)
        inner = negative * _power(shifted, negative - 1) * surprise
        inner += _power(shifted, negative) / (1 - shifted)
        slopes.append(inner * hit * below * error)
        if z > 80:  # the probability of 0 underflows before it is multiplied
            slopes.append(mp.mpf(2) ** -120)
    return max(share * x for share, x in zip((t, 1 - t, 1), slopes, strict=False))


def _focal(surprise: Number, p: Number, miss: Number, gamma: float) -> Number:
    return _power(miss, gamma) * surprise


def _focal_slope(surprise: Number, p: Number, miss: Number, gamma: float) -> Number:
    # The derivative of miss = 1 - exp(-surprise) is p.
    pull = gamma * _power(miss, gamma - 1) * p * surprise if miss else mp.mpf(0)
    return _power(miss, gamma) + pull


ORACLES: dict[str, Callable[..., Number]] = {
    "binary_focal_loss": binary_focal,
    "focal_loss": of_targets(_focal),
    "asymmetric_loss": asymmetric,
}
DIFFERENCES: dict[str, Callable[..., Number]] = {
    "binary_focal_loss": _binary_focal_terms,
    "asymmetric_loss": _asymmetric_terms,
}
SLOPE_DIFFERENCES: dict[str, Callable[..., Number]] = {
    "binary_focal_loss": _binary_focal_slopes,
    "asymmetric_loss": _asymmetric_slopes,
    "focal_loss": slope_size_of_targets(_focal, _focal_slope),
}
SLOPES: dict[str, Callable[..., Number]] = {"focal_loss": slope_of_targets(_focal, _focal_slope)}
# A target of exactly 0 or 1 times an infinite surprise: the derivative with respect to the target
# depends on which of them tends to its limit faster.
EDGES: dict[str, Callable[..., Number]] = {
    "binary_focal_loss": lambda z, t, gamma, alpha: mp.mpf(abs(z) < 1e300 or 0 < t < 1),
}
#: The power multiplies the error of what it is taken of.
LIMITS: dict[str, float] = {"binary_focal_loss": 8, "focal_loss": 8}
#: Two branches of their own, each a product of a power and a logarithm.
LENGTHS: dict[str, int] = {"binary_focal_loss": 260, "asymmetric_loss": 620}

VECTORS: dict[str, list[Any]] = {
    "binary_focal_loss": [
        ((2, 1), {}, 0.00180356283524),
        ((2, 1), {"alpha": 0.25}, 0.000450890708810),
        ((-2, 1), {}, 1.65007817942),
        ((40, 1), {"gamma": 0.5}, 8.75651076270e-27),
        ((2, 0.3), {}, 0.649738189712),
    ],
    "focal_loss": [
        (([2, 1, 0], 0), {}, 0.0456777989679),
        (([30, 1, 0], 0), {}, 4.21234119448e-38),
        (([2, 1, 0], 2), {"gamma": 0.5}, 2.29667112957),
    ],
    "asymmetric_loss": [
        ((2, 1), {}, 0.0151301898028),
        ((2, 0), {}, 0.846414950692),
        ((-4, 0), {}, 0),
    ],
}
