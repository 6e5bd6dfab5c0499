"""Lovász extensions of the Jaccard loss."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import mpmath as mp

from oracles import Vector
from oracles.mathematics import Number, Row

ZERO, ONE = mp.mpf(0), mp.mpf(1)


def _steps(keys: Row, inside: list[bool]) -> tuple[list[int], list[Number]]:
    """Return the elements in the order of rising keys, and what each adds to the loss."""
    order = sorted(range(len(keys)), key=lambda k: keys[k])
    size, missed, alarms = sum(inside), 0, 0
    losses = [ZERO]
    for k in order:
        missed, alarms = missed + inside[k], alarms + (not inside[k])
        losses.append(1 - mp.mpf(size - missed) / (size + alarms))
    return order, [b - a for a, b in pairwise(losses)]


def _extension(errors: Row, inside: list[bool]) -> Number:
    order, steps = _steps([-e for e in errors], inside)
    return mp.fsum(errors[k] * step for k, step in zip(order, steps, strict=True))


def _hinges(x: Row, t: Row) -> list[Number]:
    return [max(ZERO, 1 - a * y) for a, y in zip(x, t, strict=True)]


def _errors(p: Row, t: Row) -> list[Number]:
    return [abs(y - a) for a, y in zip(p, t, strict=True)]


def lovasz_hinge(x: Row, t: Row) -> Number:
    return _extension(_hinges(x, t), [y > 0 for y in t])


def lovasz_softmax(p: Row, t: Row) -> Number:
    return _extension(_errors(p, t), [y > 0.5 for y in t])


def _step_of(index: int, keys: Row, inside: list[bool]) -> Number:
    order, steps = _steps(keys, inside)
    return steps[order.index(index)]


def _hinge_slope(place: int, index: int, x: Row, t: Row) -> Number:
    margins = [a * y for a, y in zip(x, t, strict=True)]
    if margins[index] >= 1:
        return ZERO
    # Margins are exact, errors are not: 1 - 1e-300 is 1.
    return -(t, x)[place][index] * _step_of(index, margins, [y > 0 for y in t])


def _softmax_slope(place: int, index: int, p: Row, t: Row) -> Number:
    side = mp.sign(p[index] - t[index]) * (-1 if place else 1)
    return side * _step_of(index, [-e for e in _errors(p, t)], [y > 0.5 for y in t])


def _distance_of_order(p: Row, t: Row) -> Number:
    """Return how far apart errors inside and outside are, where an error is a rounded number."""
    errors = sorted(zip(_errors(p, t), t, strict=True))
    pairs = pairwise(errors)
    return min([ONE, *(b - a for (a, y), (b, z) in pairs if y != z and b > 0.5)])


ORACLES: dict[str, Callable[..., Number]] = {
    "lovasz_hinge_loss": lovasz_hinge,
    "lovasz_softmax_loss": lovasz_softmax,
}
SLOPES: dict[str, Callable[..., Number]] = {
    "lovasz_hinge_loss": _hinge_slope,
    "lovasz_softmax_loss": _softmax_slope,
}
EDGES: dict[str, Callable[..., Number]] = {"lovasz_softmax_loss": _distance_of_order}

_P, _T = [0.9, 0.2, 0.4, 0.7], [1.0, 0.0, 0.0, 1.0]
VECTORS: dict[str, list[Vector]] = {
    "lovasz_hinge_loss": [
        (([[1, -2, 0.5, 2]], [[1, -1, -1, 1]]), {}, 0.5),
        (([[2, -2, -3]], [[1, -1, -1]]), {}, 0.0),
        (([[0.5, -0.5]], [[1, 1]]), {}, 1.0),
    ],
    "lovasz_softmax_loss": [
        (([_P], [_T]), {}, 0.275),
        (([_P], [[0, 0, 0, 0]]), {}, 0.9),
        (([_T], [_T]), {}, 0.0),
    ],
}
