"""Distances of distributions over ordered classes."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import mpmath as mp

from oracles.mathematics import Number, Row, negative_log_softmax
from oracles.softmax import probabilities

ZERO = mp.mpf(0)
_ROUNDED = mp.mpf(10) ** -7
#: Probabilities underflow before they are multiplied.
_LEAST = mp.mpf(2) ** -120


def _sums(x: Row) -> list[Number]:
    return list(itertools.accumulate(x))


def _hot(t: Any, classes: int) -> Row:
    return [mp.mpf(int(k == t)) for k in range(classes)] if isinstance(t, int) else t


def _errors(z: Row, t: Any, with_logits: bool) -> list[Number]:
    """Return the difference of the cumulative distributions between neighbouring classes."""
    if not with_logits:
        return _sums([p - q for p, q in zip(z, _hot(t, len(z)), strict=True)])[:-1]
    both = probabilities(z)
    if isinstance(t, int):  # 1 less the sum up to a class is the sum of the classes above
        p = [share for share, _ in both]
        above = _sums(p[::-1])[::-1]
        return [*_sums(p[:t]), *(-x for x in above[t + 1 :])]
    pairs = zip(both, t, strict=True)
    return _sums([(1 - q) * p - q * miss for (p, miss), q in pairs])[:-1]


def _sizes(z: Row, t: Any, with_logits: bool) -> list[Number]:
    """Return what each of them is a difference of; nothing for logits and labels."""
    if isinstance(t, int) and with_logits:
        return [ZERO] * (len(z) - 1)
    p = [share for share, _ in probabilities(z)] if with_logits else z
    return [max(pair) for pair in zip(_sums(p), _sums(_hot(t, len(z))), strict=True)][:-1]


def ranked_probability(z: Row, t: Any, with_logits: bool) -> Number:
    return mp.fsum(error * error for error in _errors(z, t, with_logits))


def _ranked_terms(z: Row, t: Any, with_logits: bool) -> Number:
    if isinstance(t, int) and with_logits:
        return _LEAST if 0 < ranked_probability(z, t, True) < 1000 * _LEAST else ZERO
    pairs = zip(_errors(z, t, with_logits), _sizes(z, t, with_logits), strict=True)
    return mp.fsum(size * (abs(error) + size * _ROUNDED) for error, size in pairs)


def wasserstein(z: Row, t: Any, with_logits: bool) -> Number:
    return mp.fsum(map(abs, _errors(z, t, with_logits)))


def _wasserstein_terms(z: Row, t: Any, with_logits: bool) -> Number:
    return mp.fsum(_sizes(z, t, with_logits))


def _wasserstein_edge(z: Row, t: Any, with_logits: bool) -> Number:
    # Where the exponents are huge, a softmax is a step that the smallest differences jump over.
    if with_logits and max(abs(x) for x in z if abs(x) < _BEYOND) > _HUGE:
        return ZERO
    sizes = _sizes(z, t, with_logits)
    pairs = zip(_errors(z, t, with_logits), sizes, strict=True)
    # A sum below the smallest numbers of float32 is 0 there.
    distances = (abs(error) / (size + _TINY) for error, size in pairs if size)
    return min(distances, default=mp.mpf(1)) * (mp.fsum(sizes) or 1)


_BEYOND, _HUGE, _TINY = mp.mpf(10) ** 900, mp.mpf(10) ** 20, mp.mpf(10) ** -30


def _pulls(thresholds: Row, t: Any, with_logits: bool) -> list[Number]:
    """Return the slope in each probability, from those in the errors at the thresholds."""
    if isinstance(t, int) and with_logits:  # up to a number that a softmax does not see
        below = _sums([ZERO, *(abs(x) for x in thresholds[:t][::-1])])[::-1]
        return [*below, *_sums([abs(x) for x in thresholds[t:]])]
    return _sums([ZERO, *thresholds[::-1]])[::-1]


def _slope(place: int, index: int, pulls: Row, z: Row, with_logits: bool) -> Number:
    if place or not with_logits:
        return -pulls[index] if place else pulls[index]
    shares = [p for p, _ in probabilities(z)]
    mean = mp.fsum(p * (pulls[index] - pull) for p, pull in zip(shares, pulls, strict=True))
    return shares[index] * mean


def _slope_size(place: int, index: int, pulls: Row, z: Row, t: Any, with_logits: bool) -> Number:
    if place or not with_logits:
        return pulls[index]
    p, surprise = probabilities(z)[index][0], negative_log_softmax(z)[index]
    least = _LEAST if 0 < p < 1000 * _LEAST else ZERO
    if isinstance(t, int):
        return max(p * max(pulls), least)
    # The slope of exp(-x) - 1 is an exponential: the error of x counts as often as x is large.
    return max(p * max(pulls) * (1 + (t[index] * surprise if p else 0)), least)


def _ranked_slope(place: int, index: int, z: Row, t: Any, with_logits: bool) -> Number:
    thresholds = [2 * error for error in _errors(z, t, with_logits)]
    return _slope(place, index, _pulls(thresholds, t, with_logits), z, with_logits)


def _ranked_slopes(place: int, index: int, z: Row, t: Any, with_logits: bool) -> Number:
    pairs = zip(_errors(z, t, with_logits), _sizes(z, t, with_logits), strict=True)
    sizes = [2 * max(abs(error), size) for error, size in pairs]
    return _slope_size(place, index, _pulls(sizes, t, with_logits), z, t, with_logits)


def _wasserstein_slope(place: int, index: int, z: Row, t: Any, with_logits: bool) -> Number:
    thresholds = [mp.sign(error) for error in _errors(z, t, with_logits)]
    return _slope(place, index, _pulls(thresholds, t, with_logits), z, with_logits)


def _wasserstein_slopes(place: int, index: int, z: Row, t: Any, with_logits: bool) -> Number:
    ones = [mp.mpf(1)] * (len(z) - 1)
    return _slope_size(place, index, _pulls(ones, t, with_logits), z, t, with_logits)


ORACLES: dict[str, Callable[..., Number]] = {
    "ranked_probability_loss": ranked_probability,
    "wasserstein_distance": wasserstein,
}
DIFFERENCES: dict[str, Callable[..., Number]] = {
    "ranked_probability_loss": _ranked_terms,
    "wasserstein_distance": _wasserstein_terms,
}
EDGES: dict[str, Callable[..., Number]] = {"wasserstein_distance": _wasserstein_edge}
SLOPES: dict[str, Callable[..., Number]] = {
    "ranked_probability_loss": _ranked_slope,
    "wasserstein_distance": _wasserstein_slope,
}
SLOPE_DIFFERENCES: dict[str, Callable[..., Number]] = {
    "ranked_probability_loss": _ranked_slopes,
    "wasserstein_distance": _wasserstein_slopes,
}
#: Squares of sums of rounded shares.
LIMITS: dict[str, float] = {"ranked_probability_loss": 8}

_SHARES: list[tuple[Any, Any]] = [
    ([0.5, 0.3, 0.2], 0),
    ([0.2, 0.5, 0.3], 2),
    ([0.2, 0.5, 0.3], [0.1, 0.4, 0.5]),
]
VECTORS: dict[str, list[Any]] = {
    "ranked_probability_loss": [
        *((pair, {}, value) for pair, value in zip(_SHARES, (0.29, 0.53, 0.05), strict=True)),
        (([2, 1, 0], 0), {"with_logits": True}, 0.120169121796),
    ],
    "wasserstein_distance": [
        *((pair, {}, value) for pair, value in zip(_SHARES, (0.7, 0.9, 0.3), strict=True)),
        (([2, 1, 0], 0), {"with_logits": True}, 0.424789617396),
    ],
}
