"""Losses as objectives and metrics of CatBoost.

Examples
--------
CatBoost maximises, so it is given the derivatives of minus the loss. Weights are applied, training
starts from 0, and beside an objective of one's own an ``eval_metric`` must be given::

    catboost.CatBoostRegressor(loss_function=objective("huber_loss"), eval_metric=metric("l1_loss"))
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from lossary.adapters._booster_loss import BoosterLoss, make_booster_loss
from lossary.adapters._documentation import describe_parameters
from lossary.adapters._objective import Hessian, Objective, make_objective
from lossary.arrays import Array
from lossary.errors import type_error
from lossary.optional import require

__all__ = ["metric", "objective"]

_OBJECTIVE, _METRIC = "adapters.catboost.objective", "adapters.catboost.metric"


@describe_parameters
def objective(
    loss: str | Callable[..., Any],
    *,
    hessian: Hessian = None,
    factor: float = 1.0,
    positive: Any = None,
    **parameters: Any,
) -> Any:
    """Return a loss as a custom objective.

    Parameters
    ----------
    loss : str or callable
        An elementwise loss of predictions and targets. For several classes use CatBoost's own
        ``MultiClass``: it calls a custom multiclass objective for each row, which is too slow.
    hessian : {"exact", "gauss-newton", "weight", "logistic", "expected"}, positive number or None
        <hessian>
    factor : positive number
        Multiplies gradient and Hessian: 0.5 makes ``mse_loss`` CatBoost's RMSE.
    positive : label, optional
        <positive>
    **parameters
        Parameters of the loss, and numbers for its further arguments.

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
    require(_OBJECTIVE, "catboost")
    made = make_objective(
        _OBJECTIVE, loss, parameters, hessian=hessian, factor=factor, positive=positive
    )
    if made.loss.axis is not None:
        remedy = "CatBoost calls multiclass objectives row by row; use its MultiClass."
        raise type_error(_OBJECTIVE, "loss", "must be elementwise", made.loss.name, remedy)
    return RangeObjective(made)


@describe_parameters
def metric(
    loss: str | Callable[..., Any],
    *,
    factor: float = 1.0,
    positive: Any = None,
    **parameters: Any,
) -> Any:
    """Return a loss's weighted mean as a custom metric of raw scores.

    Parameters
    ----------
    loss : str or callable
        A loss of predictions and targets; with a class axis for multiclass models.
    factor : positive number
        Multiplies the loss.
    positive : label, optional
        <positive>
    **parameters
        Parameters of the loss, and numbers for its further arguments.

    Returns
    -------
    object
        For ``eval_metric=``. CatBoost reports it under the loss's name.

    Raises
    ------
    ValueError, TypeError, ImportError
        As for :func:`objective`.
    """
    require(_METRIC, "catboost")
    return _named(make_booster_loss(_METRIC, loss, parameters, factor=factor, positive=positive))


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


class MeanMetric:
    """The object that CatBoost asks for sums over a part of the data; its class has its name."""

    def __init__(self, booster_loss: BoosterLoss) -> None:
        self._booster_loss = booster_loss

    def __repr__(self) -> str:
        return repr(self._booster_loss)

    def __deepcopy__(self, memo: dict[int, Any]) -> MeanMetric:
        """Return itself: it is immutable, and clone() rejects estimators that copy parameters."""
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle what makes the class, which cannot be imported by a name."""
        return _named, (self._booster_loss,)

    def is_max_optimal(self) -> bool:
        """Return whether a higher value is better."""
        return self._booster_loss.loss.is_similarity

    def evaluate(self, approxes: Sequence[Any], target: Any, weight: Any) -> tuple[float, float]:
        """Return the weighted sum of the loss, and the sum of the weights."""
        predictions = np.stack([np.asarray(part, np.float64) for part in approxes], axis=1)
        if self._booster_loss.loss.axis is None:
            predictions = predictions[:, 0]
        weights = None if weight is None else np.asarray(weight, np.float64)
        total = float(len(predictions) if weights is None else weights.sum())
        mean = self._booster_loss.mean(predictions, np.asarray(target, np.float64), weights)
        return mean * total, total

    def get_final_error(self, error: float, weight: float) -> float:
        """Return the weighted mean, given the two sums."""
        return error / weight if weight else 0.0


def _named(booster_loss: BoosterLoss) -> MeanMetric:
    """Return the metric, of a class with the name of the loss: CatBoost shows that."""
    made: MeanMetric = _class_named(booster_loss.loss.name)(booster_loss)
    return made


@functools.lru_cache(maxsize=4096)
def _class_named(name: str) -> type[Any]:
    return type(name, (MeanMetric,), {"__doc__": MeanMetric.__doc__, "__module__": __name__})
