"""The decorator that makes a loss, and the registry of those there are.

A loss is declared once: a formula over symbols and the facts about it. The decorator builds the
public function, with an exact signature, and everything else is derived when it is asked for.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import itertools
import os
import sys
from collections.abc import Callable, Mapping
from types import FunctionType
from typing import Any, ParamSpec, Protocol, overload
from weakref import WeakValueDictionary

from lossary import families
from lossary.definition import Definition
from lossary.domains import (
    CLASS_LABELS,
    CLASSES_OR_PROBABILITIES,
    REAL,
    Domain,
    Range,
)
from lossary.errors import GENERATED, shown, type_error, value_error
from lossary.formula.expression import Expression
from lossary.record import Loss, Reduction

Formula = Callable[..., Expression]
P = ParamSpec("P")


class LossFunction(Protocol[P]):
    """A loss as type checkers see it: with the formula's parameters, or those of every loss too."""

    @overload
    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Any: ...
    @overload
    def __call__(self, first: Any, /, *rest: Any, **options: Any) -> Any: ...


_TAIL = (("weights", None), ("where", None), ("denominator", "count"), ("dtype", None))
_CLASS_TAIL = (("ignore_index", None), ("class_weights", None))


#: The latest loss of each name: for what a person types, and nothing else.
REGISTRY: dict[str, Loss] = {}
#: Every loss of this process by its identity, which is the same in all processes that it goes to.
BY_IDENTITY: WeakValueDictionary[str, Loss] = WeakValueDictionary()
#: The built-in losses are pickled by their public module, whatever file they are written in.
_FAMILIES, _PUBLIC = "lossary.losses.", "lossary"


@overload
def loss(formula: Callable[P, Expression], /) -> LossFunction[P]: ...


@overload
def loss(
    *,
    targets: Domain = ...,
    domains: Mapping[str, Domain] | None = ...,
    limits: Mapping[str, Range] | None = ...,
    structure: tuple[str, ...] = ...,
    axis: bool | int = ...,
    reduction: Reduction = ...,
    arguments: tuple[str, ...] | None = ...,
    family: str = ...,
    source: str = ...,
    convex: bool | None = ...,
    smooth: bool | None = ...,
    lipschitz: float | None = ...,
    differences: Mapping[str, str] | None = ...,
) -> Callable[[Callable[P, Expression]], LossFunction[P]]: ...


def loss(
    formula: Formula | None = None,
    /,
    *,
    targets: Domain = REAL,
    domains: Mapping[str, Domain] | None = None,
    limits: Mapping[str, Range] | None = None,
    structure: tuple[str, ...] = (),
    axis: bool | int = False,
    reduction: Reduction = "none",
    arguments: tuple[str, ...] | None = None,
    family: str = "custom",
    source: str = "",
    convex: bool | None = None,
    smooth: bool | None = None,
    lipschitz: float | None = None,
    differences: Mapping[str, str] | None = None,
) -> Any:
    """Turn a formula over symbols into a loss.

    The decorated function takes symbols and returns an expression built with Python's operators
    and the operations of :mod:`lossary.formula`. Parameters without a default are array
    arguments; numbers with a default are passed at run time; booleans and the names in
    ``structure`` choose a variant of the formula. What is returned is an ordinary function with
    the formula's parameters, ``reduction`` and the keyword arguments that every loss has.

    Parameters
    ----------
    formula : callable
        The formula; given by decorating without parentheses.
    targets : Domain
        Values that the targets are meant to have.
    domains : mapping, optional
        Domains of further arguments.
    limits : mapping, optional
        Ranges of the parameters.
    structure : tuple of str
        Parameters that change the formula's structure instead of being passed at run time.
    axis : bool or int
        Default class axis of a loss along an axis (True means -1); False for elementwise losses.
        A formula with a parameter ``axis`` gives the default there.
    reduction : {"none", "mean", "sum"}
        Default reduction.
    arguments : tuple of str, optional
        Names of the array arguments, where defaults do not tell them.
    family, source : str
        Group of losses; publication.
    convex, smooth : bool, optional
        Facts about the loss as a function of its first argument.
    lipschitz : float, optional
        Lipschitz constant in the first argument.
    differences : mapping, optional
        Per library, how its function of the same name differs.

    Returns
    -------
    callable
        The public function.

    Raises
    ------
    TypeError
        If the formula cannot be traced: the message says what to write instead.
    ValueError
        If a declared fact does not fit the formula, or a loss of the package has its name.

    Notes
    -----
    A function is its own loss, whatever is defined later under the same name, in ``torch.compile``
    and adapters too. Where a name is typed instead, it is that of the loss defined last.

    Examples
    --------
    >>> from lossary import loss, grad
    >>> from lossary.formula import maximum
    >>> @loss
    ... def squared_hinge(inputs, targets):
    ...     return maximum(0, 1 - targets * inputs) ** 2
    >>> squared_hinge([0.5, 2.0], [1, 1])
    array([0.25, 0.  ])
    >>> grad(squared_hinge)([0.5, 2.0], [1, 1])
    array([-1.,  0.])
    """

    def decorate(formula: Callable[..., Expression]) -> Callable[..., Any]:
        declared = Definition(formula, arguments, structure, axis)
        known = {"targets": targets} if "targets" in declared.arguments else {}
        known |= domains or {}
        declared.check(targets, known, limits or {}, reduction)
        record = Loss(
            name=declared.name,
            formula=formula,
            arguments=declared.arguments,
            parameters=declared.parameters,
            structure=declared.structure,
            axis=declared.axis,
            reduction=reduction,
            domains={name: known[name] for name in declared.arguments if name in known},
            limits=dict(limits or {}),
            signature=_public_signature(declared, reduction, targets),
            family=family,
            source=source,
            convex=convex,
            smooth=smooth,
            lipschitz=lipschitz,
            differences=dict(differences or {}),
        )
        _check_name(record)
        _make_functions(record, os.urandom(16).hex())
        REGISTRY[record.name] = record
        return record._function

    if formula is not None and not callable(formula):
        msg = "loss"
        raise type_error(msg, "the formula", "must be a function", shown(formula))
    return decorate if formula is None else decorate(formula)


