"""Losses as objectives and metrics of XGBoost.

Examples
--------
Predictions are raw margins, weights are applied, and the start value is XGBoost's ``base_score``
(see :func:`lossary.adapters.initial_score`)::

    params = {"base_score": 0.0, "disable_default_eval_metric": 1}
    xgboost.train(params, data, obj=objective("binary_cross_entropy"))
    xgboost.XGBRegressor(objective=objective("huber_loss", delta=2.0, interface="sklearn"))
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lossary.adapters._objective import Interface, Policy, called, make_metric, make_objective

__all__ = ["metric", "objective"]


def objective(
    loss: str | Callable[..., Any],
    *,
    interface: Interface = "native",
    hessian: Policy = None,
    hessian_factor: float = 1.0,
    scale: float = 1.0,
    positive: Any = None,
    **parameters: Any,
) -> Callable[..., Any]:
    """Return a loss as a custom objective.

    Parameters
    ----------
    loss : str or callable
        A loss of predictions and targets; with a class axis for multiclass models.
    interface : {"native", "sklearn"}
        For ``xgboost.train(obj=...)`` or for ``XGBRegressor(objective=...)`` and its kind.
    hessian : {"exact", "gauss-newton", "expected"}, positive number or None
        How the Hessian is kept positive: "exact" as it is; "gauss-newton" gradient² / (2 loss),
        for losses that are nowhere negative; "expected" the Fisher information of exp(-loss); a
        number is the least Hessian that is passed on. None looks at the loss: "gauss-newton" for
        real targets and a bounded gradient (absolute, Huber, log-cosh), a floor of 1 for classes
        and flat parts (hinge), and of 1e-6 for every other.
    hessian_factor : positive number
        Multiplies the Hessian alone. XGBoost's own softmax has 2.
    scale : positive number
        Multiplies gradient and Hessian: 0.5 makes ``mse_loss`` XGBoost's squared error.
    positive : label, optional
        For losses of two classes: the label that becomes +1 (or 1); every other becomes -1 (or 0).
    **parameters
        Parameters of the loss.

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
    chosen = make_objective(
        "adapters.xgboost.objective",
        loss,
        parameters,
        hessian=hessian,
        hessian_factor=hessian_factor,
        scale=scale,
        positive=positive,
        interface=interface,
    )
    return called(chosen, chosen.derivatives)


def metric(
    loss: str | Callable[..., Any],
    *,
    interface: Interface = "native",
    scale: float = 1.0,
    positive: Any = None,
    **parameters: Any,
) -> Callable[..., Any]:
    """Return a loss's weighted mean as a custom metric; it is given raw margins.

    Parameters
    ----------
    loss : str or callable
        A loss of predictions and targets.
    interface : {"native", "sklearn"}
        For the library's own training function or for its estimators.
    scale : positive number
        Multiplies the loss.
    positive : label, optional
        For losses of two classes: the label that becomes +1 (or 1); every other becomes -1 (or 0).
    **parameters
        Parameters of the loss.

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
    chosen = make_metric(
        "adapters.xgboost.metric",
        loss,
        parameters,
        scale=scale,
        positive=positive,
        interface=interface,
    )

    return called(chosen, chosen.named_mean if interface == "native" else chosen.mean)
