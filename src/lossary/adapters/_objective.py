"""A loss with the choices that belong to its use in a booster."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import numpy as np

from lossary.adapters._hessian import Curvature, choose, expected, gauss_newton
from lossary.adapters._loss import check_pair, check_parameters, weighted_mean
from lossary.adapters._two_classes import check_positive, encoded, negative
from lossary.checks import number
from lossary.derivatives import value_grad_hess
from lossary.domains import POSITIVE
from lossary.errors import choices, type_error, value_error
from lossary.optional import require
from lossary.record import Loss
from lossary.registry import get_loss

Array = np.ndarray[Any, np.dtype[Any]]
Interface = Literal["native", "sklearn"]
Policy = str | float | None


class Objective(NamedTuple):
    """A loss, its parameters, and how its derivatives are passed on."""

    function: str
    loss: Loss
    parameters: dict[str, Any]
    curvature: Curvature
    hessian_factor: float
    scale: float
    positive: Any

    def derivatives(self, predictions: Array, targets: Array, weights: Any) -> tuple[Array, Array]:
        """Return gradient and Hessian per prediction, weights applied, both times the scale."""
        weights = self._scaled(weights, predictions)
        policy, floor, constant = self.curvature
        # Weights go through the kernel; the sum of the losses costs less than storing them.
        value, gradient, hessian = value_grad_hess(self.loss.function)(
            predictions,
            self._targets(targets, predictions),
            reduction="none" if policy == "gauss-newton" else "sum",
            weights=weights,
            **self.parameters,
        )
        if np.ndim(weights):
            weights = weights.reshape(-1, *[1] * (gradient.ndim - 1))
        if constant is not None:
            hessian[...] = constant * weights
        elif policy == "expected":
            hessian = weights * expected(self.loss, self.parameters, predictions)
        elif policy == "gauss-newton":
            hessian = gauss_newton(value, gradient, hessian, self.loss.axis)
        if self.hessian_factor != 1.0:
            hessian *= self.hessian_factor
        return gradient, np.maximum(hessian, gradient.dtype.type(floor) * weights, out=hessian)

    def _scaled(self, weights: Any, predictions: Array) -> Any:
        """Return what gradient and Hessian are multiplied by: the weights times the scale."""
        weights = _present(weights)
        if weights is None:
            return self.scale
        weights = np.asarray(weights, predictions.dtype)
        return weights if self.scale == 1.0 else weights * predictions.dtype.type(self.scale)

    def mean(self, predictions: Array, targets: Array, weights: Any) -> float:
        """Return the loss's weighted mean."""
        targets = self._targets(targets, predictions)
        function, weights = self.loss.function, _present(weights)
        mean = weighted_mean(function, predictions, targets, weights, **self.parameters)
        return mean * self.scale

    def _targets(self, targets: Array, predictions: Array) -> Array:
        targets = np.asarray(targets)
        if self.positive is not None:
            return encoded(targets, self.positive, negative(self.loss)).astype(predictions.dtype)
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
    return Objective(
        function,
        record,
        parameters,
        choose(function, record, parameters, hessian),
        number(function, "hessian_factor", hessian_factor, POSITIVE),
        number(function, "scale", scale, POSITIVE),
        positive,
    )


def called(
    chosen: Objective, interface: Interface, compute: Callable[..., Any]
) -> Callable[..., Any]:
    """Return the function that XGBoost and LightGBM call, named after its loss.

    It is called by position, or by these names; LightGBM counts the parameters.
    """

    def native(predictions: Any, data: Any) -> Any:
        return compute(predictions, _on_host(data.get_label()), data.get_weight())

    def sklearn(targets: Any, predictions: Any, sample_weight: Any = None) -> Any:
        return compute(predictions, targets, sample_weight)

    function = native if interface == "native" else sklearn
    function.__name__ = function.__qualname__ = chosen.loss.name
    return function


def _on_host(labels: Any) -> Any:
    """Bring labels to the predictions, which boosters always pass in host memory."""
    return labels.get() if hasattr(labels, "__cuda_array_interface__") else labels


def _present(weights: Any) -> Any:
    """Return the weights, None where there are none: boosters pass an empty array then."""
    return None if weights is None or len(weights) == 0 else weights
