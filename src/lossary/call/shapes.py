"""The shapes of a call's arguments: what they must be, and what to do where they are not."""

from __future__ import annotations

import math
import numbers
from typing import Any

from lossary.definition.definition import Definition
from lossary.definition.request import Request
from lossary.errors import shown, type_error, value_error

Shape = tuple[int, ...]


def layout_of(
    request: Request, shapes: dict[str, Shape], kinds: dict[str, str]
) -> tuple[Shape, Shape, Shape, bool]:
    """Return the class axes, the full and the unreduced shape, and whether targets are labels."""
    axes: Shape = ()
    if request.loss.axis is None:
        shape = unreduced_shape = _elementwise_shape(request, shapes)
        labels = False
    else:
        axes, shape, labels = _axis_shape(request, shapes, kinds)
        unreduced_shape = _without(axes, shape)
        _check_class_weights(request, shapes, shape[axes[0]], labels)
    for name in ("weights", "where", *request.array_parameters()):
        given = shapes.get(name, ())
        if axes and name == "where" and given == shape:
            continue
        if given != () and not _repeats_to(given, unreduced_shape):
            raise value_error(
                request.function,
                name,
                f"must have the shape of the unreduced loss, {unreduced_shape}, or its rank with "
                "axes of length 1, or be a scalar",
                f"shape {given}",
                _reshape_hint(name, given, unreduced_shape),
            )
    return axes, shape, unreduced_shape, labels


def _without(axes: Shape, shape: Shape) -> Shape:
    """Return a shape without some axes."""
    return tuple(length for axis, length in enumerate(shape) if axis not in axes)


def _repeats_to(given: Shape, full: Shape) -> bool:
    """Return whether an array of equal rank can be repeated along its axes of length 1."""
    return len(given) == len(full) and all(
        length in (wanted, 1) for length, wanted in zip(given, full, strict=True)
    )


def _elementwise_shape(request: Request, shapes: dict[str, Shape]) -> Shape:
    names = request.loss.arguments
    full = [name for name in names if shapes[name] != ()]
    if not full:
        return ()
    for name in full[1:]:
        if shapes[name] != shapes[full[0]]:
            raise value_error(
                request.function,
                f"{full[0]} and {name}",
                "must have equal shapes",
                f"{shapes[full[0]]} and {shapes[name]}",
                _reshape_hint(name, shapes[name], shapes[full[0]]),
            )
    return shapes[full[0]]


def _reshape_hint(name: str, given: Shape, wanted: Shape) -> str:
    """Return how to make the shapes equal without pairing the wrong elements."""
    if _without_ones(given) == _without_ones(wanted):
        return f"Pass {name}.reshape{wanted}."
    if len(given) == 2 and given == wanted[::-1]:
        return f"Pass {name}.T."
    if len(given) == len(wanted) and sorted(given) == sorted(wanted):
        return "Bring their axes into the same order."
    if math.prod(given) == math.prod(wanted):
        return "Make the shapes equal; only you know which elements belong together."
    return "Broadcast it to that shape first, if that is what is meant."


def _check_least_length(request: Request, first: str, shape: Shape, axis: int) -> None:
    """Raise if the class axis is too short for the variant of the loss."""
    least = request.loss.shortest_axis(request.parameters)
    if least > 1 and shape[axis] < least:
        requirement = f"must have at least {least} elements along axis {axis}"
        raise value_error(
            request.function,
            first,
            requirement,
            f"shape {shape}",
            "Choose the axis with axis=, or another variant of the loss.",
        )


def _without_ones(shape: Shape) -> Shape:
    return tuple(length for length in shape if length != 1)


def _axis_shape(
    request: Request, shapes: dict[str, Shape], kinds: dict[str, str]
) -> tuple[Shape, Shape, bool]:
    loss = request.loss
    first = loss.arguments[0]
    shape = shapes[first]
    axes = _axes(request, len(shape))
    if loss.length is not None and shape[axes[0]] != loss.length:
        requirement = f"must have {loss.length} elements along axis {axes[0]}"
        remedy = "Choose the axis with axis=."
        raise value_error(request.function, first, requirement, f"shape {shape}", remedy)
    _check_least_length(request, first, shape, axes[0])
    labels = _takes_as_labels(loss, shapes, shape, _without(axes, shape))
    for name in loss.arguments[1:]:
        _check_along_axis(request, name, shapes[name], axes, shape)
    if labels and kinds["targets"] == "float":
        raise type_error(
            request.function,
            "targets",
            "must be integers when they have one label per row",
            "a floating-point dtype",
            f"Convert them to an integer dtype; probabilities have shape {shape}.",
        )
    return axes, shape, labels


