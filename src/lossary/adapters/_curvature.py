"""Second derivatives for boosters: positive, and not too small.

Boosters fit the leaves of a tree to ``-gradient / Hessian``. A Hessian of 0 (hinge and absolute
loss) leaves the value of a leaf undefined, one near 0 (the tails of a smooth loss) makes it huge,
and one below 0 (beyond the shoulder of a robust loss) turns it round.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from lossary.adapters._two_classes import class_values, has_two_classes
from lossary.arrays import Array
from lossary.derivatives import value_and_grad
from lossary.errors import value_error
from lossary.options import options
from lossary.registry import Loss

#: The floor of the policies: boosters divide by the Hessian.
SMALLEST_FLOOR = 1e-16


class Curvature(NamedTuple):
    """The Hessian that a booster gets: by a policy, and at least the floor.

    ``constant`` is the expected Hessian where it does not depend on the predictions.
    """

    policy: str
    floor: float = SMALLEST_FLOOR
    constant: float | None = None

    @property
    def option(self) -> str | float:
        """The value of ``hessian=`` that chooses this curvature."""
        return self.policy if self.floor == SMALLEST_FLOOR else self.floor


def is_of_classes(loss: Loss) -> bool:
    """Return whether predictions are scores of classes, not numbers like the targets."""
    return loss.axis is not None or has_two_classes(loss)


# --- the policies ---------------------------------------------------------------------------------
def gauss_newton(
    value: Array, gradient: Array, hessian: Array, axis: int | tuple[int, ...] | None
) -> Array:
    """Return gradient² / (2 value): the curvature of the loss seen as half a square.

    With e = √(2 loss) the loss is e²/2, and the Gauss-Newton method keeps the term e'² of its
    second derivative. Where the loss is 0, that is 0/0, and the exact Hessian is its limit.
    """
    value = value if axis is None else np.expand_dims(value, axis)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return np.where(value > 0, gradient * (gradient / (2 * value)), hessian)


def weight(gradient: Array, hessian: Array, predictions: Array, targets: Array) -> Array:
    """Return gradient / residual: the weight of iteratively reweighted least squares.

    A square with this curvature has the loss's slope and its minimum at the target, so a leaf's
    value is a weighted mean of residuals. At the target the exact Hessian is its limit.
    """
    residual = predictions - targets.astype(predictions.dtype, copy=False)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return np.where(residual == 0, hessian, gradient / residual)


def logistic(predictions: Array, axis: int | tuple[int, ...] | None) -> Array:
    """Return p (1 - p), the Hessian of the logistic loss (of the softmax loss, with classes)."""
    if axis is None:
        odds = np.exp(-np.abs(predictions))
        return odds / np.square(1 + odds)
    shares = np.exp(predictions - predictions.max(axis=axis, keepdims=True))
    total = shares.sum(axis=axis, keepdims=True)
    return shares / total * ((total - shares) / total)


def expected(loss: Loss, parameters: dict[str, Any], predictions: Array) -> Array:
    """Return the Fisher information of exp(-loss) as a likelihood of the targets.

    It is the mean of gradient² over targets drawn from that likelihood; where exp(-loss) is
    normalised it is the mean of the second derivative.
    """
    derive = value_and_grad(loss.function)
    # Sums of exp(smallest value - value), rescaled whenever a target has a smaller value.
    smallest = np.full(predictions.shape if loss.axis is None else predictions.shape[:1], np.inf)
    total, squares = np.zeros_like(smallest), np.zeros(predictions.shape)
    for targets in possible_targets(loss, predictions):
        value, gradient = derive(predictions, targets=targets, reduction="none", **parameters)
        lower = np.minimum(smallest, value)
        rescale, share = np.exp(lower - smallest), np.exp(lower - value)
        total = total * rescale + share
        squares = squares * _column(rescale, squares)
        squares += _column(share, squares) * np.square(gradient)
        smallest = lower
    return (squares / _column(total, squares)).astype(predictions.dtype)


def _column(per_row: Array, like: Array) -> Array:
    """Return values of rows with further axes of length 1, as many as ``like`` has."""
    return per_row.reshape(per_row.shape + (1,) * (like.ndim - per_row.ndim))


def possible_targets(loss: Loss, predictions: Array) -> list[Array]:
    """Return arrays of targets, one for each class."""
    if loss.axis is not None:
        rows, classes = predictions.shape
        return [np.full(rows, label) for label in range(classes)]
    pair = class_values(loss)
    return [np.full(predictions.shape, target, predictions.dtype) for target in pair]


def depends_on_residual(loss: Loss, parameters: dict[str, Any]) -> bool:
    """Return whether the loss depends on predictions minus targets only."""
    residuals = np.array([-1e4, -7.5, -0.25, 0.0, 1.0, 300.0])
    given = {"reduction": "none", **parameters}
    with options(domain="ignore"):  # the loss may be meant for other values than these
        at_zero, shifted = (
            loss.function(target + residuals, targets=np.full(6, target), **given)
            for target in (0.0, 1024.0)
        )
    return bool(np.allclose(at_zero, shifted, rtol=1e-9))


def expected_of_residuals(function: str, loss: Loss, parameters: dict[str, Any]) -> float:
    """Return the Fisher information of a loss of the residual.

    The integral over the residual is a trapezoidal sum, on a grid whose steps grow with it.
    """
    grid = np.linspace(-9.0, 9.0, 20_001)
    residuals, widths = np.sinh(grid), np.cosh(grid)
    derive = value_and_grad(loss.function)
    given = {"reduction": "none", **parameters}
    value, gradient = derive(np.zeros_like(grid), targets=-residuals, **given)
    density = np.exp(value.min() - value) * widths
    decays = density[[0, -1]].max() < 1e-9 * density.max()
    if not (decays and depends_on_residual(loss, parameters)):
        requirement = "must be another policy than 'expected'"
        remedy = "It needs a loss of the residual that grows without bound."
        raise value_error(function, "hessian", requirement, f"'expected' for {loss.name}", remedy)
    return float(np.sum(density * gradient**2) / np.sum(density))