def get_loss(name: str | Callable[..., Any]) -> Loss:
    """Return the record of a loss, given its name or its function.

    Parameters
    ----------
    name : str or callable
        ``"hinge_loss"`` or ``hinge_loss``.

    Returns
    -------
    Loss
        Formula, domains, facts and printed forms.

    Raises
    ------
    ValueError, TypeError
        If there is no such loss; close matches are named.

    Examples
    --------
    >>> import lossary
    >>> lossary.get_loss("hinge_loss").lipschitz
    1.0
    """
    if isinstance(name, Loss):
        return name
    if not isinstance(name, str) and not callable(name):
        msg = "get_loss"
        raise type_error(msg, "name", "must be the name of a loss or its function", shown(name))
    found = _record_named(name) if isinstance(name, str) else _record_of(name)
    if found is not None:
        return found
    spelled = name if isinstance(name, str) else getattr(name, "__name__", shown(name))
    import difflib

    close = difflib.get_close_matches(spelled, REGISTRY, n=3)
    remedy = f"Did you mean {' or '.join(close)}?" if close else "See lossary.list_losses()."
    msg = "get_loss"
    raise value_error(msg, "name", "must be a registered loss", repr(spelled), remedy)


def list_losses() -> tuple[Loss, ...]:
    """Return the records of all losses, by family and name. Printed, they are a table.

    Examples
    --------
    >>> import lossary
    >>> "hinge_loss" in [item.name for item in lossary.list_losses()]
    True
    """
    families.load_all()
    return LossList(sorted(REGISTRY.values(), key=lambda item: (item.family, item.name)))


class LossList(tuple[Loss, ...]):
    """Losses, shown as a table: a line for each, under the name of its family."""

    __slots__ = ()

    def __repr__(self) -> str:
        width = max((len(item.name) for item in self), default=0)
        lines = []
        for family, losses in itertools.groupby(self, key=lambda item: item.family):
            lines.append(family)
            lines += [f"  {item.name:{width}}  {item.summary}" for item in losses]
        return "\n".join(lines) or "()"


def _record_named(name: str) -> Loss | None:
    """Return the latest loss of a name; those of the package are loaded when they are asked for."""
    if name not in REGISTRY:
        families.load(name)
    return REGISTRY.get(name)


def built_in(name: str) -> Loss | None:
    """Return the loss of the package that has this name."""
    record = _record_named(name)
    return record if record is not None and _is_built_in(record) else None


def built_in_names() -> list[str]:
    """Return the names of all losses of the package."""
    families.load_all()
    return sorted(name for name, record in REGISTRY.items() if _is_built_in(record))


def _public_signature(declared: Definition, reduction: str, targets: Domain) -> inspect.Signature:
    positional = [*declared.positional]
    positional.append(
        inspect.Parameter("reduction", inspect.Parameter.POSITIONAL_OR_KEYWORD, default=reduction)
    )
    tail: tuple[tuple[str, object], ...] = _TAIL
    if targets.name in {CLASS_LABELS.name, CLASSES_OR_PROBABILITIES.name}:
        tail += _CLASS_TAIL
    keywords = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default)
        for name, default in tail
        if name not in declared.names
    ]
    return inspect.Signature([*positional, *keywords])


