"""The loss object of scikit-learn's histogram gradient boosting."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn._loss.link import IdentityLink
from sklearn._loss.loss import BaseLoss

from lossary.adapters._curvature import depends_on_residual, is_of_classes
from lossary.adapters._initial_score import initial_score
from lossary.adapters._objective import Hessian, Objective, make_objective
from lossary.arrays import Array
from lossary.errors import type_error


def make_boosting_loss(
    function: str,
    loss: str | Callable[..., Any],
    parameters: dict[str, Any],
    hessian: Hessian,
    factor: float,
) -> BoostingLoss:
    """Check the options and return the loss object."""
    made = make_objective(function, loss, parameters, hessian=hessian, factor=factor)
    if is_of_classes(made.loss):
        requirement = "must be an elementwise loss of numbers, not of classes"
        raise type_error(function, "loss", requirement, made.loss.name)
    return BoostingLoss(made)


class BoostingLoss(BaseLoss):
    """A loss in the interface that scikit-learn's gradient boosting calls."""

    def __init__(self, objective: Objective) -> None:
        super().__init__(closs=None, link=IdentityLink(), n_classes=1)
        self._objective = objective
        # Where it is not differentiable, scikit-learn sets leaves to the constant with the least
        # loss of the residuals, as for its own absolute error.
        is_residual = depends_on_residual(objective.loss, objective.parameters)
        self.differentiable = not (is_residual and objective.curvature.policy == "gauss-newton")

    def __repr__(self) -> str:
        return repr(self._objective)

    def loss(
        self,
        y_true: Array,
        raw_prediction: Array,
        sample_weight: Array | None = None,
        loss_out: Array | None = None,
        n_threads: int = 1,
    ) -> Array:
        """Return the loss of each sample, times its weight."""
        objective = self._objective
        value = objective.loss.function(
            raw_prediction.reshape(y_true.shape),
            targets=y_true,
            reduction="none",
            weights=sample_weight,
            **objective.parameters,
        )
        return _copied(value * objective.factor, loss_out)

    def gradient_hessian(
        self,
        y_true: Array,
        raw_prediction: Array,
        sample_weight: Array | None = None,
        gradient_out: Array | None = None,
        hessian_out: Array | None = None,
        n_threads: int = 1,
    ) -> tuple[Array, Array]:
        """Return first and second derivative of each sample's loss."""
        raw_prediction = raw_prediction.reshape(y_true.shape)
        gradient, hessian = self._objective.derivatives(raw_prediction, y_true, sample_weight)
        return _copied(gradient, gradient_out), _copied(hessian, hessian_out)

    def fit_intercept_only(self, y_true: Array, sample_weight: Array | None = None) -> Any:
        """Return the constant prediction with the least loss."""
        loss, parameters = self._objective.loss, self._objective.parameters
        best = initial_score(loss.function, y_true, sample_weight, **parameters)
        return np.float64(best)  # the caller uses methods of arrays


def _copied(values: Array, out: Array | None) -> Array:
    """Copy values into ``out``, which may be a column, if there is one; return the array."""
    if out is None:
        return values
    np.copyto(out, values.reshape(out.shape))
    return out
