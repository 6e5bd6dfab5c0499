"""Losses inside formulas: called with symbols, a loss gives its own expression."""

from __future__ import annotations

from typing import Any

from lossary.call.parameters import number
from lossary.definition.common_arguments import COMMON_ARGUMENTS
from lossary.definition.request import Request
from lossary.errors import shown, type_error, value_error
from lossary.formula.expression import Expression, literal

_OUTSIDE = "Give it to the loss that the formula defines, which takes it too."


def is_symbolic(request: Request) -> bool:
    """Return whether a loss is called with the symbols of a formula."""
    return any(isinstance(given, Expression) for given in (*request.arrays, *request.parameters))


def inlined(request: Request) -> Expression:
    """Return a loss's expression of the symbols and numbers that it is called with.

    It is the unreduced loss, one value per element or row, along the class axis of the loss that
    is being defined.
    """
    _refuse_options(request)
    loss = request.loss
    if loss.prepare:
        requirement = "must not be called inside a formula"
        given = f"symbols, from which no {' or '.join(loss.prepare)} can be computed"
        raise type_error(loss.name, "the loss", requirement, given)
    symbols = {
        name: _argument(request, name, given)
        for name, given in zip(loss.arguments, request.arrays, strict=True)
    }
    parameters = {
        name: _parameter(request, name, given)
        for name, given in zip(loss.parameters, request.parameters, strict=True)
    }
    return loss.trace(symbols, parameters)


def _refuse_options(request: Request) -> None:
    """Raise if anything but arguments and parameters is given: it belongs to the whole loss."""
    loss = request.loss
    neutral: dict[str, tuple[Any, ...]] = {
        "axis": (None, loss.axis),
        "class_axis": (None,),
        "reduction": ("none", loss.reduction),
        **{item.name: (item.default,) for item in COMMON_ARGUMENTS},
    }
    for name, allowed in neutral.items():
        given = getattr(request, name)
        array = getattr(type(given), "shape", None) is not None and given.shape != ()
        if isinstance(given, Expression) or array or given not in allowed:
            requirement = "must be left out inside a formula"
            raise value_error(loss.name, name, requirement, shown(given), _OUTSIDE)


def _argument(request: Request, name: str, given: Any) -> Expression:
    loss = request.loss
    if not isinstance(given, Expression):
        if isinstance(given, bool) or not isinstance(given, (int, float)):
            requirement = "must be a symbol or a number inside a formula"
            raise type_error(loss.name, name, requirement, type(given).__name__)
        return literal(given)
    if given.operation == "label" and not (name == "targets" and loss.takes_labels):
        raise type_error(loss.name, name, "must not be class labels", shown(given))
    if given.operation != "label" and name == "targets" and not loss.takes_probabilities:
        remedy = "Declare the loss that the formula defines with targets=CLASS_LABELS."
        raise type_error(loss.name, name, "must be class labels", shown(given), remedy)
    return given


def _parameter(request: Request, name: str, given: Any) -> Any:
    """Return what the formula is traced with: a symbol, a number, or what chooses a variant."""
    loss = request.loss
    chooses = name in loss.structure
    if isinstance(given, Expression):
        if chooses:
            remedy = f"Where it is a parameter, declare structure=({str(given)!r},) with @loss."
            requirement = "must be a plain value, as it chooses a variant of the formula"
            raise type_error(loss.name, name, requirement, shown(given), remedy)
        return given
    if isinstance(loss.parameters[name], bool):
        if not isinstance(given, bool):
            raise type_error(loss.name, name, "must be True or False", shown(given))
        return given
    if given is None and loss.parameters[name] is None:
        return None
    value = number(loss.name, name, given, loss.limits.get(name))
    if not chooses:
        return literal(value)
    return int(value) if value.is_integer() else value
