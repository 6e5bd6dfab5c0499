"""The record of a loss, the decorator that makes one, and the registry.

A loss is declared once: a formula over symbols and the facts about it. The decorator builds the
public function, with an exact signature, and everything else is derived when it is asked for.
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, overload

from lossary.definition import RESERVED, Definition
from lossary.documentation import complete_docstring
from lossary.domains import (
    CLASS_LABELS,
    CLASSES_OR_PROBABILITIES,
    REAL,
    Domain,
    Range,
)
from lossary.errors import (
    GENERATED,
    LossaryError,
    LossaryTypeError,
    shown,
    type_error,
    value_error,
)
from lossary.formula.expression import Expression, TracingError, walk
from lossary.formula.primitives import PRIMITIVES

if TYPE_CHECKING:
    from lossary.problem import Request

Reduction = Literal["none", "mean", "sum"]
Formula = Callable[..., Expression]

_TAIL = (("weights", None), ("where", None), ("denominator", "count"), ("dtype", None))
_CLASS_TAIL = (("ignore_index", None), ("class_weights", None))


@dataclass(frozen=True, eq=False)
class Loss:
    """A loss: its formula, the facts declared about it, and its public function.

    Attributes
    ----------
    name : str
        Name of the public function.
    formula : callable
        The formula as written: from symbols to an expression.
    arguments : tuple of str
        Names of the array arguments, in order.
    parameters : dict
        Names and defaults of the formula's other parameters.
    axis : int or None
        Default class axis; None for elementwise losses.
    reduction : str
        Default reduction.
    domains : dict
        Domain of every argument that has one; ``targets`` always does.
    family, source : str
        Group of losses that it belongs to; publication that defines it.
    convex, smooth : bool or None
        Whether the loss is convex, and continuously differentiable, in its first argument.
    lipschitz : float or None
        Lipschitz constant in its first argument, where there is one.
    differences : dict
        Per library: how its function of the same name differs.
    """

    name: str
    formula: Callable[..., Expression]
    arguments: tuple[str, ...]
    parameters: dict[str, Any]
    structure: frozenset[str]
    axis: int | None
    reduction: Reduction
    domains: dict[str, Domain]
    limits: dict[str, Range]
    signature: inspect.Signature
    family: str = "custom"
    source: str = ""
    convex: bool | None = None
    smooth: bool | None = None
    lipschitz: float | None = None
    differences: dict[str, str] = field(default_factory=dict)
    function: Callable[..., Any] = field(init=False, repr=False)
    bind: Callable[..., Request] = field(init=False, repr=False)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        """Copy and pickle a record as what it is: the one that belongs to the function."""
        return get_loss, (self.function,)

    @property
    def targets(self) -> Domain:
        """Domain of the targets."""
        return self.domains.get("targets", REAL)

    @property
    def summary(self) -> str:
        """First line of the documentation."""
        return (self.function.__doc__ or self.name).strip().splitlines()[0]

    @property
    def takes_labels(self) -> bool:
        """Whether the targets may be integer class labels."""
        return self.targets.name in {CLASS_LABELS.name, CLASSES_OR_PROBABILITIES.name}

    @property
    def takes_probabilities(self) -> bool:
        """Whether the targets may have the shape of the first argument."""
        return self.targets.name != CLASS_LABELS.name

    @cached_property
    def numbers(self) -> tuple[str, ...]:
        """Names of the parameters that are numbers passed at run time."""
        return tuple(name for name in self.parameters if name not in self.structure)

    def trace(
        self,
        symbols: Mapping[str, Expression],
        parameters: Mapping[str, object],
        class_weights: Expression | None = None,
    ) -> Expression:
        """Run the formula on symbols; composites stay as they are written."""
        given: dict[str, object] = {**symbols, **parameters}
        accepted = inspect.signature(self.formula).parameters
        given |= {name: None for name in RESERVED if name in accepted}
        if "class_weights" in accepted:
            given["class_weights"] = class_weights
        try:
            result = self.formula(**given)
        except TracingError as error:
            msg = f"{self.name}: {error}"
            raise LossaryTypeError(msg) from None
        except LossaryError:
            raise
        except Exception as error:  # whatever a function that knows no symbols may raise
            told = (str(error).splitlines() or [""])[0].rstrip(".")
            raise type_error(
                self.name,
                "the formula",
                "must be one that can be traced with symbols",
                f"{type(error).__name__}: {told}",
                "Write it with operators and the operations of lossary.formula.",
            ) from error
        if not isinstance(result, Expression):
            message = (
                f"{self.name}: the formula must return an expression of its arguments, got "
                f"{type(result).__name__}. Write it with operators and the operations of "
                "lossary.formula."
            )
            raise LossaryTypeError(message)
        if self.axis is None:
            self._refuse_classes(result)
        return result

    def _refuse_classes(self, formula: Expression) -> None:
        """Raise if the formula of a loss of elements speaks of classes."""
        for item in walk(formula):
            row = PRIMITIVES.get(item.operation)
            if row is not None and (row.reduces or row.name in {"index", "class_count"}):
                raise type_error(
                    self.name,
                    "the formula",
                    "must have a class axis to speak of classes",
                    repr(item),
                    "Declare the loss with axis=True, or give it a parameter axis=-1.",
                )

    def formula_text(self, **structure: object) -> str:
        """Return the formula as plain text."""
        from lossary.documentation import formula_text

        return formula_text(self, **structure)

    def gradient_text(self, **structure: object) -> str:
        """Return the derivative with respect to the first argument as plain text."""
        from lossary.documentation import gradient_text

        return gradient_text(self, **structure)

    def formula_latex(self, **structure: object) -> str:
        """Return the formula as LaTeX."""
        from lossary.documentation import formula_latex

        return formula_latex(self, **structure)

    def gradient_latex(self, **structure: object) -> str:
        """Return the derivative with respect to the first argument as LaTeX."""
        from lossary.documentation import gradient_latex

        return gradient_latex(self, **structure)


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
