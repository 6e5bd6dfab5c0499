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

from lossary.adapters._imports import require
from lossary.adapters._objective import (
    FLOOR,
    Interface,
    check_interface,
    make_objective,
    named,
    present,
)

__all__ = ["metric", "objective"]


def objective(
    loss: str | Callable[..., Any],
    *,
    interface: Interface = "native",
    hessian: str | float = FLOOR,
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
    hessian : "exact" or positive number
        The least Hessian that is passed on; "exact" keeps it above 0 alone. Losses whose gradient
        has flat parts (hinge, absolute, log-cosh for large residuals) want 1: a leaf's step is
        then the mean gradient.
    hessian_factor : positive number
        Multiplies the Hessian alone. XGBoost's own softmax has 2.
    scale : positive number
        Multiplies gradient and Hessian: 0.5 makes ``mse_loss`` XGBoost's squared error.
    positive : label, optional
        For margin losses: the label that becomes +1; every other becomes -1.
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
    function = "adapters.xgboost.objective"
    require(function, "xgboost")
    check_interface(function, interface)
    chosen = make_objective(function, loss, hessian, hessian_factor, scale, positive, parameters)

    def native(predictions: Any, data: Any) -> tuple[Any, Any]:
        weights = present(data.get_weight())
        return chosen.derivatives(predictions, _on_host(data.get_label()), weights)

    def sklearn(targets: Any, predictions: Any, sample_weight: Any = None) -> tuple[Any, Any]:
        return chosen.derivatives(predictions, targets, present(sample_weight))

    return named(native if interface == "native" else sklearn, chosen)


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
        For margin losses: the label that becomes +1; every other becomes -1.
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
    function = "adapters.xgboost.metric"
    require(function, "xgboost")
    check_interface(function, interface)
    chosen = make_objective(function, loss, "exact", 1.0, scale, positive, parameters)

    def native(predictions: Any, data: Any) -> tuple[str, float]:
        weights = present(data.get_weight())
        return chosen.loss.name, chosen.mean(predictions, _on_host(data.get_label()), weights)

    def sklearn(targets: Any, predictions: Any, sample_weight: Any = None) -> float:
        return chosen.mean(predictions, targets, present(sample_weight))

    return named(native if interface == "native" else sklearn, chosen)


def _on_host(labels: Any) -> Any:
    """Bring labels to the predictions, which XGBoost always passes in host memory."""
    return labels.get() if hasattr(labels, "get") else labels
