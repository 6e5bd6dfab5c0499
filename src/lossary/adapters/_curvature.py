"""Second derivatives for boosters: positive, and not too small.

Boosters fit the leaves of a tree to ``-gradient / Hessian``. A Hessian of 0 (hinge and absolute
loss) leaves the value of a leaf undefined, and one near 0 (the tails of a smooth loss) makes it
huge.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from lossary.adapters._two_classes import class_values, has_two_classes
from lossary.arrays import Array
from lossary.call.parameters import number
from lossary.derivatives import value_and_grad, value_grad_hess
from lossary.domains import POSITIVE
from lossary.errors import choices, value_error
from lossary.options import options
from lossary.registry import Loss

POLICIES = ("exact", "gauss-newton", "expected")
#: The floor of the policies: boosters divide by the Hessian.
_SMALLEST_FLOOR = 1e-16
#: The default floor: far below the Hessians that matter, far above 0 in float32.
_DEFAULT_FLOOR = 1e-6
#: The default floor for losses of classes with flat parts: a leaf then moves by the mean gradient.
_FLAT_FLOOR = 1.0
#: Residuals at which the default policy looks at the growth of the gradient.
_NEAR, _FAR = 1e3, 1e6


class Curvature(NamedTuple):
    """The Hessian that a booster gets: by a policy, and at least the floor.

    ``constant`` is the expected Hessian where it does not depend on the predictions.
    """

    policy: str
    floor: float
    constant: float | None = None

    @property
    def option(self) -> str | float:
        """The value of ``hessian=`` that chooses this curvature."""
        return self.policy if self.floor == _SMALLEST_FLOOR else self.floor


def choose_curvature(
    function: str, loss: Loss, parameters: dict[str, Any], hessian: str | float | None
) -> Curvature:
    """Return the curvature that the user chose, or the default one."""
    if hessian is None:
        return _default_curvature(loss, parameters)
    if not isinstance(hessian, str):
        return Curvature("exact", number(function, "hessian", hessian, POSITIVE))
    if hessian not in POLICIES:
        requirement = f"must be {choices(POLICIES)} or a positive number"
        remedy = "A number is the least Hessian that is passed on."
        raise value_error(function, "hessian", requirement, repr(hessian), remedy)
    if hessian != "expected":
        return Curvature(hessian, _SMALLEST_FLOOR)
    if loss.targets.is_real:
        constant = _expected_of_residuals(function, loss, parameters)
        return Curvature(hessian, _SMALLEST_FLOOR, constant)
    if not (loss.takes_labels or has_two_classes(loss)):
        requirement = f"must be another policy than 'expected' for targets {loss.targets}"
        raise value_error(function, "hessian", requirement, "'expected'")
    return Curvature(hessian, _SMALLEST_FLOOR)


def _default_curvature(loss: Loss, parameters: dict[str, Any]) -> Curvature:
    """Return the curvature that suits a loss, by its derivatives at a few points.

    Residuals have any size, so where the gradient is bounded the Hessian does not tell the
    distance to the target; scores of classes stay near the margin.
    """
    derive = value_grad_hess(loss.function)
    # Without class weights: there are as many as the data has classes, not as these scores have.
    given = {n: value for n, value in parameters.items() if n in loss.parameters}
    given["reduction"] = "sum"
    if loss.axis is None and loss.targets.is_real:
        slopes = np.abs(derive(np.array([_NEAR, _FAR]), np.zeros(2), **given)[1])
        is_bounded = np.isfinite(slopes).all() and slopes[1] <= 2 * slopes[0]
        if is_bounded:
            return Curvature("gauss-newton", _SMALLEST_FLOOR)
        return Curvature("exact", _DEFAULT_FLOOR)
    scores = np.array([-3.0, 3.0]) if loss.axis is None else np.array([[3.0, 0.0, -3.0]])
    with options(domain="ignore"):  # the loss may be meant for other values than these scores
        targets = _possible_targets(loss, scores)
        parts = [derive(scores, target, **given)[1:] for target in targets]
    is_flat = any(np.any((gradient != 0) & (hessian == 0)) for gradient, hessian in parts)
    return Curvature("exact", _FLAT_FLOOR if is_flat else _DEFAULT_FLOOR)


def gauss_newton(value: Array, gradient: Array, hessian: Array, axis: int | None) -> Array:
    """Return gradient² / (2 value): the curvature of the loss seen as half a square.

    With e = √(2 loss) the loss is e²/2, and the Gauss-Newton method keeps the term e'² of its
    second derivative. Where the loss is 0, that is 0/0, and the exact Hessian is its limit.
    """
    value = value if axis is None else np.expand_dims(value, axis)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return np.where(value > 0, gradient * (gradient / (2 * value)), hessian)


def expected(loss: Loss, parameters: dict[str, Any], predictions: Array) -> Array:
    """Return the Fisher information of exp(-loss) as a likelihood of the targets.

    It is the mean of gradient² over targets drawn from that likelihood; where exp(-loss) is
    normalised it is the mean of the second derivative.
    """
    derive = value_and_grad(loss.function)
    # Sums of exp(smallest value - value), rescaled whenever a target has a smaller value.
    smallest = np.full(predictions.shape if loss.axis is None else predictions.shape[:1], np.inf)
    total, squares = np.zeros_like(smallest), np.zeros(predictions.shape)
    for targets in _possible_targets(loss, predictions):
        value, gradient = derive(predictions, targets, reduction="none", **parameters)
        lower = np.minimum(smallest, value)
        rescale, weight = np.exp(lower - smallest), np.exp(lower - value)
        total = total * rescale + weight
        squares = squares * _column(rescale, squares)
        squares += _column(weight, squares) * np.square(gradient)
        smallest = lower
    return (squares / _column(total, squares)).astype(predictions.dtype)


def _column(per_row: Array, like: Array) -> Array:
    """Return values of rows with further axes of length 1, as many as ``like`` has."""
    return per_row.reshape(per_row.shape + (1,) * (like.ndim - per_row.ndim))


def _possible_targets(loss: Loss, predictions: Array) -> list[Array]:
    """Return arrays of targets, one for each class."""
    if loss.axis is not None:
        rows, classes = predictions.shape
        return [np.full(rows, label) for label in range(classes)]
    pair = class_values(loss)
    return [np.full(predictions.shape, target, predictions.dtype) for target in pair]


def depends_on_residual(loss: Loss, parameters: dict[str, Any]) -> bool:
    """Return whether the loss depends on predictions minus targets only."""
    residuals = np.array([-1e4, -7.5, -0.25, 0.0, 1.0, 300.0])
    at_zero, shifted = (
        loss.function(target + residuals, np.full(6, target), reduction="none", **parameters)
        for target in (0.0, 1.5)
    )
    return bool(np.allclose(at_zero, shifted, rtol=1e-9))


def _expected_of_residuals(function: str, loss: Loss, parameters: dict[str, Any]) -> float:
    """Return the Fisher information of a loss of the residual.

    The integral over the residual is a trapezoidal sum, on a grid whose steps grow with it.
    """
    grid = np.linspace(-9.0, 9.0, 20_001)
    residuals, widths = np.sinh(grid), np.cosh(grid)
    derive = value_and_grad(loss.function)
    value, gradient = derive(np.zeros_like(grid), -residuals, reduction="none", **parameters)
    density = np.exp(value.min() - value) * widths
    decays = density[[0, -1]].max() < 1e-9 * density.max()
    if not (decays and depends_on_residual(loss, parameters)):
        requirement = "must be another policy than 'expected'"
        remedy = "It needs a loss of the residual that grows without bound."
        raise value_error(function, "hessian", requirement, f"'expected' for {loss.name}", remedy)
    return float(np.sum(density * gradient**2) / np.sum(density))
