"""The constant from which boosting should start."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from lossary.adapters._curvature import depends_on_residual, is_of_classes
from lossary.adapters._loss import (
    check_hessian,
    check_parameters,
    check_trainable,
    element_weights,
    is_pair,
    real_numbers,
)
from lossary.arrays import Array
from lossary.derivatives import value_grad_hess
from lossary.errors import LossaryValueError, type_error, value_error
from lossary.links import LINKS, LinkedFormula
from lossary.options import options
from lossary.registry import Loss, get_loss

_FUNCTION = "adapters.initial_score"
_UNDERFLOW = 1e-290
_FIRST_STEP = 2.0**-10
#: How many quantiles of the targets are tried where a loss may have several minima.
_CANDIDATES = 65


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
        An elementwise loss of predictions and targets. Where it is not convex, the constant is a
        minimum that its neighbours and a few quantiles of the targets do not beat.
    targets : array, shape (n,) or (n, targets)
        Targets as the loss takes them.
    weights : array, shape (n,), optional
        Weights, none negative.
    **parameters
        Parameters of the loss, and numbers for its other arguments.

    Returns
    -------
    float
        The constant; one of them, where several have the least loss: the mean for squared error, a
        weighted quantile for the pinball loss, the logarithm of the mean for deviances with
        ``log_input=True``, the link of the best prediction for :func:`lossary.with_link`.

    Raises
    ------
    TypeError
        If the loss is not an elementwise loss of predictions and targets.
    ValueError
        If there are no targets, no constant is best (the loss decreases without end, as the
        logistic loss does where all targets are 1), or the loss is for evaluation only.

    Examples
    --------
    >>> from lossary.adapters import initial_score
    >>> initial_score("mse_loss", [1.0, 2.0, 6.0])
    3.0
    >>> round(initial_score("binary_cross_entropy", [0.0, 1.0, 1.0, 1.0]), 6)
    1.098612
    """
    record = get_loss(loss)
    if record.axis is not None or not is_pair(record, parameters):
        requirement = "must be an elementwise loss of predictions and targets"
        raise type_error(_FUNCTION, "loss", requirement, record.name)
    check_trainable(_FUNCTION, record)
    check_hessian(_FUNCTION, record)
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
    return _best_constant(record, values, weights, parameters)


def _check_finite(name: str, values: Array) -> None:
    invalid = np.argwhere(~np.isfinite(values))
    if invalid.size:
        position = tuple(invalid[0].tolist())
        given = f"{values[position]} at {position}"
        raise value_error(_FUNCTION, name, "must be finite", given)


def _best_constant(loss: Loss, values: Array, weights: Any, parameters: dict[str, Any]) -> float:
    """Return the constant with the least loss; of a composed link, that link of the best one."""
    formula = loss.formula
    if isinstance(formula, LinkedFormula) and formula.is_composed:
        best = _best_constant(formula.loss, values, weights, {**parameters, **formula.bound})
        try:
            return LINKS[formula.link].score(best)
        except (ValueError, ZeroDivisionError):  # the link's inverse only comes close to it
            raise _no_minimum(loss) from None
    total = _Total(loss, values, weights, parameters)
    if not (loss.convex or is_of_classes(loss)) and depends_on_residual(loss, parameters):
        best = _least_of_several(total, values)
    else:
        best = _root(total, *_bracket(total, float(values.mean())))
    _, gradient, hessian = total.parts(best)
    # Far out, the derivatives of a loss that decreases without end underflow to 0.
    if loss.smooth and max(np.abs(gradient).max(), hessian.max()) <= _UNDERFLOW:
        raise _no_minimum(loss)
    return best


class _Total:
    """The weighted loss of a constant prediction, with its derivatives."""

    def __init__(self, loss: Loss, values: Array, weights: Any, parameters: dict[str, Any]) -> None:
        self.loss = loss
        self._derive, self._values = value_grad_hess(loss.function), values
        self._given = {"reduction": "none", "weights": weights, **parameters}

    def parts(self, constant: float) -> tuple[Array, Array, Array]:
        """Return value, gradient and Hessian of each element."""
        predictions = np.full(self._values.shape, constant)
        with options(domain="ignore"):  # the search may leave it, and comes back
            found: tuple[Array, Array, Array] = self._derive(
                predictions, targets=self._values, **self._given
            )
        return found

    def __call__(self, constant: float) -> tuple[float, float, float]:
        """Return their sums."""
        value, gradient, hessian = (float(part.sum()) for part in self.parts(constant))
        return value, gradient, hessian

    def slope(self, constant: float) -> float:
        """Return the sum of the gradients."""
        return self(constant)[1]


def _least_of_several(total: _Total, values: Array) -> float:
    """Return a minimum of a loss that may have several: next to the best of some quantiles."""
    tried = np.unique(np.quantile(values, np.linspace(0, 1, _CANDIDATES))).tolist()
    best = min(range(len(tried)), key=lambda i: total(tried[i])[0])
    if total.slope(tried[best]) > 0:
        found = _root(total, tried[max(best - 1, 0)], tried[best])
    else:
        found = _root(total, tried[best], tried[min(best + 1, len(tried) - 1)])
    return min(found, tried[best], key=lambda x: total(x)[0])


def _root(total: _Total, low: float, high: float) -> float:
    """Return where the slope crosses 0 upwards, between two points.

    Newton's steps inside the bracket; every second step halves it, because gradients may jump.
    """
    x, newton = low + (high - low) / 2, True
    while True:
        _, slope, curvature = total(x)
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


def _bracket(total: _Total, start: float) -> tuple[float, float]:
    """Return two points between which the slope crosses 0 upwards."""
    slope = total.slope(start)
    if slope == 0:
        return start, start
    away = -1.0 if slope > 0 else 1.0
    size = max(1.0, abs(start))
    # Short steps first, which find a crossing nearby, where a long one might leap over several.
    near, step = start, _FIRST_STEP * size
    while True:
        far = near + away * step
        slope = total.slope(far)
        if away * slope >= 0:
            return (far, near) if away < 0 else (near, far)
        if math.isnan(slope):  # beyond the domain of the predictions
            step /= 2
        else:
            near, step = far, 2 * step
        if not size * 1e-15 < step <= size * 1e9:
            raise _no_minimum(total.loss)


def _no_minimum(loss: Loss) -> LossaryValueError:
    requirement = "must have a constant prediction with the least loss"
    remedy = "The loss decreases without end"
    remedy += ": give targets of both classes." if is_of_classes(loss) else " for these targets."
    return value_error(_FUNCTION, "targets", requirement, f"none for {loss.name}", remedy)
