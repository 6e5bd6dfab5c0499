"""Distances and divergences between distributions given by log-probabilities."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath as mp
import numpy as np

from oracles.mathematics import Number, Row, exp

_DIGITS = 150  # overlaps may be 1 but for many digits
_LEAST_OVERLAP = 1.1e-15  # of products of roots; below, only their logarithms are in range


def hellinger(z: Row, t: Row) -> Number:
    squares = ((exp(p / 2) - exp(q / 2)) ** 2 for p, q in zip(z, t, strict=True))
    return mp.sqrt(mp.fsum(squares) / 2)


def _hellinger_slope(place: int, index: int, z: Row, t: Row) -> Number | None:
    with mp.workdps(400):  # the roots may agree in a hundred digits
        size = hellinger(z, t)
        if size == 0:
            return None
        roots = [exp(row[index] / 2) for row in (z, t)]
        return roots[place] * (roots[place] - roots[1 - place]) / (4 * size)


def total_variation(z: Row, t: Row) -> Number:
    return mp.fsum(abs(exp(p) - exp(q)) for p, q in zip(z, t, strict=True)) / 2


def _total_variation_slope(place: int, index: int, z: Row, t: Row) -> Number | None:
    if z[index] == t[index]:
        return None if exp(z[index]) > 0 else mp.mpf(0)
    is_above = (z[index] > t[index]) == (place == 0)
    return (1 if is_above else -1) * exp((z, t)[place][index]) / 2


def bhattacharyya(z: Row, t: Row) -> Number:
    with mp.workdps(max(mp.mp.dps, _DIGITS)):
        overlap = mp.fsum(exp((p + q) / 2) for p, q in zip(z, t, strict=True))
        sums = mp.fsum(map(exp, z)) * mp.fsum(map(exp, t))
        return -mp.log(overlap / mp.sqrt(sums)) if overlap > 0 else mp.inf


def _bhattacharyya_terms(place: int, index: int, z: Row, t: Row) -> tuple[Number, Number]:
    """Return half the probability, and half the normalized root of the product."""
    roots = [exp((p + q) / 2) for p, q in zip(z, t, strict=True)]
    row, overlap = (z, t)[place], mp.fsum(roots)
    share = roots[index] / overlap if overlap > 0 else mp.nan
    return exp(row[index]) / mp.fsum(map(exp, row)) / 2, share / 2


def _bhattacharyya_slope(place: int, index: int, z: Row, t: Row) -> Number:
    with mp.workdps(max(mp.mp.dps, _DIGITS)):
        own, share = _bhattacharyya_terms(place, index, z, t)
        return own - share


def _bhattacharyya_scale(place: int, index: int, z: Row, t: Row) -> Number:
    own, share = _bhattacharyya_terms(place, index, z, t)
    if mp.fsum(exp((p + q) / 2) for p, q in zip(z, t, strict=True)) > _LEAST_OVERLAP:
        return max(own, share)
    # Exponents are rounded sums: their error counts as often as they are large.
    return max(own, share * max(1, abs(z[index] + t[index]) / 8)) if share > 0 else own


def jensen_shannon(z: Row, t: Row) -> Number:
    with mp.workdps(max(mp.mp.dps, _DIGITS)):
        return mp.fsum(map(_of_class, z, t)) / 2


def _of_class(p: Number, q: Number) -> Number:
    first, second = exp(p), exp(q)
    if first + second == 0:
        return mp.mpf(0)
    middle = mp.log((first + second) / 2)
    return first * (p - middle) + second * (q - middle)


def _of_mean(p: Number, q: Number) -> Number:
    """Return p log(p / m) for the mean m of exponentials."""
    if exp(p) == 0:
        return mp.mpf(0)
    return -exp(p) * mp.log((1 + exp(q - p)) / 2)


def _jensen_shannon_slope(place: int, index: int, z: Row, t: Row) -> Number:
    with mp.workdps(400):  # the logarithms may differ by the smallest numbers
        return _of_mean((z, t)[place][index], (t, z)[place][index]) / 2


def _mean_of(x: Number, t: Number, alpha: Number) -> Number:
    """Return T^alpha P^(1 - alpha)."""
    return exp((alpha * t if alpha else 0) + ((1 - alpha) * x if alpha != 1 else 0))


def _alpha_term(x: Number, t: Number, alpha: Number) -> Number:
    first, second = exp(x), exp(t)
    if x == t:
        return mp.mpf(0)
    if alpha == 0:
        return second - first + (first * (x - t) if first > 0 else 0)
    if alpha == 1:
        return first - second + (second * (t - x) if second > 0 else 0)
    rest = alpha * second + (1 - alpha) * first
    return (_mean_of(x, t, alpha) - rest) / (alpha * (alpha - 1))


def alpha(z: Row, t: Row, alpha: float) -> Number:
    with mp.workdps(max(mp.mp.dps, _DIGITS)):
        return mp.fsum(_alpha_term(p, q, mp.mpf(alpha)) for p, q in zip(z, t, strict=True))


def _alpha_slope(place: int, index: int, z: Row, t: Row, alpha: float) -> Number:
    with mp.workdps(400):  # the logarithms may differ by the smallest numbers
        own, other = (z, t)[place][index], (t, z)[place][index]
        share = mp.mpf(alpha) if place == 0 else 1 - mp.mpf(alpha)
        if share == 0:
            return exp(own) * (own - other) if exp(own) > 0 else mp.mpf(0)
        return (exp(own) - _mean_of(own, other, share)) / share


ORACLES: dict[str, Callable[..., Number]] = {
    "alpha_divergence": alpha,
    "hellinger_distance": hellinger,
    "total_variation_distance": total_variation,
    "bhattacharyya_distance": bhattacharyya,
    "jensen_shannon_divergence": jensen_shannon,
}
SLOPES: dict[str, Callable[..., Number | None]] = {
    "alpha_divergence": _alpha_slope,
    "hellinger_distance": _hellinger_slope,
    "total_variation_distance": _total_variation_slope,
    "bhattacharyya_distance": _bhattacharyya_slope,
    "jensen_shannon_divergence": _jensen_shannon_slope,
}
# The derivative is a probability minus another.
SLOPE_DIFFERENCES: dict[str, Callable[..., Number]] = {
    "bhattacharyya_distance": _bhattacharyya_scale,
}


def _distributions(rng: np.random.Generator, dtype: str, size: int, classes: int) -> Any:
    """Return pairs of distributions: unrelated, nearly equal, equal, with impossible classes."""
    rows = [_pair(rng, dtype, classes, place) for place in range(size)]
    return tuple(np.array(column) for column in zip(*rows, strict=True))


def _pair(rng: np.random.Generator, dtype: str, classes: int, place: int) -> tuple[Any, Any]:
    first = rng.normal(size=classes) * 10.0 ** rng.uniform(-4, 2)
    if place % 3 == 0:  # one class has nearly all of the probability
        first[rng.integers(classes)] += rng.choice([5.0, 20.0, 60.0, 95.0, 600.0])
    other = rng.normal(size=classes) * 10.0 ** rng.uniform(-4, 2)
    match place % 7:
        case 0 | 1:
            other = first * (1 + 10.0 ** rng.uniform(-7, -1) * rng.normal(size=classes))
        case 2:
            other = first.copy()
        case 3:
            first[rng.random(classes) < 0.4] = -np.inf
        case 4:
            other[np.arange(classes) != rng.integers(classes)] = -np.inf
        case 5:
            other = first + 10.0 ** rng.uniform(-7, 0) * rng.normal(size=classes)
    return _normalized(first, dtype), _normalized(other, dtype)


def _normalized(logits: Any, dtype: str) -> Any:
    if np.all(np.isinf(logits)):
        logits = np.where(np.arange(logits.size) == 0, 0.0, logits)
    return np.minimum(logits - np.logaddexp.reduce(logits), 0.0).astype(dtype).astype(float)


HARD_ARGUMENTS: dict[str, Callable[..., Any]] = {"bhattacharyya_distance": _distributions}

OTHER_PARAMETERS: dict[str, dict[str, Any]] = {"alpha_divergence": {"alpha": 2.0}}

# Sums of products where they are not too small, else a softmax.
LENGTHS: dict[str, int] = {"bhattacharyya_distance": 270}
# A difference of which half is left is multiplied by a rounded mean; a product of five rounded
# factors; squares of rounded differences.
LIMITS: dict[str, float] = {
    "jensen_shannon_divergence": 7,
    "alpha_divergence": 6,
    "bhattacharyya_distance": 5,
}
# Five factors of the derivative are rounded.
SLOPE_LIMITS: dict[str, float] = {"hellinger_distance": 6}

_P = np.log([0.5, 0.3, 0.2]).tolist()
_TARGETS = (
    np.log([0.2, 0.3, 0.5]).tolist(),
    np.log([0.5, 0.3000001, 0.1999999]).tolist(),
    [0, -np.inf, -np.inf],
)


def _vectors(*values: float) -> list[Any]:
    return [((_P, t), {}, value) for t, value in zip(_TARGETS, values, strict=True)]


VECTORS: dict[str, list[Any]] = {
    "alpha_divergence": [
        ((_P, _TARGETS[0]), {"alpha": alpha}, value)
        for alpha, value in [
            (0.5, 0.270177871865),
            (0, 0.274887219562),
            (1, 0.274887219562),
            (2, 0.315),
        ]
    ],
    "hellinger_distance": _vectors(0.259893185687, 1.02062076890e-07, 0.541196100146),
    "total_variation_distance": _vectors(0.3, 1.00000000022e-07, 0.5),
    "bhattacharyya_distance": _vectors(0.0699338154284, 1.04166675390e-14, 0.346573590280),
    "jensen_shannon_divergence": _vectors(0.0664143143823, 1.04166675390e-14, 0.215761554339),
}