_FUNCTION = """\
def {name}{signature}:
    return _call(_Request({fields}))

def _bind{signature}:
    return _Request({fields})
"""
_FIELDS = (
    "_loss, ({arguments},), ({parameters}), {axis}, reduction, weights, where, denominator, dtype, "
    "{ignore_index}, {class_weights}"
)


def _make_functions(record: Loss, identity: str) -> None:
    """Build the public function and the one that binds arguments, and attach them to the record."""
    from lossary.flow import Request, call

    names = record.signature.parameters
    fields = _FIELDS.format(
        arguments=", ".join(record.arguments),
        parameters="".join(f"{name}, " for name in record.parameters),
        axis="axis" if "axis" in names else repr(record.axis),
        ignore_index="ignore_index" if "ignore_index" in names else None,
        class_weights="class_weights" if "class_weights" in names else None,
    )
    source = _FUNCTION.format(name=record.name, signature=record.signature, fields=fields)
    namespace = {
        "_call": call,
        "_Request": Request,
        "_loss": record,
    }
    # The same technique as dataclasses: a real function, so that signature, keyword errors,
    # pickling and help() are exactly those of one written by hand.
    exec(compile(source, GENERATED, "exec"), namespace)
    function: Any = namespace[record.name]
    function.__module__ = _PUBLIC if _is_built_in(record) else record.formula.__module__
    function.__qualname__ = record.formula.__qualname__
    object.__setattr__(record, "_function", function)
    object.__setattr__(record, "bind", namespace["_bind"])
    # A notebook shows a function by this attribute, as it shows the record.
    function._repr_latex_ = record._repr_latex_
    function.__doc__ = record.formula.__doc__
    _attach_declaration(record, identity)
    object.__setattr__(record, "identity", identity)
    BY_IDENTITY[identity] = record
    if not _is_built_in(record):
        # Shows whether it can be traced. Formulas of the package are traced when they are used.
        _ = record.function


def _check_name(record: Loss) -> None:
    """Raise if a loss of a user's has the name of one of the package; of one's own it may."""
    known = REGISTRY.get(record.name)
    own = record.name in families.INDEX or (known is not None and _is_built_in(known))
    if own and not _is_built_in(record):
        given = "that of a loss of the package"
        remedy = "Choose another: adapters and the command line find losses by their names."
        raise value_error(record.name, "the formula", "must have a name of its own", given, remedy)


def _is_built_in(record: Loss) -> bool:
    return str(record.formula.__module__).startswith(_FAMILIES)


# --- pickling ---------------------------------------------------------------------------------
def _attach_declaration(record: Loss, identity: str) -> None:
    """Give the public function an attribute that returns what the loss is made from.

    Only functions leave the choice to the pickler: pickle stores this one by its name, as an
    attribute of the public function; cloudpickle stores it by value where the module cannot be
    imported in another process (``__main__``), and so sends the formula along.
    """
    declared = {
        item.name: getattr(record, item.name) for item in dataclasses.fields(record) if item.init
    }

    def declaration() -> tuple[str, dict[str, Any]]:
        return identity, declared

    function: Any = record._function
    declaration.__module__ = function.__module__
    declaration.__qualname__ = f"{function.__qualname__}._declaration"
    function._declaration = declaration


def reduced(record: Loss) -> tuple[Callable[..., Loss], tuple[Any, ...]]:
    """Return what copies and pickles restore a loss from."""
    declaration = record._function._declaration  # type: ignore[attr-defined]
    if _is_importable(record.formula):  # a loss made without the decorator's @
        return _restored, declaration()
    return _restored_from, (declaration,)


def _restored_from(declaration: Callable[[], tuple[str, dict[str, Any]]]) -> Loss:
    return _restored(*declaration())


def _restored(identity: str, declared: dict[str, Any]) -> Loss:
    """Return this process's loss of that identity or formula; make it where there is none.

    One that is made here has no name in the registry, where it could replace another.
    """
    listed = REGISTRY.get(declared["name"])
    if listed is not None and listed.formula is declared["formula"]:
        return listed
    found = BY_IDENTITY.get(identity)
    if found is None:
        found = Loss(**declared)
        _make_functions(found, identity)
    return found


def _record_of(function: Callable[..., Any]) -> Loss | None:
    """Return the loss that a public function, or a copy of it made by a pickler, computes."""
    record = function.__globals__.get("_loss") if isinstance(function, FunctionType) else None
    if isinstance(record, Loss) and record._function.__code__ == function.__code__:
        return record
    return None


def _is_importable(function: Callable[..., Any]) -> bool:
    """Return whether pickle finds a function under its name."""
    module: object = sys.modules.get(getattr(function, "__module__", ""))
    path = getattr(function, "__qualname__", "").split(".")
    try:
        return functools.reduce(getattr, path, module) is function
    except AttributeError:
        return False