def _takes_as_labels(loss: Definition, shapes: dict[str, Shape], shape: Shape, rows: Shape) -> bool:
    """Return whether targets are one label for each row, not one number for each element."""
    if not loss.takes_labels or "targets" not in loss.arguments[1:]:
        return False
    given = shapes["targets"]
    return given == rows and not (loss.takes_probabilities and given == shape)


def _check_along_axis(request: Request, name: str, given: Shape, axes: Shape, shape: Shape) -> None:
    """Raise unless an argument after the first has one number for each row, or for each element."""
    loss, rows = request.loss, _without(axes, shape)
    if name == "targets" and loss.takes_labels:
        fitting = [rows, shape] if loss.takes_probabilities else [rows]
        wanted = f"shape {rows} for class labels"
        if loss.takes_probabilities:
            wanted += f" or {shape} for probabilities"
    elif name in loss.rows:
        fitting, wanted = [rows], f"one value per row, shape {rows}"
    else:
        fitting, wanted = [shape], f"the shape of {loss.arguments[0]}, {shape}"
    if given not in fitting:
        hint = _axis_hint(request, axes, shape)
        raise value_error(request.function, name, f"must have {wanted}", f"shape {given}", hint)


def _axis_hint(request: Request, axes: Shape, shape: Shape) -> str:
    if len(axes) > 1:
        return f"The loss is summed along the axes {axes}; choose others with axis=."
    (axis,) = axes
    hint = f"The class axis is {axis}, with {shape[axis]} classes"
    chosen = "axis" in request.loss.signature.parameters
    return f"{hint}; choose another with axis=." if chosen else f"{hint}."


def _axes(request: Request, ndim: int) -> Shape:
    """Return the axes of a row, counted from the front, in ascending order."""
    axes = _own_axes(request, ndim)
    given, name = request.class_axis, "class_axis"
    if given is None:
        return axes
    further = _axis(request, given, ndim, name)
    if further in axes:
        requirement = "must be another axis than those of axis"
        raise value_error(request.function, name, requirement, shown(given))
    return tuple(sorted((*axes, further)))


def _own_axes(request: Request, ndim: int) -> Shape:
    """Return the axes that ``axis`` names."""
    given = request.axis
    if not (request.loss.several_axes and isinstance(given, tuple)):
        return (_axis(request, given, ndim),)
    if not given:
        requirement = "must name at least one axis"
        raise value_error(request.function, "axis", requirement, shown(given))
    axes = tuple(sorted(_axis(request, axis, ndim) for axis in given))
    if len(set(axes)) < len(axes):
        raise value_error(request.function, "axis", "must name each axis once", shown(given))
    return axes


def _axis(request: Request, given: Any, ndim: int, name: str = "axis") -> int:
    if isinstance(given, bool) or not isinstance(given, numbers.Integral):
        several = request.loss.several_axes and name == "axis"
        requirement = (
            "must be an integer or a tuple of integers" if several else "must be an integer"
        )
        remedy = "" if several or not isinstance(given, tuple) else "This loss takes one axis."
        raise type_error(request.function, name, requirement, shown(given), remedy)
    if ndim == 0:
        raise value_error(
            request.function,
            request.loss.arguments[0],
            "must have a class axis",
            "a 0-d array",
            "Pass an array with at least one dimension.",
        )
    if not -ndim <= int(given) < ndim:
        raise value_error(
            request.function, name, f"must be from {-ndim} to {ndim - 1}", shown(given)
        )
    return int(given) % ndim


def _check_class_weights(
    request: Request, shapes: dict[str, Shape], classes: int, labels: bool
) -> None:
    given = shapes.get("class_weights")
    if given is None:
        return
    if not (labels or request.loss.weighs_classes):
        raise value_error(
            request.function,
            "class_weights",
            "must be None with probability targets",
            f"shape {given}",
            "Give the formula a parameter *, class_weights=None to multiply its terms with.",
        )
    if given != (classes,):
        raise value_error(
            request.function,
            "class_weights",
            f"must have one weight per class, shape ({classes},)",
            f"shape {given}",
        )
