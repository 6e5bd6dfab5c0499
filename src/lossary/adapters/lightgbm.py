"""Losses as objectives and metrics of LightGBM.

Examples
--------
Predictions are raw scores, weights are applied, and training starts from 0 unless the data set
has an ``init_score`` (see :func:`lossary.adapters.initial_score`)::

    lightgbm.train({"objective": objective("binary_cross_entropy")}, data)
    lightgbm.LGBMRegressor(objective=objective("huber_loss", delta=2.0, interface="sklearn"))
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from lossary.adapters._booster_function import booster_function
from lossary.adapters._booster_loss import BoosterLoss, Interface, make_booster_loss
from lossary.adapters._documentation import describe_parameters
from lossary.adapters._objective import Hessian, make_objective
from lossary.optional import require

__all__ = ["metric", "objective"]

_LIBRARY = "lightgbm"
_OBJECTIVE, _METRIC = "adapters.lightgbm.objective", "adapters.lightgbm.metric"


@describe_parameters
def objective(
    loss: str | Callable[..., Any],
    *,
    interface: Interface = "native",
    hessian: Hessian = None,
    hessian_factor: float = 1.0,
    factor: float = 1.0,
    positive: Any = None,
    **parameters: Any,
) -> Callable[..., Any]:
    """Return a loss as a custom objective.

    Parameters
    ----------
    loss : str or callable
        A loss of predictions and targets; with a class axis for multiclass models.
    interface : {"native", "sklearn"}
        For ``lightgbm.train({"objective": ...})``, or for ``LGBMRegressor(objective=...)`` and the
        other estimators.
    hessian : {"exact", "gauss-newton", "weight", "logistic", "expected"}, positive number or None
        <hessian>
    hessian_factor : positive number
        Multiplies the Hessian only. The factor of LightGBM's own softmax is K / (K - 1) for K
        classes.
    factor : positive number
        Multiplies gradient and Hessian: 0.5 makes ``mse_loss`` LightGBM's squared error.
    positive : label, optional
        <positive>
    **parameters
        Parameters of the loss, and numbers for its further arguments.

    Returns
    -------
    callable
        ``f(predictions, data)``, or ``f(targets, predictions, weights)`` for the
        estimators; returns gradient and Hessian with the predictions' shape.

    Raises
    ------
    ValueError, TypeError
        If the loss or a choice does not fit.
    ImportError
        If LightGBM is not installed.
    """
    require(_OBJECTIVE, _LIBRARY)
    made = make_objective(
        _OBJECTIVE,
        loss,
        parameters,
        hessian=hessian,
        hessian_factor=hessian_factor,
        factor=factor,
        positive=positive,
        interface=interface,
    )
    return booster_function(made, made.derivatives)


@describe_parameters
def metric(
    loss: str | Callable[..., Any],
    *,
    interface: Interface = "native",
    factor: float = 1.0,
    positive: Any = None,
    **parameters: Any,
) -> Callable[..., Any]:
    """Return a loss's weighted mean as a custom metric of raw scores.

    Parameters
    ----------
    loss : str or callable
        A loss of predictions and targets.
    interface : {"native", "sklearn"}
        For ``lightgbm.train``, or for the estimators.
    factor : positive number
        Multiplies the loss.
    positive : label, optional
        <positive>
    **parameters
        Parameters of the loss, and numbers for its further arguments.

    Returns
    -------
    callable
        ``f(predictions, data)`` for ``lightgbm.train(feval=...)``, or
        ``f(targets, predictions, weights)`` for ``fit(eval_metric=...)`` of estimators; returns
        name, value and False (lower is better).

    Raises
    ------
    ValueError, TypeError, ImportError
        As for :func:`objective`.
    """
    require(_METRIC, _LIBRARY)
    made = make_booster_loss(
        _METRIC,
        loss,
        parameters,
        factor=factor,
        positive=positive,
        interface=interface,
    )
    return booster_function(made, functools.partial(_named_mean, made))


def _named_mean(
    booster_loss: BoosterLoss, predictions: Any, targets: Any, weights: Any
) -> tuple[str, float, bool]:
    """Return name, weighted mean, and False: a higher value is not better."""
    return *booster_loss.named_mean(predictions, targets, weights), False
