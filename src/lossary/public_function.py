"""The public function of a loss: generated with its formula's signature, and how it is pickled."""

from __future__ import annotations

import copyreg
import dataclasses
import functools
import sys
from collections.abc import Callable
from typing import Any

from lossary.call.flow import call
from lossary.definition.common_arguments import COMMON_ARGUMENTS
from lossary.definition.definition import BY_IDENTITY
from lossary.definition.request import Request
from lossary.errors import LossaryError
from lossary.generated import define
from lossary.registry import REGISTRY, Loss

_FUNCTION = """\
# Generated from the formula {formula}.
def {name}{signature}:
    return _call(_Request({fields}))

def _bind{signature}:
    return _Request({fields})
"""
#: The built-in losses are pickled by their public module, whatever file they are written in.
_PUBLIC = "lossary"
#: The fields of a request, in their order.
_FIELDS = "_loss, ({arguments},), ({parameters}), {axis}, reduction, {common}, {class_axis}"


def make_functions(record: Loss) -> None:
    """Generate the public function and the one that binds arguments, and attach them to the record.

    As ``dataclasses`` does: a real function, so that its signature, keyword errors, pickling and
    help() are those of one written by hand. Tracebacks show its source.
    """
    names = record.signature.parameters
    fields = _FIELDS.format(
        arguments=", ".join(record.arguments),
        parameters="".join(f"{name}, " for name in record.parameters),
        axis="axis" if "axis" in names else repr(record.axis),
        common=", ".join(
            item.name if item.name in names else repr(item.default) for item in COMMON_ARGUMENTS
        ),
        class_axis="class_axis" if "class_axis" in names else None,
    )
    formula = f"{record.formula.__module__}.{record.formula.__qualname__}"
    source = _FUNCTION.format(
        name=record.name, signature=record.signature, fields=fields, formula=formula
    )
    namespace = {"_call": call, "_Request": Request, "_loss": record}
    function = define(record.name, source, namespace)
    function.__module__ = _PUBLIC if record.is_built_in else record.formula.__module__
    function.__qualname__ = record.formula.__qualname__
    function.__doc__ = record.formula.__doc__
    # A notebook shows a function by this attribute, as it shows the record.
    function._repr_latex_ = record._repr_latex_
    function.links = _Links(function)
    object.__setattr__(record, "bare_function", function)
    object.__setattr__(record, "bind", namespace["_bind"])
    _attach_declaration(record)
    if not record.is_built_in:
        # Shows whether it can be traced. Formulas of the package are traced when they are used.
        _ = record.function


class _Links:
    """The losses of raw scores that are made from a loss, by the names of their links.

    It is where pickle finds their functions: an attribute of the loss's public function.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.made: dict[str, Callable[..., Any]] = {}

    def __getattr__(self, link: str) -> Any:
        """Return the loss with a link. The package is asked, as it is made with the decorator."""
        if link.startswith("_") or link in {"function", "made"}:  # of an object without a state
            raise AttributeError(link)
        try:
            return sys.modules[_PUBLIC].with_link(self.function, link)
        except LossaryError:
            raise AttributeError(link) from None


def links_of(record: Loss) -> dict[str, Callable[..., Any]]:
    """Return the losses that were made from a loss, by the names of their links."""
    links: _Links = record.bare_function.links  # type: ignore[attr-defined]
    return links.made


# --- pickling ---------------------------------------------------------------------------------
def _attach_declaration(record: Loss) -> None:
    """Give the public function an attribute that returns what the loss is made from.

    It is a function because each pickler stores functions in its own way. pickle stores this one by
    its name, as an attribute of the public function. cloudpickle stores it by value where the
    module cannot be imported in another process (``__main__``), and so sends the formula along.
    """
    declared = {
        item.name: getattr(record, item.name) for item in dataclasses.fields(record) if item.init
    }

    def declaration() -> dict[str, Any]:
        return declared

    function: Any = record.bare_function
    declaration.__module__ = function.__module__
    declaration.__qualname__ = f"{function.__qualname__}._declaration"
    function._declaration = declaration


def _reduced(record: Loss) -> tuple[Callable[..., Loss], tuple[Any, ...]]:
    """Return what copies and pickles restore a loss from."""
    declaration = record.bare_function._declaration  # type: ignore[attr-defined]
    if _is_importable(record.formula):  # a loss made without the decorator's @
        return _restored, (declaration(),)
    return _restored_from, (declaration,)


def _restored_from(declaration: Callable[[], dict[str, Any]]) -> Loss:
    return _restored(declaration())


def _restored(declared: dict[str, Any]) -> Loss:
    """Return this process's loss of that identity or formula; make it where there is none.

    One that is made here has no name in the registry, where it could replace another.
    """
    listed = REGISTRY.get(declared["name"])
    if listed is not None and listed.formula is declared["formula"]:
        return listed
    found = BY_IDENTITY.get(declared["identity"])
    if isinstance(found, Loss):
        return found
    made = Loss(**declared)
    make_functions(made)
    return made


copyreg.pickle(Loss, _reduced)


def _is_importable(function: Callable[..., Any]) -> bool:
    """Return whether pickle finds a function under its name."""
    module: object = sys.modules.get(getattr(function, "__module__", ""))
    path = getattr(function, "__qualname__", "").split(".")
    try:
        return functools.reduce(getattr, path, module) is function
    except AttributeError:
        return False
