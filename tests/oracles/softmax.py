"""Losses of the probabilities that a softmax gives, and their derivatives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath as mp

from oracles.mathematics import Number, Row, exp, negative_log_softmax, remembered

#: From the negative logarithm of a class's probability, the probability, what it misses to 1, and
#: the loss's parameters.
Term = Callable[..., Number]


@remembered
def probabilities(z: Row) -> list[tuple[Number, Number]]:
    """Return the probability of every class, and that of all others together."""
    top = max(z)
    first = list(z).index(top)
    shares = [exp(x - top) for x in z]
    rest = mp.fsum(share for k, share in enumerate(shares) if k != first)
    total = 1 + rest
    misses = (rest if k == first else total - share for k, share in enumerate(shares))
    return [(share / total, miss / total) for share, miss in zip(shares, misses, strict=True)]


def of_targets(term: Term) -> Callable[..., Number]:
    """Return the oracle: the term of the label, or all terms weighted by target probabilities."""

    def oracle(z: Row, t: Any, *parameters: float) -> Number:
        terms = zip(negative_log_softmax(z), probabilities(z), strict=True)
        if isinstance(t, int):
            surprise, both = list(terms)[t]
            return term(surprise, *both, *parameters)
        return mp.fsum(
            share * term(surprise, *both, *parameters)
            for share, (surprise, both) in zip(t, terms, strict=True)
            if share
        )

    return oracle


def slope_of_targets(term: Term, slope: Term) -> Callable[..., Number]:
    """Return the derivative of :func:`of_targets`; ``slope`` is that of a term by the surprise."""

    def derivative(place: int, index: int, z: Row, t: Any, *parameters: float) -> Number:
        return mp.fsum(_slope_parts(term, slope, place, index, z, t, parameters))

    return derivative


def slope_size_of_targets(
    term: Term, slope: Term, *, for_labels: bool = False
) -> Callable[..., Number]:
    """Return the size of what the derivative is a difference of; for labels it is none."""

    def size(place: int, index: int, z: Row, t: Any, *parameters: float) -> Number:
        if place or (isinstance(t, int) and not for_labels):
            return mp.mpf(0)
        return max(map(abs, _slope_parts(term, slope, place, index, z, t, parameters)))

    return size


@remembered
def _slopes(slope: Term, z: Row, *parameters: float) -> list[Number]:
    """Return the slopes of the terms of all classes by their surprises."""
    both = zip(negative_log_softmax(z), probabilities(z), strict=True)
    return [slope(surprise, *shares, *parameters) for surprise, shares in both]


def _slope_parts(
    term: Term,
    slope: Term,
    place: int,
    index: int,
    z: Row,
    t: Any,
    parameters: tuple[float, ...],
) -> list[Number]:
    """Return what the derivative is a sum of: that of the class's own term, and the others'."""
    surprises, shares = negative_log_softmax(z), probabilities(z)
    own, miss = shares[index]
    if place:
        return [term(surprises[index], own, miss, *parameters)]
    if isinstance(t, int):
        moved = -miss if index == t else own
        return [slope(surprises[t], *shares[t], *parameters) * moved]
    slopes = _slopes(slope, z, *parameters)
    total = mp.fsum(share * x for share, x in zip(t, slopes, strict=True) if share)
    return [own * total, -t[index] * slopes[index] if t[index] else mp.mpf(0)]
