"""The loss object of scikit-learn's histogram gradient boosting."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn._loss.link import IdentityLink
from sklearn._loss.loss import BaseLoss

from lossary.adapters._hessian import depends_on_residual
from lossary.adapters._initial_score import initial_score
from lossary.adapters._objective import Array, Objective, make_objective
from lossary.domains import REAL
from lossary.errors import type_error


def make_boosting_loss(
    function: str,
    loss: str | Callable[..., Any],
    parameters: dict[str, Any],
    hessian: str | float | None,
    scale: float,
) -> BoostingLoss:
    """Check the choices and return the loss object."""
    chosen = make_objective(function, loss, parameters, hessian=hessian, scale=scale)
    if chosen.loss.axis is not None or chosen.loss.targets.name != REAL.name:
        wanted = "must be an elementwise loss of real targets"
        raise type_error(function, "loss", wanted, chosen.loss.name)
    return BoostingLoss(chosen)


class BoostingLoss(BaseLoss):
    """A loss in the interface that scikit-learn's gradient boosting calls."""

    def __init__(self, chosen: Objective) -> None:
        super().__init__(closs=None, link=IdentityLink(), n_classes=1)
        self._chosen = chosen
        # Where the Hessian is not the exact one, leaves are set to the constant with the least
        # loss of what is left, as for scikit-learn's own absolute error.
        residual = depends_on_residual(chosen.loss, chosen.parameters)
        self.differentiable = not (residual and chosen.curvature.policy == "gauss-newton")

    def __repr__(self) -> str:
        return repr(self._chosen)

    def loss(
        self,
        y_true: Array,
        raw_prediction: Array,
        sample_weight: Array | None = None,
        loss_out: Array | None = None,
        n_threads: int = 1,
    ) -> Array:
        """Return the loss of each sample, times its weight."""
        chosen = self._chosen
        value = chosen.loss.function(
            raw_prediction.reshape(y_true.shape),
            y_true,
            reduction="none",
            weights=sample_weight,
            **chosen.parameters,
        )
        return _into(loss_out, value * chosen.scale)

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
        gradient, hessian = self._chosen.derivatives(raw_prediction, y_true, sample_weight)
        return _into(gradient_out, gradient), _into(hessian_out, hessian)

    def fit_intercept_only(self, y_true: Array, sample_weight: Array | None = None) -> Any:
        """Return the constant prediction with the least loss."""
        chosen = self._chosen
        best = initial_score(chosen.loss.function, y_true, sample_weight, **chosen.parameters)
        return np.float64(best)  # its caller wants the methods of an array


def _into(out: Array | None, values: Array) -> Array:
    """Write into the array that was passed, if one was; it may be a column."""
    if out is None:
        return values
    np.copyto(out, values.reshape(out.shape))
    return out
