"""The variable of a curve: how a loss becomes a function of one number."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lossary.arrays import Array
from lossary.domains import (
    BOXES,
    DISTANCES,
    LOG_PROBABILITIES,
    MEAN_LOG_PROBABILITIES,
    PLUS_MINUS_ONE,
    PREDICTED_LOG_PROBABILITIES,
    PROBABILITIES,
    RANK_LABELS,
    REAL,
)
from lossary.options import options
from lossary.products.catalogue import MatrixRecord
from lossary.registry import Loss

Bounds = tuple[float, float]
#: Returns the arguments of a loss for values of the variable.
ArgumentsOf = Callable[[Array], Sequence[Any]]

_REAL = (-math.inf, math.inf)
_NEGATIVE = (-math.inf, 0.0)


@dataclass(frozen=True, slots=True)
class Variable:
    """How a loss becomes a function of one number.

    Attributes
    ----------
    axis : str
        What the number is.
    arguments : callable
        Returns the arguments of the loss for values of the number.
    bounds, domain : tuple of float
        The range that is drawn by default, and the largest one.
    counterpart : callable, optional
        Returns the arguments with the other target.
    targets : tuple of str
        What the target is, and the other one.
    """

    axis: str
    arguments: ArgumentsOf
    bounds: Bounds = (-3.0, 3.0)
    domain: Bounds = _REAL
    counterpart: ArgumentsOf | None = None
    targets: tuple[str, str] = ("target 1", "target 0")


def variable_of(loss: Loss, parameters: dict[str, Any]) -> Variable:
    """Return the variable of a loss's curve."""
    if isinstance(loss, MatrixRecord) and loss.is_of_pairs:
        return _similarity(loss)
    if loss.axis is not None:
        return _first_of_row(loss, parameters)
    others = loss.arguments[1:]
    if loss.domains.get(loss.arguments[0]) == MEAN_LOG_PROBABILITIES:
        arguments = _first_of(others, rejected=-1.0)
        axis = f"log-probability {loss.arguments[0]}, the other -1"
        return Variable(axis, arguments, (-5.0, -0.01), _NEGATIVE)
    if loss.targets.two_classes is None:
        return _number(loss, parameters)
    negative, positive = loss.targets.two_classes
    arguments = _first_of(others, targets=positive)
    if loss.domains.get(loss.arguments[0]) == DISTANCES:
        titles = f"target {positive:g}", f"target {negative:g}"
        other = _first_of(others, targets=negative)
        bounds, domain = (0.0, 3.0), (0.0, math.inf)
        return Variable(f"distance, {titles[0]}", arguments, bounds, domain, other, titles)
    if negative != 0:
        axis = "score" if len(others) == 1 else "difference of scores"
        return Variable(f"{axis}, target +1", arguments)
    counterpart = _first_of(others, targets=negative)
    if not _takes_probabilities(loss, parameters):
        return Variable("logit, target 1", arguments, counterpart=counterpart)
    bounds, domain = (0.01, 0.99), (0.0, 1.0)
    return Variable("probability, target 1", arguments, bounds, domain, counterpart)


#: Similarities of an item to the others, but the first, which varies.
_SIMILARITIES = (0.6, 0.3, 0.0)


def _similarity(loss: Loss) -> Variable:
    """Return the variable of a loss of pairs: a similarity of an item, to one that belongs to it.

    Another one belongs to it too, or instead; the item itself is the last of the columns where the
    loss has to leave it out.
    """
    itself = 1 if "items" in loss.arguments else 0
    others = len(_SIMILARITIES) + 1
    fixed = [*_SIMILARITIES, *[1.0] * itself]

    def arguments(belongs: bool) -> ArgumentsOf:
        targets = [0.0 if belongs else 1.0, 0.0, 1.0, 1.0, *[0.0] * itself]
        rows = {"targets": np.array(targets), "partners": 0 if belongs else 1, "items": others}

        def given(x: Array) -> Sequence[Any]:
            similarities = np.stack([x, *(np.full_like(x, value) for value in fixed)], axis=1)
            rest = [rows.get(name, 0) for name in loss.arguments[1:]]
            return similarities, *(np.broadcast_to(y, x.shape + np.shape(y)) for y in rest)

        return given

    titles = "to one that belongs to it", "to another"
    return Variable(
        f"similarity, {titles[0]}", arguments(True), (-1.0, 1.0), _REAL, arguments(False), titles
    )


def _number(loss: Loss, parameters: dict[str, Any]) -> Variable:
    """Return the variable of an elementwise loss of numbers: their residual, if that is enough."""
    first, *others = loss.arguments
    bounded = [name for name in others if not loss.domains.get(name, REAL).is_real]
    ones = dict.fromkeys(bounded, 1.0)
    fixed = "".join(f", {name} 1" for name in bounded if name != "targets")
    if "targets" not in others:
        return Variable(f"{first}{fixed}", _first_of(others, **ones))
    arguments = _first_of(others, **ones)
    if _is_of_residual(loss, arguments, parameters):
        return Variable(f"residual{fixed}", arguments)
    domain = loss.domains.get(first, REAL)
    is_lifted = parameters.get(domain.unless, loss.parameters.get(domain.unless, False))
    is_real = domain.is_real or is_lifted
    least = -math.inf if is_real else domain.typical[0]
    bounds = REAL.typical if is_real else domain.typical
    arguments = _first_of(others, **ones | {"targets": 1.0})
    return Variable(f"prediction, target 1{fixed}", arguments, bounds, (least, math.inf))


