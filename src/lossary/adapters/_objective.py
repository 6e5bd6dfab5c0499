"""Gradient and Hessian of a loss in the form in which boosters ask for them.

Boosters fit a tree to ``-gradient / Hessian``. A Hessian of 0 (hinge and absolute loss) leaves a
leaf without a value, and one near 0 (the tails of a smooth loss) makes it huge, so the Hessian is
kept above a positive floor.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import numpy as np

from lossary.derivatives import value_grad_hess
from lossary.domains import PLUS_MINUS_ONE
from lossary.errors import choices, type_error, value_error
from lossary.registry import Loss, get_loss

Array = np.ndarray[Any, np.dtype[Any]]
Interface = Literal["native", "sklearn"]

#: The least Hessian by default: far below those that matter, far above 0 in float32.
FLOOR = 1e-6
#: What "exact" is kept above: boosters divide by it.
LEAST = 1e-16


class Objective(NamedTuple):
    """A loss with the choices that belong to its use in a booster."""

    loss: Loss
    parameters: dict[str, Any]
    floor: float = LEAST
    factor: float = 1.0
    scale: float = 1.0
    positive: Any = None

    def derivatives(
        self, predictions: Array, targets: Array, weights: Array | None
    ) -> tuple[Array, Array]:
        """Return gradient and Hessian per prediction, weights applied, both times the scale."""
        _, gradient, hessian = value_grad_hess(self.loss.function)(
            predictions, self._targets(targets, predictions), reduction="none", **self.parameters
        )
        if self.factor != 1.0:
            hessian = hessian * self.factor
        hessian = np.maximum(hessian, gradient.dtype.type(self.floor))
        factor: Any = self.scale
        if weights is not None:
            weights = np.asarray(weights, gradient.dtype)
            factor = self.scale * weights.reshape(-1, *[1] * (gradient.ndim - 1))
        elif self.scale == 1.0:
            return gradient, hessian
        return gradient * factor, hessian * factor

    def mean(self, predictions: Array, targets: Array, weights: Array | None) -> float:
        """Return the loss's weighted mean."""
        given = {} if weights is None else {"weights": weights, "denominator": "weights"}
        value = self.loss.function(
            predictions,
            self._targets(targets, predictions),
            reduction="mean",
            **self.parameters,
            **given,
        )
        return float(value) * self.scale

    def _targets(self, targets: Array, predictions: Array) -> Array:
        targets = np.asarray(targets)
        if self.loss.targets.name == PLUS_MINUS_ONE.name and self.positive is not None:
            return np.where(targets == self.positive, 1, -1).astype(predictions.dtype)
        return targets.astype(np.int64) if self.loss.axis is not None else targets


def make_objective(
    function: str,
    loss: str | Callable[..., Any],
    hessian: str | float,
    factor: float,
    scale: float,
    positive: Any,
    parameters: dict[str, Any],
) -> Objective:
    """Check the choices and bring them together; messages begin with the function's name."""
    record = get_loss(loss)
    if len(record.arguments) != 2:
        given = ", ".join(record.arguments)
        raise type_error(function, "loss", "must take predictions and targets alone", given)
    if record.axis is not None and not record.takes_labels:
        remedy = "Boosters pass class labels."
        raise type_error(function, "loss", "must take class labels", record.name, remedy)
    if hessian == "exact":
        floor = LEAST
    elif isinstance(hessian, str) or isinstance(hessian, bool) or not 0 < hessian < math.inf:
        wanted = f"must be {choices(['exact'])} or a positive number"
        remedy = "A number is the least Hessian that is passed on."
        raise value_error(function, "hessian", wanted, repr(hessian), remedy)
    else:
        floor = float(hessian)
    for name, value in (("hessian_factor", factor), ("scale", scale)):
        if not 0 < value < math.inf:
            raise value_error(function, name, "must be a positive number", repr(value))
    return Objective(record, parameters, floor, float(factor), float(scale), positive)


def check_interface(function: str, interface: str) -> None:
    """Refuse an interface that boosters do not have."""
    if interface not in {"native", "sklearn"}:
        wanted = f"must be {choices(['native', 'sklearn'])}"
        raise value_error(function, "interface", wanted, repr(interface))


def named(function: Callable[..., Any], objective: Objective) -> Callable[..., Any]:
    """Name a function after its loss: boosters show the name."""
    function.__name__ = function.__qualname__ = objective.loss.name
    return function


def present(weights: Any) -> Array | None:
    """Return the weights, None where there are none (boosters pass an empty array too)."""
    return None if weights is None or len(weights) == 0 else np.asarray(weights)
