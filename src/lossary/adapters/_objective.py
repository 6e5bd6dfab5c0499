"""A loss as an objective of a booster: its gradient and Hessian per prediction."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from lossary.adapters._booster_loss import BoosterLoss, make_booster_loss, none_if_empty
from lossary.adapters._curvature import Curvature, expected, gauss_newton, logistic, weight
from lossary.adapters._curvature_choice import choose_curvature
from lossary.adapters._loss import check_hessian, check_trainable, element_weights
from lossary.arrays import Array
from lossary.call.parameters import number
from lossary.derivatives import value_grad_hess
from lossary.domains import POSITIVE
from lossary.registry import get_loss

Hessian = str | float | None


@dataclass(frozen=True, eq=False, repr=False)
class Objective(BoosterLoss):
    """A loss, and the curvature that is passed on as its Hessian, times a factor."""

    curvature: Curvature
    hessian_factor: float

    def _options(self) -> dict[str, Any]:
        options = {**super()._options(), "hessian": self.curvature.option}
        if self.hessian_factor != 1.0:
            options["hessian_factor"] = self.hessian_factor
        return options

    def derivatives(self, predictions: Array, targets: Array, weights: Any) -> tuple[Array, Array]:
        """Return gradient and Hessian per prediction, times weights and factor."""
        factors = self._factors(weights, predictions)
        targets = self.as_targets(targets, predictions)
        # The kernel multiplies by the factors. Where the values are not needed their sum is asked
        # for: it costs less than storing them.
        value, gradient, hessian = value_grad_hess(self.loss.function)(
            predictions,
            targets=targets,
            reduction="none" if self.curvature.policy == "gauss-newton" else "sum",
            weights=element_weights(self.loss, factors, predictions.shape),
            **self.parameters,
        )
        if np.ndim(factors) == 1:
            factors = factors.reshape(-1, *[1] * (gradient.ndim - 1))
        hessian = self._positive(predictions, targets, factors, (value, gradient, hessian))
        if self.hessian_factor != 1.0:
            hessian *= self.hessian_factor
        floor = gradient.dtype.type(self.curvature.floor)
        return gradient, np.maximum(hessian, floor * factors, out=hessian)

    def _positive(
        self, predictions: Array, targets: Array, factors: Any, found: tuple[Array, Array, Array]
    ) -> Array:
        """Return the Hessian by the policy, times the factors, from what the loss gives."""
        value, gradient, hessian = found
        policy, _, constant = self.curvature
        if constant is not None:
            hessian[...] = constant * factors
        elif policy == "expected":
            hessian = factors * expected(self.loss, self.parameters, predictions)
        elif policy == "gauss-newton":
            hessian = gauss_newton(value, gradient, hessian, self.loss.axis)
        elif policy == "weight":
            hessian = weight(gradient, hessian, predictions, targets)
        elif policy == "logistic":
            hessian = np.maximum(hessian, factors * logistic(predictions, self.loss.axis))
        return hessian

    def _factors(self, weights: Any, predictions: Array) -> Any:
        """Return the factors of gradient and Hessian: the weights times the factor."""
        weights = none_if_empty(weights)
        if weights is None:
            return self.factor
        weights = np.asarray(weights, predictions.dtype)
        return weights if self.factor == 1.0 else weights * predictions.dtype.type(self.factor)


def make_objective(
    function: str,
    loss: str | Callable[..., Any],
    parameters: dict[str, Any],
    *,
    hessian: Hessian = None,
    hessian_factor: float = 1.0,
    **options: Any,
) -> Objective:
    """Check the options, those of :func:`make_booster_loss` too, and return the objective."""
    check_trainable(function, get_loss(loss))
    booster_loss = make_booster_loss(function, loss, parameters, **options)
    check_hessian(function, booster_loss.loss)
    return Objective(
        **vars(booster_loss),
        curvature=choose_curvature(function, booster_loss.loss, parameters, hessian),
        hessian_factor=number(function, "hessian_factor", hessian_factor, POSITIVE),
    )
