"""Losses as objectives and metrics of XGBoost.

Examples
--------
Predictions are raw scores, weights are applied, and training starts from XGBoost's ``base_score``
(see :func:`lossary.adapters.initial_score`)::

    params = {"base_score": 0.0, "disable_default_eval_metric": 1}
    xgboost.train(params, data, obj=objective("binary_cross_entropy"))
    xgboost.XGBRegressor(objective=objective("huber_loss", delta=2.0, interface="sklearn"))
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lossary.adapters._booster_function import booster_function
from lossary.adapters._booster_loss import Interface, make_booster_loss
from lossary.adapters._documentation import describe_parameters
from lossary.adapters._objective import Hessian, make_objective
from lossary.optional import require

__all__ = ["metric", "objective"]

_LIBRARY = "xgboost"
_OBJECTIVE, _METRIC = "adapters.xgboost.objective", "adapters.xgboost.metric"


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
        For ``xgboost.train(obj=...)``, or for ``XGBRegressor(objective=...)`` and the other
        estimators.
    hessian : {"exact", "gauss-newton", "weight", "logistic", "expected"}, positive number or None
        <hessian>
    hessian_factor : positive number
        Multiplies the Hessian only. The factor of XGBoost's own softmax is 2.
    factor : positive number
        Multiplies gradient and Hessian: 0.5 makes ``mse_loss`` XGBoost's squared error.
    positive : label, optional
        <positive>
    **parameters
        Parameters of the loss, and numbers for its further arguments.

    Returns
    -------
    callable
        ``f(predictions, data)``, or ``f(targets, predictions, sample_weight=None)`` for the
        estimators; returns gradient and Hessian with the predictions' shape.

    Raises
    ------
    ValueError, TypeError
        If the loss or a choice does not fit.
    ImportError
        If XGBoost is not installed.
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
        For ``xgboost.train``, or for the estimators.
    factor : positive number
        Multiplies the loss.
    positive : label, optional
        <positive>
    **parameters
        Parameters of the loss, and numbers for its further arguments.

    Returns
    -------
    callable
        ``f(predictions, data)`` for ``xgboost.train(custom_metric=...)``, which returns name and
        value; ``f(targets, predictions, sample_weight=None)`` for ``eval_metric=`` of estimators.

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
    return booster_function(made, made.named_mean if interface == "native" else made.mean)
