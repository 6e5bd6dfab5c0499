"""What a formula cannot do with a symbol, and the errors that say what to write instead."""

from __future__ import annotations

from typing import NoReturn, Protocol

from lossary.formula.table import FUNCTIONS


class TracingError(TypeError):
    """A formula used a symbol in a way that cannot be traced."""


class UnknownAttribute(TracingError, AttributeError):
    """A formula used an attribute, such as a method of arrays, that symbols do not have."""


USE_AT_LABEL = "Use at_label(values, labels) to pick the element at a label."
USE_FUNCTIONS = "Use the operations of lossary.formula."
USE_REDUCTIONS = "Use sum_over_classes() and max_over_classes() over the class axis."
COMPUTE_BEFORE = "Compute it before the call, and pass it as an argument."
KEEP_SYMBOL = "Keep it a symbol: every operation accepts one."

_ATTRIBUTES = {
    "sum": "sum_over_classes(x)",
    "mean": "mean_over_classes(x)",
    "max": "max_over_classes(x)",
    "abs": "abs(x)",
    "square": "x ** 2",
    "pow": "x ** n",
    "clip": "clip(x, low, high)",
    "clamp": "clip(x, low, high)",
    "shape": "class_count() for the number of classes",
    "size": "class_count() for the number of classes",
}


class _Symbol(Protocol):
    """What the methods made here need of the class that has them."""

    def _refuse(self, used: str, remedy: str, names_structure: bool = False) -> NoReturn: ...


class Refusal:
    """A method that raises a :class:`TracingError`.

    Parameters
    ----------
    used : str
        What the user wrote; ``{}`` stands for the method's name without its underscores.
    remedy : str
        What to write instead.
    names_structure : bool
        Whether the message suggests ``structure=`` where parameters alone are involved: such a
        parameter has a value while the formula is traced.
    """

    def __init__(self, used: str, remedy: str, names_structure: bool = False) -> None:
        self._used, self._remedy, self._names_structure = used, remedy, names_structure

    def __set_name__(self, owner: type, name: str) -> None:
        used = self._used.format(name.strip("_"))
        remedy, names_structure = self._remedy, self._names_structure

        def method(self: _Symbol, *_: object, **__: object) -> NoReturn:
            self._refuse(used, remedy, names_structure)

        method.__name__ = name
        setattr(owner, name, method)


def no_value(used: str, given: object, remedy: str) -> TracingError:
    """Return the error for a use that needs the value of a symbol."""
    return TracingError(
        "formula: a symbol has no value while a formula is traced, so it cannot be used in "
        f"{used}, got {given}. {remedy}"
    )


def unknown_attribute(given: object, name: str) -> UnknownAttribute:
    """Return the error for an attribute, with what to write instead of it."""
    message = (
        f"formula: a symbol must be used with operators and the operations of "
        f"lossary.formula, got {given!r}.{name}. {_instead_of(name)}"
    )
    return UnknownAttribute(message)


def _instead_of(attribute: str) -> str:
    instead = _ATTRIBUTES.get(attribute)
    if instead is None and attribute in FUNCTIONS:
        instead = f"{attribute}(x)"
    if instead is None:
        return USE_FUNCTIONS
    if attribute in {"sum", "mean"}:
        return f"Use {instead}. The batch is reduced by reduction=."
    return f"Use {instead}."
