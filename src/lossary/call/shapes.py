"""The shapes of a call's arguments: what they must be, and what to do where they are not."""

from __future__ import annotations

import math
import numbers

from lossary.definition.request import Request
from lossary.errors import shown, type_error, value_error

Shape = tuple[int, ...]


def layout_of(
    request: Request, shapes: dict[str, Shape], kinds: dict[str, str]
) -> tuple[int | None, Shape, Shape, bool]:
    """Return the class axis, the full and the unreduced shape, and whether targets are labels."""
    if request.loss.axis is None:
        shape = _elementwise_shape(request, shapes)
        axis, unreduced_shape, labels = None, shape, False
    else:
        axis, shape, labels = _axis_shape(request, shapes, kinds)
        unreduced_shape = shape[:axis] + shape[axis + 1 :]
        _check_class_weights(request, shapes, shape[axis], labels)
    for name in ("weights", "where", *request.array_parameters()):
        given = shapes.get(name, ())
        if axis is not None and name == "where" and given == shape:
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
    return axis, shape, unreduced_shape, labels


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
    """Advise what keeps every element beside its own partner."""
    if _without_ones(given) == _without_ones(wanted):
        return f"Pass {name}.reshape{wanted}."
    if len(given) == 2 and given == wanted[::-1]:
        return f"Pass {name}.T."
    if len(given) == len(wanted) and sorted(given) == sorted(wanted):
        return "Bring their axes into the same order."
    if math.prod(given) == math.prod(wanted):
        return "Make the shapes equal; only you know which elements belong together."
    return "Broadcast it to that shape first, if that is what is meant."


def _without_ones(shape: Shape) -> Shape:
    return tuple(length for length in shape if length != 1)


def _axis_shape(
    request: Request, shapes: dict[str, Shape], kinds: dict[str, str]
) -> tuple[int, Shape, bool]:
    loss = request.loss
    first = loss.arguments[0]
    shape = shapes[first]
    axis = _axis(request, len(shape))
    if loss.length is not None and shape[axis] != loss.length:
        requirement = f"must have {loss.length} elements along axis {axis}"
        remedy = "Choose the axis with axis=."
        raise value_error(request.function, first, requirement, f"shape {shape}", remedy)
    rows = shape[:axis] + shape[axis + 1 :]
    labels = False
    for name in loss.arguments[1:]:
        given = shapes[name]
        if name == "targets" and loss.takes_labels:
            labels = given == rows and not (loss.takes_probabilities and given == shape)
            if labels or (loss.takes_probabilities and given == shape):
                continue
            wanted = f"shape {rows} for class labels"
            if loss.takes_probabilities:
                wanted += f" or {shape} for probabilities"
        elif given == (rows if name in loss.rows else shape):
            continue
        elif name in loss.rows:
            wanted = f"one value per row, shape {rows}"
        else:
            wanted = f"the shape of {first}, {shape}"
        raise value_error(
            request.function, name, f"must have {wanted}", f"shape {given}", _axis_hint(axis, shape)
        )
    if labels and kinds["targets"] == "float":
        raise type_error(
            request.function,
            "targets",
            "must be integers when they have one label per row",
            "a floating-point dtype",
            f"Convert them to an integer dtype; probabilities have shape {shape}.",
        )
    return axis, shape, labels


def _axis_hint(axis: int, shape: Shape) -> str:
    return f"The class axis is {axis}, with {shape[axis]} classes; choose another with axis=."


def _axis(request: Request, ndim: int) -> int:
    given = request.axis
    if isinstance(given, bool) or not isinstance(given, numbers.Integral):
        raise type_error(request.function, "axis", "must be an integer", shown(given))
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
            request.function, "axis", f"must be from {-ndim} to {ndim - 1}", shown(given)
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
