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

from lossary.adapters._objective import (
    BoosterLoss,
    Interface,
    Policy,
    called,
    make_metric,
    make_objective,
)

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
        For ``lightgbm.train({"objective": ...})`` or for ``LGBMRegressor(objective=...)`` and its
        kind.
    hessian : {"exact", "gauss-newton", "expected"}, positive number or None
        How the Hessian is kept positive: "exact" as it is; "gauss-newton" gradient² / (2 loss),
        for losses that are nowhere negative; "expected" the Fisher information of exp(-loss); a
        number is the least Hessian that is passed on. None looks at the loss: "gauss-newton" for
        real targets and a bounded gradient (absolute, Huber, log-cosh), a floor of 1 for classes
        and flat parts (hinge), and of 1e-6 for every other.
    hessian_factor : positive number
        Multiplies the Hessian alone. LightGBM's own softmax has K / (K - 1) for K
        classes.
    scale : positive number
        Multiplies gradient and Hessian: 0.5 makes ``mse_loss`` LightGBM's squared error.
    positive : label, optional
        For losses of two classes: the label that becomes +1 (or 1); every other becomes -1 (or 0).
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
    chosen = make_objective(
        "adapters.lightgbm.objective",
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
        ``f(predictions, data)`` for ``lightgbm.train(feval=...)``, or
        ``f(targets, predictions, weights)`` for ``fit(eval_metric=...)`` of estimators; returns
        name, value and False (less is better).

    Raises
    ------
    ValueError, TypeError, ImportError
        As for :func:`objective`.
    """
    chosen = make_metric(
        "adapters.lightgbm.metric",
        loss,
        parameters,
        scale=scale,
        positive=positive,
        interface=interface,
    )

    return called(chosen, functools.partial(_evaluated, chosen))


def _evaluated(
    chosen: BoosterLoss, predictions: Any, targets: Any, weights: Any
) -> tuple[str, float, bool]:
    """Return name, weighted mean, and that less is better."""
    return *chosen.named_mean(predictions, targets, weights), False
