"""Losses as objectives and metrics of LightGBM.

Examples
--------
Predictions are raw scores, weights are applied, and training starts from 0 unless the data set
has an ``init_score`` (see :func:`lossary.adapters.initial_score`)::

    lightgbm.train({"objective": objective("binary_cross_entropy")}, data)
    lightgbm.LGBMRegressor(objective=objective("huber_loss", delta=2.0, interface="sklearn"))
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
        For ``lightgbm.train({"objective": ...})`` or for ``LGBMRegressor(objective=...)`` and its
        kind.
    hessian : "exact" or positive number
        The least Hessian that is passed on; "exact" keeps it above 0 alone. Losses whose gradient
        has flat parts (hinge, absolute, log-cosh for large residuals) want 1: a leaf's step is
        then the mean gradient.
    hessian_factor : positive number
        Multiplies the Hessian alone. LightGBM's own softmax has K / (K - 1) for K
        classes.
    scale : positive number
        Multiplies gradient and Hessian: 0.5 makes ``mse_loss`` LightGBM's squared error.
    positive : label, optional
        For margin losses: the label that becomes +1; every other becomes -1.
    **parameters
        Parameters of the loss.

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
    function = "adapters.lightgbm.objective"
    require(function, "lightgbm")
    check_interface(function, interface)
    chosen = make_objective(function, loss, hessian, hessian_factor, scale, positive, parameters)

    def native(predictions: Any, data: Any) -> tuple[Any, Any]:
        weights = present(data.get_weight())
        return chosen.derivatives(predictions, data.get_label(), weights)

    def sklearn(targets: Any, predictions: Any, weights: Any) -> tuple[Any, Any]:
        return chosen.derivatives(predictions, targets, present(weights))

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
        ``f(predictions, data)`` for ``lightgbm.train(feval=...)``, or
        ``f(targets, predictions, weights)`` for ``fit(eval_metric=...)`` of estimators; returns
        name, value and False (less is better).

    Raises
    ------
    ValueError, TypeError, ImportError
        As for :func:`objective`.
    """
    function = "adapters.lightgbm.metric"
    require(function, "lightgbm")
    check_interface(function, interface)
    chosen = make_objective(function, loss, "exact", 1.0, scale, positive, parameters)

    def native(predictions: Any, data: Any) -> tuple[str, float, bool]:
        weights = present(data.get_weight())
        return chosen.loss.name, chosen.mean(predictions, data.get_label(), weights), False

    def sklearn(targets: Any, predictions: Any, weights: Any) -> tuple[str, float, bool]:
        return chosen.loss.name, chosen.mean(predictions, targets, present(weights)), False

    return named(native if interface == "native" else sklearn, chosen)
