"""Losses as objectives of CatBoost, one prediction per row.

Examples
--------
CatBoost maximises, so it is given the derivatives of minus the loss. Weights are applied, training
starts from 0, and an ``eval_metric`` must be named::

    catboost.CatBoostRegressor(loss_function=objective("huber_loss", delta=2.0), eval_metric="RMSE")
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from lossary.adapters._documentation import describe_parameters
from lossary.adapters._objective import Hessian, Objective, make_objective
from lossary.arrays import Array
from lossary.errors import type_error
from lossary.optional import require

__all__ = ["objective"]

_FUNCTION = "adapters.catboost.objective"


@describe_parameters
def objective(
    loss: str | Callable[..., Any],
    *,
    hessian: Hessian = None,
    scale: float = 1.0,
    positive: Any = None,
    **parameters: Any,
) -> Any:
    """Return a loss as a custom objective.

    Parameters
    ----------
    loss : str or callable
        An elementwise loss of predictions and targets. For several classes use CatBoost's own
        ``MultiClass``: it calls a custom multiclass objective for each row, which is too slow.
    hessian : {"exact", "gauss-newton", "expected"}, positive number or None
        <hessian>
    scale : positive number
        Multiplies gradient and Hessian: 0.5 makes ``mse_loss`` CatBoost's RMSE.
    positive : label, optional
        <positive>
    **parameters
        Parameters of the loss.

    Returns
    -------
    object
        For ``loss_function=``; it has the method ``calc_ders_range`` that CatBoost calls.

    Raises
    ------
    ValueError, TypeError
        If the loss or a choice does not fit; TypeError for a loss along a class axis.
    ImportError
        If CatBoost is not installed.
    """
    require(_FUNCTION, "catboost")
    made = make_objective(
        _FUNCTION, loss, parameters, hessian=hessian, scale=scale, positive=positive
    )
    if made.loss.axis is not None:
        remedy = "CatBoost calls multiclass objectives row by row; use its MultiClass."
        raise type_error(_FUNCTION, "loss", "must be elementwise", made.loss.name, remedy)
    return RangeObjective(made)


class RangeObjective:
    """The object that CatBoost calls with a range of rows."""

    def __init__(self, objective: Objective) -> None:
        self._objective = objective

    def __repr__(self) -> str:
        return repr(self._objective)

    def __deepcopy__(self, memo: dict[int, Any]) -> RangeObjective:
        """Return itself: it is immutable, and clone() rejects estimators that copy parameters."""
        return self

    def calc_ders_range(self, approxes: Sequence[Any], targets: Any, weights: Any) -> Array:
        """Return the first and second derivative of minus the loss, shape (rows, 2)."""
        # CatBoost compiles methods that do not use self, which costs more than it saves.
        gradient, hessian = self._objective.derivatives(
            np.asarray(approxes, np.float64), np.asarray(targets, np.float64), weights
        )
        return np.stack([-gradient, -hessian], axis=1)
