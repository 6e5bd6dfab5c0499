"""Losses of boxes, given by their corners x1, y1, x2, y2: regression in object detection."""

from __future__ import annotations

import math
from typing import NamedTuple

from lossary.decorator import loss
from lossary.domains import BOXES, POSITIVE
from lossary.formula import (
    Expression,
    arctan,
    at_label,
    maximum,
    share,
    square_over,
    stop_gradient,
    where,
)


class _Side(NamedTuple):
    """Two intervals: the projections of two boxes on one axis.

    Attributes
    ----------
    first, second : Expression
        Their lengths.
    both : Expression
        Length of what they have in common.
    first_only, second_only : Expression
        Lengths of what only one of them has.
    gap, enclosing : Expression
        Length between them, and of the smallest interval that holds both.
    shift : Expression
        Twice the distance of their centres, with its sign.
    """

    first: Expression
    second: Expression
    both: Expression
    first_only: Expression
    second_only: Expression
    gap: Expression
    enclosing: Expression
    shift: Expression


def _sides(inputs: Expression, targets: Expression) -> tuple[_Side, _Side]:
    """Return the projections on x and y."""
    low_x, low_y, high_x, high_y = (
        (at_label(inputs, place), at_label(targets, place)) for place in range(4)
    )
    return _side(low_x, high_x), _side(low_y, high_y)


def _side(low: tuple[Expression, Expression], high: tuple[Expression, Expression]) -> _Side:
    """Return the lengths that two intervals have.

    All take the same side of a kink, so that a loss of them has the derivative of that side, or the
    one that both sides agree on: intervals that only touch count as apart, and at ends that agree
    every length has the mean of the derivatives of both sides.
    """
    first, second = high[0] - low[0], high[1] - low[1]
    (lower, higher), (lower_end, higher_end) = _in_order(*low), _in_order(*high)
    common = lower_end - higher
    overlap = common > 0
    both = maximum(0, common)
    # What sticks out, added up: a length minus the common one would cancel for similar boxes.
    first_only = (higher - low[0]) + (high[0] - lower_end)
    second_only = (higher - low[1]) + (high[1] - lower_end)
    return _Side(
        first=first,
        second=second,
        both=both,
        first_only=where(overlap, first_only, first),
        second_only=where(overlap, second_only, second),
        gap=both - common,
        enclosing=higher_end - lower,
        shift=(low[0] - low[1]) + (high[0] - high[1]),
    )


def _in_order(a: Expression, b: Expression) -> tuple[Expression, Expression]:
    """Return the smaller and the larger of two values, which share the derivative at a tie."""
    middle = a / 2 + b / 2
    smaller = where(a < b, a, where(b < a, b, middle))
    return smaller, where(a < b, b, where(b < a, a, middle))


class _Areas(NamedTuple):
    """Areas of two boxes: of what only one has, of the union, and around it."""

    only_one: Expression
    both: Expression
    union: Expression
    around: Expression


def _areas(x: _Side, y: _Side) -> _Areas:
    first_only = x.first * y.first_only + x.first_only * y.both
    second_only = x.second * y.second_only + x.second_only * y.both
    # What the enclosing box has beyond the union: corners where different boxes are outermost, and
    # the strips between boxes that are apart.
    corners = x.first_only * y.second_only + x.second_only * y.first_only
    around = corners + x.enclosing * y.gap + x.gap * (y.second + y.first_only)
    return _Areas(
        only_one=first_only + second_only,
        both=x.both * y.both,
        union=x.first * y.first + second_only,
        around=around,
    )


def _box_iou(areas: _Areas, eps: float) -> Expression:
    return share(areas.only_one + eps, areas.both)


