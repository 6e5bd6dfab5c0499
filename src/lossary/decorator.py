"""The decorator that makes a loss from a formula.

It reads the formula's signature, keeps the facts in a record, and generates the public function.
"""

from __future__ import annotations

import copyreg
import dataclasses
import functools
import sys
from collections.abc import Callable, Mapping
from typing import Any, ParamSpec, Protocol, overload

from lossary import families
from lossary.call.flow import call
from lossary.definition.common_arguments import COMMON_ARGUMENTS
from lossary.definition.declaration import Declaration
from lossary.definition.definition import BY_IDENTITY, Reduction
from lossary.definition.request import Request
from lossary.domains import REAL, Domain, Range
from lossary.errors import LossaryError, shown, type_error, value_error
from lossary.formula.expression import Expression
from lossary.generated import define
from lossary.registry import REGISTRY, Loss

Formula = Callable[..., Expression]
P = ParamSpec("P")


class LossFunction(Protocol[P]):
    """A loss as type checkers see it: with the formula's parameters, or those of every loss too."""

    @overload
    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Any: ...
    @overload
    def __call__(self, first: Any, /, *rest: Any, **options: Any) -> Any: ...


@overload
def loss(formula: Callable[P, Expression], /) -> LossFunction[P]: ...


@overload
def loss(
    *,
    targets: Domain = ...,
    domains: Mapping[str, Domain] | None = ...,
    limits: Mapping[str, Range] | None = ...,
    structure: tuple[str, ...] = ...,
    axis: bool | int | tuple[int, ...] = ...,
    reduction: Reduction = ...,
    arguments: tuple[str, ...] | None = ...,
    family: str = ...,
    source: str = ...,
    convex: bool | None = ...,
    smooth: bool | None = ...,
    lipschitz: float | Callable[..., Any] | None = ...,
    differences: Mapping[str, str] | None = ...,
    rows: tuple[str, ...] = ...,
    length: int | None = ...,
    least_length: Callable[..., int] | None = ...,
    has_hessian: bool = ...,
    evaluation: bool = ...,
    several_axes: bool = ...,
    prepare: Mapping[str, Callable[..., Any]] | None = ...,
    left_out: Callable[..., Expression] | None = ...,
    probability: Callable[..., Expression] | None = ...,
) -> Callable[[Callable[P, Expression]], LossFunction[P]]: ...


def loss(
    formula: Formula | None = None,
    /,
    *,
    targets: Domain = REAL,
    domains: Mapping[str, Domain] | None = None,
    limits: Mapping[str, Range] | None = None,
    structure: tuple[str, ...] = (),
    axis: bool | int | tuple[int, ...] = False,
    reduction: Reduction = "none",
    arguments: tuple[str, ...] | None = None,
    family: str = "custom",
    source: str = "",
    convex: bool | None = None,
    smooth: bool | None = None,
    lipschitz: float | Callable[..., Any] | None = None,
    differences: Mapping[str, str] | None = None,
    rows: tuple[str, ...] = (),
    length: int | None = None,
    least_length: Callable[..., int] | None = None,
    has_hessian: bool = True,
    evaluation: bool = False,
    several_axes: bool = False,
    prepare: Mapping[str, Callable[..., Any]] | None = None,
    left_out: Callable[..., Expression] | None = None,
    probability: Callable[..., Expression] | None = None,
) -> Any:
    """Turn a formula over symbols into a loss.

    The decorated function takes symbols and returns an expression built with Python's operators
    and the operations of :mod:`lossary.formula`. Parameters without a default are array
    arguments; numbers with a default are passed at run time; booleans and the names in
    ``structure`` choose a variant of the formula. What is returned is an ordinary function with
    the formula's parameters, ``reduction`` and the keyword arguments that every loss has. A number
    whose default is None chooses the formula without it. Parameters after ``*`` are passed by name.

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
    axis : bool, int or tuple of int
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
    lipschitz : float or callable, optional
        Lipschitz constant in the first argument, or a function of parameters that returns it:
        ``lambda delta: delta``.
    differences : mapping, optional
        Per library, how its function of the same name differs.
    rows : tuple of str
        Arguments of a loss along an axis that have one value per row: the shape of the unreduced
        loss.
    length : int, optional
        Length that the class axis must have, such as 4 for the corners of a box.
    least_length : callable, optional
        Length that the class axis must have at least, from parameters that choose a variant:
        ``lambda fair: 2 if fair else 1``.
    has_hessian : bool
        False where a diagonal Hessian would not help: ``value_grad_hess`` and boosters refuse.
    evaluation : bool
        True for losses whose gradient is 0 almost everywhere: metrics take them, trainers do not.
    several_axes : bool
        True for losses of sums over a row, to which calls may give several class axes as a tuple:
        with ``axis=(2, 3)`` images of the shape (N, C, H, W) have a loss of the shape (N, C).
    prepare : mapping, optional
        Keyword arguments of the formula that are computed from the arrays before it, and the
        functions that compute them. Such a function takes ``xp`` (the array library's functions,
        ``where``, and ``sum_along(x, axes)``), the arrays that it names, in which elements that a
        mask leaves out are 0, and if it names them ``axis`` and ``class_axis``, counted from the
        front. It returns an array of the shape of the first argument, or of its rank with axes of
        length 1. Derivatives take it for a constant.
    left_out : callable, optional
        From further arguments to the condition under which there is nothing to lose, so that a row
        (or an element) does not count in a mean: ``lambda events: sum_over_classes(events) == 0``.
        The formula itself has to be 0 there.
    probability : callable, optional
        From the first argument, and parameters, to the probability that the loss takes it for: of
        the positive class, or along an axis of every class: ``lambda inputs: sigmoid(inputs)``.
        ``lossary.score`` judges the calibration of such losses.

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
        prepared = dict(prepare or {})
        declared = Declaration(formula, arguments, structure, axis, several_axes, prepared)
        known = {"targets": targets} if "targets" in declared.arguments else {}
        known |= domains or {}
        declared.check(targets, known, limits or {}, reduction)
        declared.check_prepare(prepared)
        declared.check_left_out(left_out)
        declared.check_probability(probability)
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
            signature=declared.signature(reduction, targets),
            family=family,
            source=source,
            convex=convex,
            smooth=smooth,
            lipschitz=lipschitz,
            differences=dict(differences or {}),
            rows=declared.checked_rows(rows),
            length=length,
            least_length=least_length,
            has_hessian=has_hessian,
            evaluation=evaluation,
            several_axes=several_axes,
            prepare=prepared,
            left_out=left_out,
            probability=probability,
        )
        _check_name(record)
        make_functions(record)
        REGISTRY[record.name] = record
        return record.bare_function

    if formula is not None and not callable(formula):
        function = "loss"
        raise type_error(function, "the formula", "must be a function", shown(formula))
    return decorate if formula is None else decorate(formula)


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


def _check_name(record: Loss) -> None:
    """Raise if a user's loss has the name of one of the package; users may redefine their own."""
    known = REGISTRY.get(record.name)
    own = record.name in families.INDEX or (known is not None and known.is_built_in)
    if own and not record.is_built_in:
        given = "that of a loss of the package"
        remedy = "Choose another: adapters and the command line find losses by their names."
        raise value_error(record.name, "the formula", "must have a name of its own", given, remedy)


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
