"""The constant from which boosting should start."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from lossary.adapters._loss import check_parameters, is_pair, real_numbers, row_weights
from lossary.derivatives import value_grad_hess
from lossary.errors import LossaryValueError, type_error, value_error
from lossary.registry import get_loss

Array = np.ndarray[Any, np.dtype[Any]]

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
    targets : array, shape (n,) or (n, targets)
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
    if record.axis is not None or not is_pair(record):
        wanted = "must be an elementwise loss of predictions and targets"
        raise type_error(_FUNCTION, "loss", wanted, record.name)
    check_parameters(_FUNCTION, record, parameters)
    values = real_numbers(_FUNCTION, "targets", targets)
    _check_finite("targets", values)
    if values.size == 0:
        raise value_error(_FUNCTION, "targets", "must not be empty", "no values")
    if weights is not None:
        weights = row_weights(record, real_numbers(_FUNCTION, "weights", weights), values.shape)
        _check_finite("weights", weights)
        if not weights.any() or weights.min() < 0:
            wanted = "must be at least 0, and one of them more"
            raise value_error(_FUNCTION, "weights", wanted, f"a minimum of {weights.min():g}")
    derive = value_grad_hess(record.function)
    given = {"reduction": "none", "weights": weights, **parameters}

    def derivatives(x: float) -> tuple[Array, Array]:
        found: tuple[Array, ...] = derive(np.full(values.shape, x), values, **given)
        return found[1], found[2]

    best = _root(derivatives, record.name, float(values.mean()))
    slopes, changes = derivatives(best)
    # Far out the slopes of a loss that falls for ever underflow to 0, and so do their changes.
    if record.smooth and max(np.abs(slopes).max(), changes.max()) <= _UNDERFLOW:
        raise _falls_for_ever(record.name)
    return best


def _check_finite(name: str, values: Array) -> None:
    wrong = np.argwhere(~np.isfinite(values))
    if wrong.size:
        position = tuple(wrong[0].tolist())
        given = f"{values[position]} at {position}"
        raise value_error(_FUNCTION, name, "must be finite", given)


def _root(derivatives: Callable[[float], tuple[Array, Array]], name: str, start: float) -> float:
    """Return where an increasing sum of slopes passes 0.

    Newton's steps inside a bracket; every second step halves it, because slopes may jump.
    """
    low, high = _bracket(lambda x: float(derivatives(x)[0].sum()), name, start)
    x, newton = start, True
    while True:
        slopes, changes = derivatives(x)
        slope, change = float(slopes.sum()), float(changes.sum())
        if slope == 0:
            return x
        low, high = (x, high) if slope < 0 else (low, x)
        middle = low + (high - low) / 2
        if middle in {low, high}:
            return middle
        step = x - slope / change if newton and change > 0 else middle
        if step == x:
            return x
        x = step if low < step < high else middle
        newton = not newton


def _bracket(slope: Callable[[float], float], name: str, start: float) -> tuple[float, float]:
    """Return two points between which the slope passes 0."""
    step = size = max(1.0, abs(start))
    low = high = start
    below = above = slope(start)
    while below > 0 or above < 0:
        if below > 0:
            low, step = low - step, 2 * step
            below = slope(low)
        else:
            high, step = high + step, 2 * step
            above = slope(high)
        if step > 1e9 * size:
            raise _falls_for_ever(name)
    return low, high


def _falls_for_ever(name: str) -> LossaryValueError:
    wanted = "must have a constant prediction with the least loss"
    remedy = "The loss falls for ever: give targets of both classes."
    return value_error(_FUNCTION, "targets", wanted, f"none for {name}", remedy)