@loss(
    targets=BOXES,
    domains={"inputs": BOXES},
    limits={"eps": POSITIVE},
    family="boxes",
    source="Yu, Jiang, Wang, Cao & Huang (2016), UnitBox: an advanced object detection network, "
    "arXiv:1608.01471 (there minus the logarithm of the intersection over union)",
    length=4,
    convex=False,
    smooth=False,
    differences={"torchvision": "ops.box_iou gives the ratio itself, for all pairs of boxes"},
)
def box_iou_loss(
    inputs: Expression, targets: Expression, axis: int = -1, eps: float = 1e-7
) -> Expression:
    """Box IoU loss: 1 minus the intersection of two boxes over their union.

    For boxes that already overlap their targets: its derivative is 0 where they do not. Unlike a
    squared error it does not depend on the size of the boxes.

    Parameters
    ----------
    inputs : array, shape (..., 4, ...)
        Predicted boxes: x1, y1, x2, y2 along ``axis``, with x1 <= x2 and y1 <= y2.
    targets : array, shape of inputs
        Boxes to compare with.
    axis : int
        The axis that holds the four coordinates.
    eps : float
        Added to the union; positive, in units of an area.

    Notes
    -----
    Computed from the areas that only one box has, so nearly equal boxes keep their digits. Where a
    coordinate of both boxes is the same, the derivative is the mean of those of both sides, so that
    it is 0 at equal boxes but for a term of the size of ``eps`` over the union. Boxes that only
    touch, or of which one has no width or height, count as apart.

    See Also
    --------
    generalized_box_iou_loss, distance_box_iou_loss, complete_box_iou_loss : With a gradient where
        boxes are apart.
    jaccard_loss : For regions of pixels.

    Examples
    --------
    >>> from lossary import box_iou_loss
    >>> box_iou_loss([[0.0, 0.0, 2.0, 2.0]], [[1.0, 1.0, 3.0, 4.0]])
    array([0.88888889])
    """
    return _box_iou(_areas(*_sides(inputs, targets)), eps)


@loss(
    targets=BOXES,
    domains={"inputs": BOXES},
    limits={"eps": POSITIVE},
    family="boxes",
    source="Rezatofighi, Tsoi, Gwak, Sadeghian, Reid & Savarese (2019), Generalized intersection "
    "over union, arXiv:1902.09630",
    length=4,
    convex=False,
    smooth=False,
    differences={"torchvision": "none"},
)
def generalized_box_iou_loss(
    inputs: Expression, targets: Expression, axis: int = -1, eps: float = 1e-7
) -> Expression:
    """Generalized IoU loss: the IoU loss plus the empty share of the enclosing box.

    For box regression from any start: boxes that are apart are drawn together. From 0 to 2.

    Parameters
    ----------
    inputs : array, shape (..., 4, ...)
        Predicted boxes: x1, y1, x2, y2 along ``axis``, with x1 <= x2 and y1 <= y2.
    targets : array, shape of inputs
        Boxes to compare with.
    axis : int
        The axis that holds the four coordinates.
    eps : float
        Added to the areas that are divided by; positive.

    Notes
    -----
    The area of the smallest box around both that neither fills is added up from its parts, not
    subtracted, so it is exactly 0 for boxes of which one holds the other. Where coordinates agree,
    the derivative is the mean of those of both sides; boxes that only touch count as apart.

    See Also
    --------
    box_iou_loss : Without the enclosing box.
    distance_box_iou_loss : With the distance of the centres instead.

    Examples
    --------
    >>> from lossary import generalized_box_iou_loss
    >>> generalized_box_iou_loss([[0.0, 0.0, 2.0, 2.0]], [[5.0, 5.0, 6.0, 7.0]])
    array([1.85714286])
    """
    areas = _areas(*_sides(inputs, targets))
    return _box_iou(areas, eps) + share(areas.around, areas.union + eps)


_DISTANCE = (
    "Zheng, Wang, Liu, Li, Ye & Ren (2020), Distance-IoU loss: faster and better learning for "
    "bounding box regression, arXiv:1911.08287"
)


