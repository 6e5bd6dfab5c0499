"""The constant from which boosting should start."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from lossary.adapters._loss import check_parameters, element_weights, is_pair, real_numbers
from lossary.arrays import Array
from lossary.derivatives import value_grad_hess
from lossary.errors import LossaryValueError, type_error, value_error
from lossary.registry import get_loss

_FUNCTION = "adapters.initial_score"
_UNDERFLOW = 1e-290


def initial_score(
    loss: str | Callable[..., Any], targets: Any, weights: Any = None, **parameters: Any
) -> float:
    """Return the constant prediction with the least weighted loss.

    For ``init_score`` of LightGBM and ``base_score`` of XGBoost, which are 0 and 0.5 by default
    where the objective is a function. It is a raw prediction: with such an objective XGBoost does
    not apply a link to ``base_score``.

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
        The constant; one of them, where several have the least loss.

    Raises
    ------
    TypeError
        If the loss is not an elementwise loss of predictions and targets.
    ValueError
        If there are no targets, or no constant is best: the loss decreases without end, as the
        logistic loss does where all targets are 1.

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
        requirement = "must be an elementwise loss of predictions and targets"
        raise type_error(_FUNCTION, "loss", requirement, record.name)
    check_parameters(_FUNCTION, record, parameters)
    values = real_numbers(_FUNCTION, "targets", targets)
    _check_finite("targets", values)
    if values.size == 0:
        raise value_error(_FUNCTION, "targets", "must not be empty", "no values")
    if weights is not None:
        weights = real_numbers(_FUNCTION, "weights", weights)
        weights = element_weights(record, weights, values.shape)
        _check_finite("weights", weights)
        if not weights.any() or weights.min() < 0:
            requirement = "must be at least 0, and one of them more"
            raise value_error(_FUNCTION, "weights", requirement, f"a minimum of {weights.min():g}")
    derive = value_grad_hess(record.function)
    given = {"reduction": "none", "weights": weights, **parameters}

    def derivatives(x: float) -> tuple[Array, Array]:
        _, gradient, hessian = derive(np.full(values.shape, x), values, **given)
        return gradient, hessian

    best = _root(derivatives, record.name, float(values.mean()))
    gradient, hessian = derivatives(best)
    # Far out, the derivatives of a loss that decreases without end underflow to 0.
    if record.smooth and max(np.abs(gradient).max(), hessian.max()) <= _UNDERFLOW:
        raise _no_minimum(record.name)
    return best


def _check_finite(name: str, values: Array) -> None:
    invalid = np.argwhere(~np.isfinite(values))
    if invalid.size:
        position = tuple(invalid[0].tolist())
        given = f"{values[position]} at {position}"
        raise value_error(_FUNCTION, name, "must be finite", given)


def _root(derivatives: Callable[[float], tuple[Array, Array]], name: str, start: float) -> float:
    """Return where the sum of the gradient, which increases, crosses 0.

    Newton's steps inside a bracket; every second step halves it, because gradients may jump.
    """
    low, high = _bracket(lambda x: float(derivatives(x)[0].sum()), name, start)
    x, newton = start, True
    while True:
        gradient, hessian = derivatives(x)
        slope, curvature = float(gradient.sum()), float(hessian.sum())
        if slope == 0:
            return x
        low, high = (x, high) if slope < 0 else (low, x)
        middle = low + (high - low) / 2
        if middle in {low, high}:
            return middle
        step = x - slope / curvature if newton and curvature > 0 else middle
        if step == x:
            return x
        x = step if low < step < high else middle
        newton = not newton


def _bracket(slope: Callable[[float], float], name: str, start: float) -> tuple[float, float]:
    """Return two points between which the slope crosses 0."""
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
            raise _no_minimum(name)
    return low, high


def _no_minimum(name: str) -> LossaryValueError:
    requirement = "must have a constant prediction with the least loss"
    remedy = "The loss decreases without end: give targets of both classes."
    return value_error(_FUNCTION, "targets", requirement, f"none for {name}", remedy)
