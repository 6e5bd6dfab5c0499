"""Curves: the values and derivatives of losses over a range of one variable."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from lossary.arrays import Array
from lossary.derivatives import value_and_grad
from lossary.errors import value_error
from lossary.plotting.variable import Bounds, Variable, variable_of
from lossary.registry import Loss

_FUNCTION = "plot"
_POINTS = 1201


@dataclass(frozen=True, slots=True)
class Curve:
    """A loss over a range: its values and derivatives.

    Attributes
    ----------
    title : str
        Name of the curve.
    axis : str
        The variable on the horizontal axis.
    x, value, slope : array
        Points, losses and derivatives.
    dashed : bool
        Whether this curve is the counterpart, for the other target, of the curve before it.
    """

    title: str
    axis: str
    x: Array
    value: Array
    slope: Array
    dashed: bool = False


def curves(
    losses: Sequence[tuple[Loss, str, dict[str, Any]]], bounds: Bounds | None = None
) -> list[Curve]:
    """Compute the curves of losses as their first arguments vary.

    Parameters
    ----------
    losses : sequence of (Loss, str, dict)
        The losses, each with the curve's name and its parameters.
    bounds : tuple of float, optional
        Range of the horizontal axis.

    Returns
    -------
    list of Curve
        One for each loss. Losses of targets between 0 and 1, or of distances, are followed by the
        curve for the other target, unless losses over another variable are among the curves.

    Raises
    ------
    ValueError
        If the bounds leave nothing to draw, or as the losses do.

    Examples
    --------
    >>> import lossary
    >>> from lossary.plotting import curves
    >>> [hinge] = curves([(lossary.get_loss("hinge_loss"), "hinge", {})], (-1.0, 3.0))
    >>> hinge.axis, float(hinge.value[0]), float(hinge.slope[0])
    ('score, target +1', 2.0, -1.0)
    """
    variables = [variable_of(loss, parameters) for loss, _, parameters in losses]
    if bounds is None:
        low, high = zip(*(item.bounds for item in variables), strict=True)
        bounds = (min(low), max(high))
    share_axis = len({item.axis for item in variables}) == 1
    found = []
    for (loss, title, parameters), variable in zip(losses, variables, strict=True):
        curve = _curve(loss, parameters, variable, bounds, title)
        if variable.counterpart is None or not share_axis:
            found.append(curve)
            continue
        other = replace(variable, arguments=variable.counterpart)
        one, zero = variable.targets
        dashed = _curve(loss, parameters, other, bounds, f"{title}, {zero}")
        axis = variable.axis.removesuffix(f", {one}")
        found.append(replace(curve, title=f"{title}, {one}", axis=axis))
        found.append(replace(dashed, axis=axis, dashed=True))
    return found


def _curve(
    loss: Loss, parameters: dict[str, Any], variable: Variable, bounds: Bounds, title: str
) -> Curve:
    low, high = max(bounds[0], variable.domain[0]), min(bounds[1], variable.domain[1])
    if not low < high:
        requirement = f"must be increasing, and overlap {variable.domain} for {loss.name}"
        raise value_error(_FUNCTION, "bounds", requirement, repr(bounds))
    # Rounded, so that kinks at 0 and 1 are points of the grid.
    x = np.round(np.linspace(low, high, _POINTS), 12)
    axis = {"axis": -1} if "axis" in loss.signature.parameters else {}
    value, slope = value_and_grad(loss.function)(
        *variable.arguments(x), reduction="none", **axis, **parameters
    )
    slope = np.asarray(slope if loss.axis is None else slope[:, 0])
    return Curve(title, variable.axis, x, np.asarray(value), slope)


def axis_label(curves: Sequence[Curve]) -> str:
    """Return the label of the horizontal axis that curves share."""
    return " / ".join(dict.fromkeys(item.axis for item in curves))


def colour_indices(curves: Sequence[Curve]) -> list[int]:
    """Return the index of each curve's colour; a counterpart has that of the curve before it."""
    return [int(index) for index in np.cumsum([not item.dashed for item in curves]) - 1]


def split_at_jumps(x: Array, y: Array) -> tuple[Array, Array, Array]:
    """Insert NaN where a curve jumps, so that no line is drawn across.

    Returns the curve, and a mask of the points that are alone between two jumps. A jump is a step
    far larger than one of its neighbours; on a fine grid no smooth function has such a step.
    """
    step = np.abs(np.diff(y))
    neighbour = np.minimum(np.append(step[:1], step[:-1]), np.append(step[1:], step[-1:]))
    span = float(np.nanmax(y) - np.nanmin(y)) or 1.0
    jumps = np.flatnonzero((step > 0.02 * span) & (step > 8 * neighbour)) + 1
    x, y = np.insert(x, jumps, np.nan), np.insert(y, jumps, np.nan)
    gap = np.isnan(y)
    alone = ~gap & np.append(True, gap[:-1]) & np.append(gap[1:], True)
    return x, y, alone
