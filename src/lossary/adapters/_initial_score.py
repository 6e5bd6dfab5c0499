"""The constant from which boosting should start."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from lossary.derivatives import grad, value_grad_hess
from lossary.errors import LossaryValueError, type_error, value_error
from lossary.registry import get_loss

_FUNCTION = "adapters.initial_score"
_UNDERFLOW = 1e-290


def initial_score(
    loss: str | Callable[..., Any], targets: Any, weights: Any = None, **parameters: Any
) -> float:
    """Return the constant prediction with the least weighted loss.

    For ``init_score`` of LightGBM and ``base_score`` of XGBoost, which start from 0 and 0.5 where
    the objective is a function. It is in the units of the raw prediction: XGBoost takes
    ``base_score`` as it is where the objective is a function, without its link.

    Parameters
    ----------
    loss : str or callable
        An elementwise loss of predictions and targets, convex in the predictions.
    targets : array, shape (n,)
        Targets as the loss takes them.
    weights : array, shape (n,), optional
        Weights, none negative.
    **parameters
        Parameters of the loss.

    Returns
    -------
    float
        Where several constants are as good, one of them.

    Raises
    ------
    TypeError
        If the loss is not an elementwise loss of predictions and targets.
    ValueError
        If there are no targets, or no constant is best: the loss falls for ever, as the logistic
        loss does where all targets are 1.

    Examples
    --------
    >>> from lossary.adapters import initial_score
    >>> initial_score("mse_loss", [1.0, 2.0, 6.0])
    3.0
    >>> round(initial_score("binary_cross_entropy", [0.0, 1.0, 1.0, 1.0]), 6)
    1.098612
    """
    record = get_loss(loss)
    if record.axis is not None or len(record.arguments) != 2 or "targets" not in record.arguments:
        wanted = "must be an elementwise loss of predictions and targets"
        raise type_error(_FUNCTION, "loss", wanted, record.name)
    values = np.asarray(targets, np.float64)
    _check_finite("targets", values)
    if values.size == 0:
        raise value_error(_FUNCTION, "targets", "must not be empty", "no values")
    if weights is not None:
        weights = np.asarray(weights, np.float64)
        _check_finite("weights", weights)
        if not weights.any() or weights.min() < 0:
            wanted = "must be at least 0, and one of them more"
            raise value_error(_FUNCTION, "weights", wanted, f"a minimum of {weights.min():g}")
    derive = grad(record.function)

    def slope(x: float) -> float:
        given = derive(np.float64(x), values, reduction="sum", weights=weights, **parameters)
        return float(given)

    best = _root(slope, record.name, float(values.mean()))
    if record.smooth:
        # Far out the slopes of a loss that falls for ever underflow to 0, and so do their changes.
        at = np.full(values.shape, best)
        _, slopes, changes = value_grad_hess(record.function)(at, values, **parameters)
        if max(np.abs(slopes).max(), changes.max()) <= _UNDERFLOW:
            raise _falls_for_ever(record.name)
    return best


def _check_finite(name: str, values: np.ndarray[Any, Any]) -> None:
    wrong = np.argwhere(~np.isfinite(values))
    if wrong.size:
        position = tuple(wrong[0].tolist())
        given = f"{values[position]} at {position}"
        raise value_error(_FUNCTION, name, "must be finite", given)


def _root(slope: Callable[[float], float], name: str, start: float) -> float:
    """Return where an increasing function passes 0, by bisection between two doublings."""
    low = high = start
    step = max(1.0, abs(start))
    while slope(low) > 0 or slope(high) < 0:
        low, high = (low - step, high) if slope(low) > 0 else (low, high + step)
        step *= 2
        if step > 1e9 * max(1.0, abs(start)):
            raise _falls_for_ever(name)
    if slope(start) == 0:
        return start
    while True:
        middle = low + (high - low) / 2
        if middle in {low, high} or not math.isfinite(middle):
            return middle
        found = slope(middle)
        if found == 0:
            return middle
        low, high = (middle, high) if found < 0 else (low, middle)


def _falls_for_ever(name: str) -> LossaryValueError:
    wanted = "must have a constant prediction with the least loss"
    remedy = "The loss falls for ever: give targets of both classes."
    return value_error(_FUNCTION, "targets", wanted, f"none for {name}", remedy)
