"""The decorator that makes a loss from a formula.

It reads the formula's signature, keeps the facts in a record, and has the public function made.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ParamSpec, Protocol, overload

from lossary import families
from lossary.definition.declaration import Declaration
from lossary.definition.definition import Reduction
from lossary.domains import REAL, Domain, Range
from lossary.errors import shown, type_error, value_error
from lossary.formula.expression import Expression
from lossary.public_function import make_functions
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


def _check_name(record: Loss) -> None:
    """Raise if a user's loss has the name of one of the package; users may redefine their own."""
    known = REGISTRY.get(record.name)
    own = record.name in families.INDEX or (known is not None and known.is_built_in)
    if own and not record.is_built_in:
        given = "that of a loss of the package"
        remedy = "Choose another: adapters and the command line find losses by their names."
        raise value_error(record.name, "the formula", "must have a name of its own", given, remedy)
