"""The decorator that makes a loss, and the registry of those there are.

A loss is declared once: a formula over symbols and the facts about it. The decorator builds the
public function, with an exact signature, and everything else is derived when it is asked for.
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Mapping
from typing import Any, overload

from lossary.definition import Definition
from lossary.documentation import complete_docstring
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

_TAIL = (("weights", None), ("where", None), ("denominator", "count"), ("dtype", None))
_CLASS_TAIL = (("ignore_index", None), ("class_weights", None))


REGISTRY: dict[str, Loss] = {}
_BY_FUNCTION: dict[Callable[..., Any], Loss] = {}


@overload
def loss(formula: Formula, /) -> Callable[..., Any]: ...


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
) -> Callable[[Formula], Callable[..., Any]]: ...


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
        return _register(record)

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
    try:
        found = REGISTRY.get(name) if isinstance(name, str) else _BY_FUNCTION.get(name)
    except TypeError:  # it has no hash, so it is none of ours
        found = None
    if found is not None:
        return found
    spelled = name if isinstance(name, str) else getattr(name, "__name__", shown(name))
    close = difflib.get_close_matches(spelled, REGISTRY, n=3)
    remedy = f"Did you mean {' or '.join(close)}?" if close else "See lossary.list_losses()."
    msg = "get_loss"
    raise value_error(msg, "name", "must be a registered loss", repr(spelled), remedy)


def list_losses() -> tuple[Loss, ...]:
    """Return the records of all losses, by family and name.

    Examples
    --------
    >>> import lossary
    >>> "hinge_loss" in [item.name for item in lossary.list_losses()]
    True
    """
    return tuple(sorted(REGISTRY.values(), key=lambda item: (item.family, item.name)))


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


def _register(record: Loss) -> Callable[..., Any]:
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
    function.__module__ = record.formula.__module__
    function.__qualname__ = record.formula.__qualname__
    object.__setattr__(record, "function", function)
    object.__setattr__(record, "bind", namespace["_bind"])
    function.__doc__ = complete_docstring(record, inspect.getdoc(record.formula) or "")
    REGISTRY[record.name] = record
    _BY_FUNCTION[function] = record
    return function  # type: ignore[no-any-return]
