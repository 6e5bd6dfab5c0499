"""Which Hessian a booster gets: what the user chose, or what suits the loss."""

from __future__ import annotations

from typing import Any

import numpy as np

from lossary.adapters._curvature import (
    Curvature,
    expected_of_residuals,
    is_of_classes,
    possible_targets,
)
from lossary.adapters._loss import other_arguments
from lossary.arrays import Array
from lossary.call.parameters import number
from lossary.derivatives import value_grad_hess
from lossary.domains import POSITIVE, REAL
from lossary.errors import choices, value_error
from lossary.options import options
from lossary.registry import Loss

POLICIES = ("exact", "gauss-newton", "weight", "logistic", "expected")
#: The default floor: far below the Hessians that matter, far above 0 in float32.
_DEFAULT_FLOOR = 1e-6
#: The default floor for losses of classes with flat parts: a leaf then moves by the mean gradient.
_FLAT_FLOOR = 1.0
#: Sizes of residuals at which the default policy looks at a loss: near the target, whatever the
#: loss's own scale is, and far from it, where it asks how the gradient goes on.
_SIZES, _FAR = np.geomspace(1e-6, 3.0, 40), 10.0 ** np.array([3.0, 6.0, 9.0, 12.0])
_NEAR = np.concatenate([-_SIZES[::-1], [0.0], _SIZES])
#: Scores at which it looks at a loss of classes.
_SCORES = np.linspace(-8.0, 8.0, 33)


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
    if hessian == "weight" and (is_of_classes(loss) or not _Probe(loss, parameters).pulls):
        requirement = "must be another policy than 'weight'"
        remedy = "It needs a loss that is least where the prediction is the target."
        raise value_error(function, "hessian", requirement, f"'weight' for {loss.name}", remedy)
    if hessian == "logistic" and not is_of_classes(loss):
        requirement = "must be another policy than 'logistic'"
        remedy = "It is for scores of classes."
        raise value_error(function, "hessian", requirement, f"'logistic' for {loss.name}", remedy)
    if hessian != "expected" or is_of_classes(loss):
        return Curvature(hessian)
    if not loss.targets.is_real:
        requirement = f"must be another policy than 'expected' for targets {loss.targets}"
        raise value_error(function, "hessian", requirement, "'expected'")
    return Curvature(hessian, constant=expected_of_residuals(function, loss, parameters))


def _default_curvature(loss: Loss, parameters: dict[str, Any]) -> Curvature:
    """Return the curvature that suits a loss, by its derivatives at a few points."""
    if is_of_classes(loss):
        return _default_for_classes(loss, parameters)
    probe = _Probe(loss, parameters)
    if probe.is_bounded:
        if probe.pulls and (probe.redescends or not probe.is_never_negative):
            return Curvature("weight")
        if probe.is_never_negative:
            return Curvature("gauss-newton")
    elif probe.bends_down and probe.is_never_negative:
        return Curvature("gauss-newton")
    return Curvature("exact", _DEFAULT_FLOOR)


def _default_for_classes(loss: Loss, parameters: dict[str, Any]) -> Curvature:
    """Return the curvature for scores of classes, which stay near the margin."""
    scores = _SCORES
    if loss.axis is not None:
        scores = np.stack([_SCORES, np.zeros_like(_SCORES), -_SCORES], axis=1)
    flat = negative = False
    for targets in possible_targets(loss, scores):
        _, gradient, hessian = _derivatives(loss, parameters, scores, targets)
        flat |= bool(np.any((gradient != 0) & (hessian == 0)))
        negative |= bool(np.any(hessian < 0))
    if negative:
        return Curvature("logistic")
    return Curvature("exact", _FLAT_FLOOR if flat else _DEFAULT_FLOOR)


class _Probe:
    """A loss of numbers, looked at near a target and far from it.

    Attributes
    ----------
    pulls : bool
        Whether the gradient always points away from the target, so that steps lead to it.
    is_bounded : bool
        Whether the gradient is: then the Hessian does not tell the distance to the target.
    redescends : bool
        Whether the gradient shrinks far from the target.
    bends_down : bool
        Whether the Hessian is below 0 somewhere near the target.
    is_never_negative : bool
        Whether the loss is.
    """

    def __init__(self, loss: Loss, parameters: dict[str, Any]) -> None:
        least, largest = loss.targets.typical
        target = min(max(1.0, least), largest)
        residuals = np.concatenate([_NEAR, -_FAR, _FAR])
        predictions = target + residuals
        value, gradient, hessian = _derivatives(
            loss, parameters, predictions, np.full(residuals.shape, target)
        )
        inside = predictions >= _least_prediction(loss, parameters)
        near = inside[: _NEAR.size]
        known = inside & np.isfinite(gradient)
        pull = gradient[known] * np.sign(residuals[known])
        self.pulls = bool(np.all(pull >= 0) and np.any(pull > 0))
        # From the nearest to the farthest, one row for each side on which there are predictions.
        far = np.abs(gradient[_NEAR.size :]).reshape(2, -1)
        slopes = far[inside[_NEAR.size :].reshape(2, -1).all(axis=1)]
        last = slopes[:, -1]
        self.is_bounded = bool(np.isfinite(slopes).all() and np.all(last <= 2 * slopes[:, -2]))
        self.redescends = bool(np.all((last < 0.9 * slopes.max(axis=1)) | (last == 0)))
        self.bends_down = bool(np.any(hessian[: _NEAR.size][near] < 0))
        self.is_never_negative = not np.any(value[inside] < 0)


def _least_prediction(loss: Loss, parameters: dict[str, Any]) -> float:
    """Return a bound of the predictions that a loss is meant for: above 0 for means."""
    domain = loss.domains.get(loss.arguments[0], REAL)
    lifted = {**loss.parameters, **parameters}.get(domain.unless, False)
    return -np.inf if domain.is_real or lifted else domain.typical[0]


def _derivatives(
    loss: Loss, parameters: dict[str, Any], predictions: Array, targets: Array
) -> tuple[Array, Array, Array]:
    """Return value, gradient and Hessian, of the loss with its own parameters.

    Class weights are left out: there are as many as the data has classes, not as these scores.
    """
    names = {*other_arguments(loss), *loss.parameters}
    given = {name: value for name, value in parameters.items() if name in names}
    derive = value_grad_hess(loss.function)
    with options(domain="ignore"):  # the loss may be meant for other values than these
        found: tuple[Array, Array, Array] = derive(
            predictions, targets=targets, reduction="none", **given
        )
    return found
