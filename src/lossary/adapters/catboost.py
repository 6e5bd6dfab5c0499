"""Losses as objectives of CatBoost, one prediction per row.

Examples
--------
CatBoost maximises; the sign is turned here. Weights are applied, training starts from 0, and an
``eval_metric`` must be named::

    catboost.CatBoostRegressor(loss_function=objective("huber_loss", delta=2.0), eval_metric="RMSE")
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from lossary.adapters._objective import Objective, Policy, make_objective
from lossary.errors import type_error

__all__ = ["objective"]


def objective(
    loss: str | Callable[..., Any],
    *,
    hessian: Policy = None,
    scale: float = 1.0,
    positive: Any = None,
    **parameters: Any,
) -> Any:
    """Return a loss as a custom objective.

    Parameters
    ----------
    loss : str or callable
        An elementwise loss of predictions and targets. CatBoost calls multiclass objectives row
        by row, which takes too long to be of use: its own ``MultiClass`` is the one to take.
    hessian : {"exact", "gauss-newton", "expected"}, positive number or None
        How the Hessian is kept positive: "exact" as it is; "gauss-newton" gradient² / (2 loss),
        for losses that are nowhere negative; "expected" the Fisher information of exp(-loss); a
        number is the least Hessian that is passed on. None looks at the loss: "gauss-newton" for
        real targets and a bounded gradient (absolute, Huber, log-cosh), a floor of 1 for classes
        and flat parts (hinge), and of 1e-6 for every other.
    scale : positive number
        Multiplies gradient and Hessian: 0.5 makes ``mse_loss`` CatBoost's RMSE.
    positive : label, optional
        For losses of two classes: the label that becomes +1 (or 1); every other becomes -1 (or 0).
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
    function = "adapters.catboost.objective"
    chosen = make_objective(
        function, loss, parameters, hessian=hessian, scale=scale, positive=positive
    )
    if chosen.loss.axis is not None:
        remedy = "CatBoost calls multiclass objectives row by row; use its MultiClass."
        raise type_error(function, "loss", "must be elementwise", chosen.loss.name, remedy)
    return RangeObjective(chosen)


class RangeObjective:
    """The object that CatBoost calls with a range of rows."""

    def __init__(self, chosen: Objective) -> None:
        self._chosen = chosen

    def __repr__(self) -> str:
        return repr(self._chosen)

    def __deepcopy__(self, memo: dict[int, Any]) -> RangeObjective:
        """Return itself: it never changes, and clone() refuses what CatBoost has copied."""
        return self

    def calc_ders_range(
        self, approxes: Sequence[Any], targets: Any, weights: Any
    ) -> np.ndarray[Any, np.dtype[np.float64]]:
        """Return the first and second derivative of what is maximised, shape (rows, 2)."""
        # CatBoost compiles methods that do not use self, at a greater cost than it saves.
        gradient, hessian = self._chosen.derivatives(
            np.asarray(approxes, np.float64), np.asarray(targets, np.float64), weights
        )
        return np.stack([-gradient, -hessian], axis=1)