@loss(
    targets=BOXES,
    domains={"inputs": BOXES},
    limits={"eps": POSITIVE},
    family="boxes",
    source=_DISTANCE,
    length=4,
    convex=False,
    smooth=False,
    differences={"torchvision": "none"},
)
def distance_box_iou_loss(
    inputs: Expression, targets: Expression, axis: int = -1, eps: float = 1e-7
) -> Expression:
    """Distance IoU loss: the IoU loss plus the squared distance of the centres, in relative units.

    For box regression: it moves a centre straight to its target, where the generalized IoU loss
    first grows the box. The unit is the diagonal of the smallest box around both.

    Parameters
    ----------
    inputs : array, shape (..., 4, ...)
        Predicted boxes: x1, y1, x2, y2 along ``axis``, with x1 <= x2 and y1 <= y2.
    targets : array, shape of inputs
        Boxes to compare with.
    axis : int
        The axis that holds the four coordinates.
    eps : float
        Added to the union and to the squared diagonal; positive.

    Notes
    -----
    Twice the distance of the centres is the sum of two differences of edges: for boxes that nearly
    agree it keeps the digits that centres lose. Where coordinates agree, the derivative is the mean
    of those of both sides; boxes that only touch count as apart.

    See Also
    --------
    complete_box_iou_loss : Compares the boxes' aspect ratios too.
    generalized_box_iou_loss : With the enclosing box instead of the distance.

    Examples
    --------
    >>> from lossary import distance_box_iou_loss
    >>> distance_box_iou_loss([[0.0, 0.0, 2.0, 2.0]], [[5.0, 5.0, 6.0, 7.0]])
    array([1.53235294])
    """
    x, y = _sides(inputs, targets)
    return _box_iou(_areas(x, y), eps) + _relative_distance(x, y, eps)


def _relative_distance(x: _Side, y: _Side, eps: float) -> Expression:
    diagonal = x.enclosing * x.enclosing + y.enclosing * y.enclosing + eps
    return (square_over(x.shift, diagonal) + square_over(y.shift, diagonal)) / 4


@loss(
    targets=BOXES,
    domains={"inputs": BOXES},
    limits={"eps": POSITIVE},
    family="boxes",
    source=_DISTANCE,
    length=4,
    convex=False,
    smooth=False,
    differences={
        "torchvision": "NaN where a box has neither width nor height; a gradient of NaN where one "
        "has no height"
    },
)
def complete_box_iou_loss(
    inputs: Expression, targets: Expression, axis: int = -1, eps: float = 1e-7
) -> Expression:
    """Complete IoU loss: the distance IoU loss plus a penalty for another aspect ratio.

    For box regression where the shape of the boxes matters: overlap, distance of the centres and
    aspect ratio in one number.

    Parameters
    ----------
    inputs : array, shape (..., 4, ...)
        Predicted boxes: x1, y1, x2, y2 along ``axis``, with x1 <= x2 and y1 <= y2.
    targets : array, shape of inputs
        Boxes to compare with.
    axis : int
        The axis that holds the four coordinates.
    eps : float
        Added to what is divided by; positive.

    Notes
    -----
    The penalty is ``v``, 4/pi^2 times the squared difference of the angles whose tangents are the
    ratios of width to height, times ``v / (box_iou_loss + v + eps)``, which counts as a constant in
    the derivative, as in the publication. A box without height has the angle pi/2, one with neither
    width nor height 0.

    See Also
    --------
    distance_box_iou_loss : Without the aspect ratio.

    Examples
    --------
    >>> from lossary import complete_box_iou_loss
    >>> complete_box_iou_loss([[0.0, 0.0, 2.0, 2.0]], [[0.5, 0.5, 3.0, 1.5]])
    array([0.7490289])
    """
    x, y = _sides(inputs, targets)
    disjoint = _box_iou(_areas(x, y), eps)
    turn = (2 / math.pi) * (_angle(x.second, y.second) - _angle(x.first, y.first))
    difference = turn * turn
    factor = stop_gradient(difference / (disjoint + difference + eps))
    return disjoint + _relative_distance(x, y, eps) + factor * difference


def _angle(width: Expression, height: Expression) -> Expression:
    """Return the angle whose tangent is width / height, of the ratio that is at most 1."""
    is_wide = height < width
    longer = where(is_wide, width, where(height > 0, height, 1))
    slope = arctan(where(is_wide, height, width) / longer)
    return where(is_wide, math.pi / 2 - slope, slope)