def _is_of_residual(loss: Loss, arguments: ArgumentsOf, parameters: dict[str, Any]) -> bool:
    """Return whether moving prediction and target together changes nothing."""
    with options(domain="ignore"):
        given = arguments(np.array([0.5, 2.5]))
        position = loss.arguments.index("targets")
        moved = [x + 1 if i in {0, position} else x for i, x in enumerate(given)]
        values = [loss.function(*x, reduction="none", **parameters) for x in (given, moved)]
    return bool(np.allclose(*values))


def _takes_probabilities(loss: Loss, parameters: dict[str, Any]) -> bool:
    """Return whether the first argument is a probability, with these parameters."""
    domain = loss.domains.get(loss.arguments[0], REAL)
    if domain.name != PROBABILITIES.name:
        return False
    return not parameters.get(domain.unless, loss.parameters.get(domain.unless, False))


def _first_of(others: Sequence[str], **values: float) -> ArgumentsOf:
    """Return a function whose variable is the first argument; the others are 0 by default."""
    return lambda x: [x, *(np.full_like(x, values.get(name, 0.0)) for name in others)]


def _first_of_row(loss: Loss, parameters: dict[str, Any]) -> Variable:
    """Return the variable of a loss along an axis: the first element of rows of two."""
    if len(loss.arguments) == 1:
        return Variable("first of two logits, the other 0", lambda x: [_rows(x, 0.0, x)])
    if loss.targets == RANK_LABELS:
        return Variable("logit of one threshold, category 1", _above)
    if loss.takes_labels and _takes_probabilities(loss, parameters):
        axis = "probability of the label, the other 1/4"
        return Variable(axis, _labelled_shares, (0.01, 0.99), (0.0, 1.0))
    if loss.takes_labels:
        if loss.domains.get(loss.arguments[0]) == PREDICTED_LOG_PROBABILITIES:
            return Variable("log-probability of the label", _labelled, (-5.0, 0.0), _NEGATIVE)
        return Variable("logit of the label, the other 0", _labelled)
    if loss.targets == LOG_PROBABILITIES:
        axis = "log-probability of a class of probability 1/2"
        return Variable(axis, _halves, (-5.0, 0.0), _NEGATIVE)
    if loss.domains.get(loss.arguments[0]) == PREDICTED_LOG_PROBABILITIES:
        axis = "log-probability of a class of probability 1/2"
        return Variable(axis, _half_probabilities, (-5.0, 0.0), _NEGATIVE)
    if loss.domains.get(loss.arguments[0]) == BOXES:
        axis = "left edge of a box that ends at 2, against one from 0 to 2"
        return Variable(axis, _boxes, (-3.0, 1.9), (-math.inf, 2.0))
    if loss.domains.get(loss.arguments[0]) == PROBABILITIES:
        if _takes_probabilities(loss, parameters):
            axis = "probability of one of two elements, the only one in the target"
            return Variable(axis, _one_of_two, (0.01, 0.99), (0.0, 1.0))
        return Variable("logit of one of two elements, the only one in the target", _one_of_two)
    if loss.targets == PLUS_MINUS_ONE and not loss.rows:
        axis = "score of an element of the region, beside one of 1/2 outside"
        return Variable(axis, _inside_and_outside)
    if loss.rows and len(loss.arguments) == 2:
        return Variable("one of two samples, the other 1, target 0", _samples)
    rows = "x of {} (x, 1), with {} (1, 0)".format(*loss.arguments)
    if loss.rows:
        axis = f"{rows} and target +1"
        return Variable(axis, lambda x: [*_vectors(x)[:2], np.ones(len(x))])
    if "events" in loss.arguments:
        return Variable("log-hazard of the first of two events, the other 0", _events)
    if len(loss.arguments) == 3:
        return Variable("anchor on a line, positive at 0, negative at 2", _triplets)
    count = len(loss.arguments)
    return Variable(rows, lambda x: _vectors(x)[:count])


def _labelled(x: Array) -> Sequence[Any]:
    return _rows(x, 0.0, x), np.zeros(len(x), dtype=np.int64)


def _labelled_shares(x: Array) -> Sequence[Any]:
    return _rows(x, 0.25, x), np.zeros(len(x), dtype=np.int64)


def _above(x: Array) -> Sequence[Any]:
    return x[:, None], np.ones(len(x), dtype=np.int64)


def _halves(x: Array) -> Sequence[Any]:
    half = math.log(0.5)
    return _rows(x, half, x), _rows(half, half, x)


def _half_probabilities(x: Array) -> Sequence[Any]:
    return _rows(x, math.log(0.5), x), _rows(0.5, 0.5, x)


def _one_of_two(x: Array) -> Sequence[Any]:
    return _rows(x, 0.25, x), _rows(1.0, 0.0, x)


def _boxes(x: Array) -> Sequence[Any]:
    box = np.broadcast_to([0.0, 0.0, 2.0, 2.0], (len(x), 4))
    return np.concatenate([x[:, None], box[:, 1:]], axis=1), box


def _triplets(x: Array) -> Sequence[Any]:
    return _rows(x, 0.0, x), _rows(0.0, 0.0, x), _rows(2.0, 0.0, x)


def _inside_and_outside(x: Array) -> Sequence[Any]:
    return _rows(x, 0.5, x), _rows(1.0, -1.0, x)


def _events(x: Array) -> Sequence[Any]:
    return _rows(x, 0.0, x), _rows(1.0, 2.0, x), _rows(1.0, 1.0, x)


def _samples(x: Array) -> Sequence[Any]:
    return _rows(x, 1.0, x), np.zeros(len(x))


def _vectors(x: Array) -> Sequence[Any]:
    return _rows(x, 1.0, x), _rows(1.0, 0.0, x), _rows(0.0, 0.0, x)


def _rows(first: Any, second: Any, x: Array) -> Array:
    """Return as many rows of two elements as ``x`` has values."""
    return np.stack(np.broadcast_arrays(first + 0.0 * x, second + 0.0 * x), axis=1)
