"""Ranking losses of lists."""

from __future__ import annotations

from collections.abc import Callable

import mpmath as mp

from oracles import Vector
from oracles.mathematics import Number, Row, exp, negative_log_softmax, remembered

ZERO = mp.mpf(0)


def _order(t: Row) -> list[int]:
    return sorted(range(len(t)), key=lambda k: -t[k])


def listmle(x: Row, t: Row) -> Number:
    ordered = [x[k] for k in _order(t)]
    if len(x) <= _FEW:
        return mp.fsum(negative_log_softmax(ordered[i:])[0] for i in range(len(x)))
    return mp.fsum(_surprise(v, *rest) for v, rest in zip(ordered, _rests(ordered), strict=True))


_FEW = 20


def _rests(x: Row) -> list[tuple[Number, Number]]:
    """Return of the elements after each the largest one, and Σ exp(element - largest)."""
    found = [(x[-1], ZERO)]
    for v in x[:0:-1]:
        top, total = found[-1]
        largest = max(v, top)
        found.append((largest, total * exp(top - largest) + exp(v - largest)))
    return found[::-1]


def _surprise(v: Number, top: Number, total: Number) -> Number:
    """Return log(1 + Σ exp(element - v))."""
    if v >= top:
        return mp.log1p(total * exp(top - v))
    return (top - v) + mp.log(total + exp(v - top))


def _listmle_slope_terms(place: int, index: int, x: Row, t: Row) -> Number:
    return ZERO if place else max(abs(term) for term in _drawn(index, x, t))


def _listmle_slope(place: int, index: int, x: Row, t: Row) -> Number:
    return ZERO if place else mp.fsum(_drawn(index, x, t))


@remembered
def _draws(x: Row, t: Row) -> tuple[list[int], list[Number], list[Number]]:
    """Return the items as they are drawn, their scores, and how surprising each draw is."""
    order = _order(t)
    ordered = [x[k] for k in order]
    rests = zip(ordered, _rests(ordered), strict=True)
    return order, ordered, [_surprise(v, *rest) for v, rest in rests]


@remembered
def _drawn(index: int, x: Row, t: Row) -> list[Number]:
    """Return the shares of an item in the draws before its own, and that of the others in it."""
    order, ordered, surprises = _draws(x, t)
    place = order.index(index)
    earlier = zip(ordered[:place], surprises, strict=False)
    shares = [exp((x[index] - v) - surprise) for v, surprise in earlier]
    return [*shares, mp.expm1(-min(surprises[place], mp.mpf(10_000)))]


def label_ranking(z: Row, t: Row) -> Number:
    above = [x for x, p in zip(z, t, strict=True) if p > 0.5]
    below = [x for x, p in zip(z, t, strict=True) if p <= 0.5]
    if not (above and below):
        return ZERO
    return mp.mpf(sum(x <= y for x in above for y in below)) / (len(above) * len(below))


ORACLES: dict[str, Callable[..., Number]] = {
    "label_ranking_loss": label_ranking,
    "listmle_loss": listmle,
}
VECTORS: dict[str, list[Vector]] = {
    "label_ranking_loss": [
        (([[0.75, 0.5, 1]], [[1, 0, 0]]), {}, 0.5),
        (([[0.5, 0.5, 1]], [[1, 0, 0]]), {}, 1.0),
        (([[0.5, 0.5, 1]], [[1, 1, 1]]), {}, 0.0),
    ],
    "listmle_loss": [
        (([[2, 1, 0]], [[3, 1, 0]]), {}, 0.720867651963),
        (([[0, 1, 2]], [[3, 1, 0]]), {}, 3.72086765196),
        (([[1, 1, 1, 1]], [[0, 1, 1, 2]]), {}, 3.17805383035),
    ],
}
SLOPE_DIFFERENCES: dict[str, Callable[..., Number]] = {"listmle_loss": _listmle_slope_terms}
SHARES: dict[str, int] = {"listmle_loss": 1}
# Targets order the rows: along them the loss is a constant, which jumps where two change places.
CONSTANTS: dict[str, tuple[int, ...]] = {"listmle_loss": (1,)}
SLOPES: dict[str, Callable[..., Number]] = {"listmle_loss": _listmle_slope}
