"""A loss with the choices that belong to its use in a booster."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from lossary.adapters._hessian import Curvature, choose, expected, gauss_newton
from lossary.adapters._loss import check_pair, check_parameters, row_weights, weighted_mean
from lossary.adapters._two_classes import check_positive, encoded, negative
from lossary.call.parameters import number
from lossary.derivatives import value_grad_hess
from lossary.domains import POSITIVE
from lossary.errors import choices, shown, type_error, value_error
from lossary.optional import require
from lossary.registry import Loss, get_loss

Array = np.ndarray[Any, np.dtype[Any]]
Interface = Literal["native", "sklearn"]
Policy = str | float | None


@dataclass(frozen=True, eq=False, repr=False)
class BoosterLoss:
    """A loss with the choices that belong to its use in a booster."""

    function: str
    loss: Loss
    parameters: dict[str, Any]
    scale: float
    positive: Any
    interface: Interface

    def __repr__(self) -> str:
        """Spell the call that makes it, without the choices that are the defaults."""
        chosen = {**self._choices(), **self.parameters}
        spelled = [self.loss.name, *(f"{name}={shown(value)}" for name, value in chosen.items())]
        return f"{self.function}({', '.join(spelled)})"

    def _choices(self) -> dict[str, Any]:
        choices: dict[str, Any] = {}
        if self.interface != "native":
            choices["interface"] = self.interface
        if self.scale != 1.0:
            choices["scale"] = self.scale
        if self.positive is not None:
            choices["positive"] = self.positive
        return choices

    def mean(self, predictions: Array, targets: Array, weights: Any) -> float:
        """Return the loss's weighted mean."""
        targets, weights = self._targets(targets, predictions), _present(weights)
        mean = weighted_mean(self.loss, predictions, targets, weights, **self.parameters)
        return mean * self.scale

    def named_mean(self, predictions: Array, targets: Array, weights: Any) -> tuple[str, float]:
        """Return the loss's name and weighted mean."""
        return self.loss.name, self.mean(predictions, targets, weights)

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


@dataclass(frozen=True, eq=False, repr=False)
class Objective(BoosterLoss):
    """A loss, and how its derivatives are passed on."""

    curvature: Curvature
    hessian_factor: float

    def _choices(self) -> dict[str, Any]:
        choices = {**super()._choices(), "hessian": self.curvature.choice}
        if self.hessian_factor != 1.0:
            choices["hessian_factor"] = self.hessian_factor
        return choices

    def derivatives(self, predictions: Array, targets: Array, weights: Any) -> tuple[Array, Array]:
        """Return gradient and Hessian per prediction, weights applied, both times the scale."""
        weights = self._scaled(weights, predictions)
        policy, floor, constant = self.curvature
        # Weights go through the kernel; the sum of the losses costs less than storing them.
        value, gradient, hessian = value_grad_hess(self.loss.function)(
            predictions,
            self._targets(targets, predictions),
            reduction="none" if policy == "gauss-newton" else "sum",
            weights=row_weights(self.loss, weights, predictions.shape),
            **self.parameters,
        )
        if np.ndim(weights) == 1:
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


def make_metric(
    function: str,
    loss: str | Callable[..., Any],
    parameters: dict[str, Any],
    *,
    scale: float = 1.0,
    positive: Any = None,
    interface: Interface = "native",
) -> BoosterLoss:
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
    scale = number(function, "scale", scale, POSITIVE)
    return BoosterLoss(function, record, parameters, scale, positive, interface)


def make_objective(
    function: str,
    loss: str | Callable[..., Any],
    parameters: dict[str, Any],
    *,
    hessian: Policy = None,
    hessian_factor: float = 1.0,
    **given: Any,
) -> Objective:
    """Check the choices, those of :func:`make_metric` too, and bring them together."""
    made = make_metric(function, loss, parameters, **given)
    return Objective(
        **vars(made),
        curvature=choose(function, made.loss, parameters, hessian),
        hessian_factor=number(function, "hessian_factor", hessian_factor, POSITIVE),
    )


def called(chosen: BoosterLoss, compute: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function that XGBoost and LightGBM call."""
    return (_Native if chosen.interface == "native" else _Sklearn)(chosen, compute)


class _Function:
    """A function that is named after its loss and can be pickled.

    Boosters call it by position, or by the names of its parameters; LightGBM counts them.
    """

    def __init__(self, chosen: BoosterLoss, compute: Callable[..., Any]) -> None:
        self._chosen, self._compute = chosen, compute
        self.__name__ = self.__qualname__ = chosen.loss.name

    def __repr__(self) -> str:
        return repr(self._chosen)


class _Native(_Function):
    def __call__(self, predictions: Any, data: Any) -> Any:
        return self._compute(predictions, _on_host(data.get_label()), data.get_weight())


class _Sklearn(_Function):
    def __call__(self, targets: Any, predictions: Any, sample_weight: Any = None) -> Any:
        return self._compute(predictions, targets, sample_weight)


def _on_host(labels: Any) -> Any:
    """Bring labels to the predictions, which boosters always pass in host memory."""
    return labels.get() if hasattr(labels, "__cuda_array_interface__") else labels


def _present(weights: Any) -> Any:
    """Return the weights, None where there are none: boosters pass an empty array then."""
    return None if weights is None or len(weights) == 0 else weights
