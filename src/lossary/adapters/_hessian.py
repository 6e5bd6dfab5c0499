"""Second derivatives as boosters want them: positive, and not too small.

Boosters fit a tree to ``-gradient / Hessian``. A Hessian of 0 (hinge and absolute loss) leaves a
leaf without a value, and one near 0 (the tails of a smooth loss) makes it huge.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from lossary.adapters._two_classes import has_two_classes, negative
from lossary.call.parameters import number
from lossary.derivatives import value_and_grad, value_grad_hess
from lossary.domains import POSITIVE, REAL
from lossary.errors import choices, value_error
from lossary.options import options
from lossary.registry import Loss

Array = np.ndarray[Any, np.dtype[Any]]

POLICIES = ("exact", "gauss-newton", "expected")
#: What the policies are kept above: boosters divide by it.
_LEAST = 1e-16
#: The floor where nothing is said: far below the Hessians that matter, far above 0 in float32.
_FLOOR = 1e-6
#: The floor of two-class losses with flat parts: a leaf's step is then the mean gradient.
_FLAT = 1.0
_NEAR, _FAR = 1e3, 1e6


class Curvature(NamedTuple):
    """What is passed on as the Hessian: a policy, and the floor above which it is kept.

    ``constant`` is the expected Hessian where it does not depend on the predictions.
    """

    policy: str
    floor: float
    constant: float | None = None

    @property
    def choice(self) -> str | float:
        """What ``hessian=`` chooses it."""
        return self.policy if self.floor == _LEAST else self.floor


def choose(
    function: str, loss: Loss, parameters: dict[str, Any], hessian: str | float | None
) -> Curvature:
    """Return what the user asked for."""
    if hessian is None:
        return _suited(loss, parameters)
    if not isinstance(hessian, str):
        return Curvature("exact", number(function, "hessian", hessian, POSITIVE))
    if hessian not in POLICIES:
        wanted = f"must be {choices(POLICIES)} or a positive number"
        remedy = "A number is the least Hessian that is passed on."
        raise value_error(function, "hessian", wanted, repr(hessian), remedy)
    if hessian != "expected":
        return Curvature(hessian, _LEAST)
    if loss.targets.name == REAL.name:
        return Curvature(hessian, _LEAST, _of_residuals(function, loss, parameters))
    if not (loss.takes_labels or has_two_classes(loss)):
        wanted = f"must be another policy than 'expected' for targets {loss.targets}"
        raise value_error(function, "hessian", wanted, "'expected'")
    return Curvature(hessian, _LEAST)


def _suited(loss: Loss, parameters: dict[str, Any]) -> Curvature:
    """Return what suits the loss's tails, which are looked at.

    Residuals have any size, so a bounded gradient leaves the Hessian without information about
    the distance to the target; scores of classes stay near the margin.
    """
    derive = value_grad_hess(loss.function)
    # Not the class weights: they have as many classes as the data, not as these scores.
    given = {n: value for n, value in parameters.items() if n in loss.parameters}
    given["reduction"] = "sum"
    if loss.axis is None and loss.targets.name == REAL.name:
        slopes = np.abs(derive(np.array([_NEAR, _FAR]), np.zeros(2), **given)[1])
        bounded = np.isfinite(slopes).all() and slopes[1] <= 2 * slopes[0]
        return Curvature("gauss-newton", _LEAST) if bounded else Curvature("exact", _FLOOR)
    scores = np.array([-3.0, 3.0]) if loss.axis is None else np.array([[3.0, 0.0, -3.0]])
    with options(domain="ignore"):  # scores of this kind may be none that the loss is meant for
        targets = _possible_targets(loss, scores)
        parts = [derive(scores, target, **given)[1:] for target in targets]
    flat = any(np.any((gradient != 0) & (hessian == 0)) for gradient, hessian in parts)
    return Curvature("exact", _FLAT if flat else _FLOOR)


def gauss_newton(value: Array, gradient: Array, hessian: Array, axis: int | None) -> Array:
    """Return gradient² / (2 value): the curvature of the loss taken as half a square.

    With e = √(2 loss) the loss is e²/2, and the Gauss-Newton method keeps e'² of its second
    derivative. Where the loss is 0 both are, and the exact one is its limit.
    """
    value = value if axis is None else np.expand_dims(value, axis)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return np.where(value > 0, gradient * (gradient / (2 * value)), hessian)


def expected(loss: Loss, parameters: dict[str, Any], predictions: Array) -> Array:
    """Return the Fisher information of exp(-loss) as a likelihood of the targets.

    It is the mean of gradient² over targets that are drawn from that likelihood; for the negative
    logarithm of a normalised likelihood it is the mean of the second derivative.
    """
    derive = value_and_grad(loss.function)
    least = np.full(predictions.shape if loss.axis is None else predictions.shape[:1], np.inf)
    mass, squares = np.zeros_like(least), np.zeros(predictions.shape)
    for targets in _possible_targets(loss, predictions):
        value, gradient = derive(predictions, targets, reduction="none", **parameters)
        lower = np.minimum(least, value)
        old, new = np.exp(lower - least), np.exp(lower - value)
        mass = mass * old + new
        squares = squares * _column(old, squares) + _column(new, squares) * np.square(gradient)
        least = lower
    return (squares / _column(mass, squares)).astype(predictions.dtype)


def _column(per_row: Array, like: Array) -> Array:
    return per_row.reshape(per_row.shape + (1,) * (like.ndim - per_row.ndim))


def _possible_targets(loss: Loss, predictions: Array) -> list[Array]:
    if loss.axis is not None:
        rows, classes = predictions.shape
        return [np.full(rows, label) for label in range(classes)]
    pair = (negative(loss), 1)
    return [np.full(predictions.shape, target, predictions.dtype) for target in pair]


def depends_on_residual(loss: Loss, parameters: dict[str, Any]) -> bool:
    """Return whether moving predictions and targets together leaves the loss as it is."""
    residuals = np.array([-1e4, -7.5, -0.25, 0.0, 1.0, 300.0])
    here, there = (
        loss.function(moved + residuals, np.full(6, moved), reduction="none", **parameters)
        for moved in (0.0, 1.5)
    )
    return bool(np.allclose(here, there, rtol=1e-9))


def _of_residuals(function: str, loss: Loss, parameters: dict[str, Any]) -> float:
    """Integrate over the residual, by the trapezoidal rule on a grid that widens with it."""
    grid = np.linspace(-9.0, 9.0, 20_001)
    residuals, widths = np.sinh(grid), np.cosh(grid)
    derive = value_and_grad(loss.function)
    value, gradient = derive(np.zeros_like(grid), -residuals, reduction="none", **parameters)
    density = np.exp(value.min() - value) * widths
    decays = density[[0, -1]].max() < 1e-9 * density.max()
    if not (decays and depends_on_residual(loss, parameters)):
        wanted = "must be another policy than 'expected'"
        remedy = "It needs a loss of the residual that grows without bound."
        raise value_error(function, "hessian", wanted, f"'expected' for {loss.name}", remedy)
    return float(np.sum(density * gradient**2) / np.sum(density))
