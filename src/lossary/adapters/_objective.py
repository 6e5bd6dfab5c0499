"""A loss with the choices that belong to its use in a booster."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import numpy as np

from lossary.adapters._choices import (
    check_pair,
    check_parameters,
    check_positive,
    negative,
)
from lossary.adapters._hessian import choose, expected, gauss_newton
from lossary.checks import number
from lossary.derivatives import value_grad_hess
from lossary.domains import POSITIVE
from lossary.errors import choices, type_error, value_error
from lossary.optional import require
from lossary.registry import Loss, get_loss

Array = np.ndarray[Any, np.dtype[Any]]
Interface = Literal["native", "sklearn"]
Policy = str | float | None


class Objective(NamedTuple):
    """A loss, its parameters, and how its derivatives are passed on."""

    function: str
    loss: Loss
    parameters: dict[str, Any]
    policy: str
    floor: float
    factor: float
    scale: float
    positive: Any

    def derivatives(self, predictions: Array, targets: Array, weights: Any) -> tuple[Array, Array]:
        """Return gradient and Hessian per prediction, weights applied, both times the scale."""
        factor = self._factor(weights, predictions)
        # Weights go through the kernel; the sum of the losses costs less than storing them.
        value, gradient, hessian = value_grad_hess(self.loss.function)(
            predictions,
            self._targets(targets, predictions),
            reduction="none" if self.policy == "gauss-newton" else "sum",
            weights=factor,
            **self.parameters,
        )
        if np.ndim(factor):
            factor = factor.reshape(-1, *[1] * (gradient.ndim - 1))
        if self.policy == "gauss-newton":
            hessian = gauss_newton(value, gradient, hessian, self.loss.axis)
        elif self.policy == "expected":
            hessian = factor * expected(self.function, self.loss, self.parameters, predictions)
        if self.factor != 1.0:
            hessian *= self.factor
        return gradient, np.maximum(hessian, gradient.dtype.type(self.floor) * factor, out=hessian)

    def _factor(self, weights: Any, predictions: Array) -> Any:
        """Return what gradient and Hessian are multiplied by."""
        if not _present(weights):
            return self.scale
        weights = np.asarray(weights, predictions.dtype)
        return weights if self.scale == 1.0 else weights * predictions.dtype.type(self.scale)

    def mean(self, predictions: Array, targets: Array, weights: Any) -> float:
        """Return the loss's weighted mean."""
        given = {"weights": weights, "denominator": "weights"} if _present(weights) else {}
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
        if self.positive is not None:
            other = negative(self.loss)
            return np.where(targets == self.positive, 1, other).astype(predictions.dtype)
        return targets if self.loss.axis is None else self._labels(targets)

    def _labels(self, targets: Array) -> Array:
        """Return class labels as the integers that they are: boosters pass them as floats."""
        with np.errstate(invalid="ignore"):
            labels = targets.astype(np.int64)
        (wrong,) = np.nonzero(labels != targets)
        if wrong.size:
            given = f"{targets[wrong[0]]} at ({wrong[0]},)"
            raise value_error(self.function, "targets", "must be integers from 0 to C-1", given)
        return labels


def make_objective(
    function: str,
    loss: str | Callable[..., Any],
    parameters: dict[str, Any],
    *,
    hessian: Policy = None,
    hessian_factor: float = 1.0,
    scale: float = 1.0,
    positive: Any = None,
    interface: Interface = "native",
) -> Objective:
    """Check the choices and bring them together.

    ``function`` is "adapters.library.name": messages begin with it, and the library must be there.
    """
    require(function, function.split(".")[1])
    if interface not in {"native", "sklearn"}:
        wanted = f"must be {choices(['native', 'sklearn'])}"
        raise value_error(function, "interface", wanted, repr(interface))
    record = get_loss(loss)
    check_pair(function, record)
    check_positive(function, record, positive)
    check_parameters(function, record, parameters, ("ignore_index", "class_weights"))
    if record.axis is not None and not record.takes_labels:
        remedy = "Boosters pass class labels."
        raise type_error(function, "loss", "must take class labels", record.name, remedy)
    policy, floor = choose(function, record, parameters, hessian)
    factor = number(function, "hessian_factor", hessian_factor, POSITIVE)
    factors = (factor, number(function, "scale", scale, POSITIVE))
    return Objective(function, record, parameters, policy, floor, *factors, positive)


def named(function: Callable[..., Any], objective: Objective) -> Callable[..., Any]:
    """Name a function after its loss: boosters show the name."""
    function.__name__ = function.__qualname__ = objective.loss.name
    return function


def _present(weights: Any) -> bool:
    """Return whether there are weights; boosters pass an empty array where there are none."""
    return weights is not None and len(weights) > 0
