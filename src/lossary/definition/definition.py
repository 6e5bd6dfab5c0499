"""The definition of a loss: its formula, and the facts declared about it. Nothing of its calls."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal
from weakref import WeakValueDictionary

from lossary.bounded_cache import BoundedCache
from lossary.definition.declaration import RESERVED
from lossary.domains import REAL, Domain, Range
from lossary.errors import LossaryError, LossaryTypeError, type_error
from lossary.formula.expression import Expression, walk
from lossary.formula.refusal import TracingError
from lossary.formula.table import PRIMITIVES

Reduction = Literal["none", "mean", "sum"]
#: Operations of the class axis that have no operands.
_COUNTS = {"index", "class_count"}


def _new_identity() -> str:
    return os.urandom(16).hex()


@dataclass(frozen=True, eq=False)
class Definition:
    """A loss's formula, and the facts declared about it.

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
    structure : frozenset of str
        Those of the parameters that choose a variant of the formula.
    axis : int, tuple of int or None
        Default class axis, or axes; None for elementwise losses.
    reduction : str
        Default reduction.
    domains : dict
        Domain of every argument that has one.
    limits : dict
        Range of every parameter that has one.
    signature : inspect.Signature
        Signature of the public function.
    family, source : str
        Group of losses that it belongs to; publication that defines it.
    convex, smooth : bool or None
        Whether the loss is convex, and continuously differentiable, in its first argument.
    lipschitz : float, callable or None
        Lipschitz constant in its first argument, where there is one: a number, or a function of the
        parameters that have the names of its own.
    differences : dict
        Per library: how its function of the same name differs.
    rows : frozenset of str
        Those of the arguments that have one value per row: the shape of the unreduced loss.
    length : int or None
        Length that the class axis must have.
    least_length : callable or None
        From the parameters that have the names of its own to the length that the class axis must
        have at least.
    has_hessian : bool
        Whether the diagonal Hessian may be asked for.
    evaluation : bool
        Whether the loss is for evaluation only: its gradient is 0 almost everywhere.
    several_axes : bool
        Whether a call may give several class axes, whose elements make up a row.
    prepare : dict
        Keyword arguments of the formula that are computed from arrays before it, and the functions
        that compute them.
    left_out : callable or None
        From arguments and parameters that have the names of its own to the condition under which an
        element (or row) does not count in a mean.
    probability : callable or None
        From arguments and parameters that have the names of its own to the probability that the
        loss takes its first argument for: that of the positive class, or of every class along the
        class axis.
    identity : str
        Text that stands for this loss and no other, in every process that it is sent to.
    """

    name: str
    formula: Callable[..., Expression]
    arguments: tuple[str, ...]
    parameters: dict[str, Any]
    structure: frozenset[str]
    axis: int | tuple[int, ...] | None
    reduction: Reduction
    domains: dict[str, Domain]
    limits: dict[str, Range]
    signature: inspect.Signature
    family: str = "custom"
    source: str = ""
    convex: bool | None = None
    smooth: bool | None = None
    lipschitz: float | Callable[..., Any] | None = None
    differences: dict[str, str] = field(default_factory=dict)
    rows: frozenset[str] = frozenset()
    length: int | None = None
    least_length: Callable[..., int] | None = None
    has_hessian: bool = True
    evaluation: bool = False
    several_axes: bool = False
    prepare: dict[str, Callable[..., Any]] = field(default_factory=dict)
    left_out: Callable[..., Expression] | None = None
    probability: Callable[..., Expression] | None = None
    identity: str = field(default_factory=_new_identity, repr=False)

    def __post_init__(self) -> None:
        BY_IDENTITY[self.identity] = self

    @cached_property
    def variants(self) -> BoundedCache:
        """The expressions of the variants that were called."""
        return BoundedCache(256)

    @cached_property
    def calls(self) -> BoundedCache:
        """What is known about calls of the loss and of its derivatives, by their keys."""
        return BoundedCache(4096)

    @cached_property
    def latest(self) -> BoundedCache:
        """The direct forms of the latest calls of the loss and of its derivatives."""
        return BoundedCache(16)

    @property
    def targets(self) -> Domain:
        """Domain of the targets."""
        return self.domains.get("targets", REAL)

    def shortest_axis(self, parameters: tuple[Any, ...]) -> int:
        """Return the length that the class axis must have at least, for values of parameters."""
        if self.least_length is None:
            return 0
        given = dict(zip(self.parameters, parameters, strict=True))
        names = inspect.signature(self.least_length).parameters
        return self.least_length(**{name: given[name] for name in names if name in given})

    def lipschitz_constant(self, **parameters: Any) -> Any:
        """Return the Lipschitz constant for parameters, by default their defaults.

        None where there is none. Given symbols it is an expression, which can be printed.
        """
        if not callable(self.lipschitz):
            return self.lipschitz
        given = {**self.parameters, **parameters}
        names = inspect.signature(self.lipschitz).parameters
        return self.lipschitz(**{name: given[name] for name in names})

    @property
    def kind_of_targets(self) -> str:
        """Name of the targets' domain; "none" for a loss without targets."""
        return self.targets.name if "targets" in self.arguments else "none"

    @property
    def tags(self) -> tuple[str, ...]:
        """What the declared facts say, in words that lists of losses are filtered by.

        "robust" losses have a Lipschitz constant: no residual or score pulls harder than that.
        "probabilistic" ones take their first argument for a probability, or a score of one.
        """
        facts = {
            "elementwise": self.axis is None,
            "along-axis": self.axis is not None,
            "convex": self.convex,
            "smooth": self.smooth,
            "robust": self.lipschitz is not None,
            "evaluation": self.evaluation,
            "probabilistic": self.probability is not None,
        }
        return tuple(tag for tag, holds in facts.items() if holds)

    @property
    def is_similarity(self) -> bool:
        """Whether larger values are better, which the name says."""
        return self.name.removesuffix("_loss").endswith("_similarity")

    @property
    def summary(self) -> str:
        """First line of the documentation."""
        return self.written_docstring.splitlines()[0]

    @property
    def written_docstring(self) -> str:
        """The docstring as written at the formula."""
        return inspect.getdoc(self.formula) or f"{self.name.replace('_', ' ').capitalize()}."

    @property
    def takes_labels(self) -> bool:
        """Whether the targets may be integer class labels."""
        return self.targets.labels

    @property
    def takes_probabilities(self) -> bool:
        """Whether the targets may have the shape of the first argument."""
        return self.targets.probabilities or not self.targets.labels

    @cached_property
    def weighs_classes(self) -> bool:
        """Whether the formula itself multiplies every class's term by its class weight."""
        return "class_weights" in inspect.signature(self.formula).parameters

    @cached_property
    def numbers(self) -> tuple[str, ...]:
        """Names of the parameters that are numbers passed at run time."""
        return tuple(name for name in self.parameters if name not in self.structure)

    @cached_property
    def extensions(self) -> frozenset[str]:
        """Names of the numbers that are passed by name only: their defaults change nothing."""
        given = self.signature.parameters
        return frozenset(
            name
            for name in self.numbers
            if given[name].kind is inspect.Parameter.KEYWORD_ONLY
            and given[name].default is not None
        )

    def trace(
        self,
        symbols: Mapping[str, Expression],
        parameters: Mapping[str, object],
        class_weights: Expression | None = None,
    ) -> Expression:
        """Call the formula with symbols and return its expression, composites unexpanded."""
        given: dict[str, object] = {**symbols, **parameters}
        accepted = inspect.signature(self.formula).parameters
        given |= {name: None for name in RESERVED if name in accepted}
        if self.weighs_classes:
            given["class_weights"] = class_weights
        try:
            result = self.formula(**given)
        except TracingError as error:
            msg = f"{self.name}: {error}"
            raise LossaryTypeError(msg) from None
        except LossaryError:
            raise
        except Exception as error:  # a function that does not expect symbols may raise anything
            reason = (str(error).splitlines() or [""])[0].rstrip(".")
            raise type_error(
                self.name,
                "the formula",
                "must be one that can be traced with symbols",
                f"{type(error).__name__}: {reason}",
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
            known = [x for x in given.values() if isinstance(x, Expression)]
            self._refuse_classes(result, {id(item) for item in walk(*known)})
        if self.several_axes:
            self._refuse_order(result)
        return result

    def _refuse_classes(self, formula: Expression, given: set[int]) -> None:
        """Raise if the formula of an elementwise loss uses an operation along the class axis.

        Operations inside the ``given`` symbols belong to the loss that is being defined.
        """
        for item in walk(formula):
            row = None if id(item) in given else PRIMITIVES.get(item.operation)
            if row is not None and (row.reduces or row.mixes or row.name in _COUNTS):
                raise type_error(
                    self.name,
                    "the formula",
                    "must have a class axis to speak of classes",
                    repr(item),
                    "Declare the loss with axis=True, or give it a parameter axis=-1.",
                )

    def _refuse_order(self, formula: Expression) -> None:
        """Raise if the formula of a loss along several axes tells one class from another.

        What the elements of a row along several axes have in common is that they are summed.
        """
        for item in walk(formula):
            row = PRIMITIVES.get(item.operation)
            if row is not None and (row.mixes or row.name in {"index", "at_label"}):
                raise type_error(
                    self.name,
                    "the formula",
                    "must treat all elements of a row alike",
                    repr(item),
                    "Leave several_axes out: along several axes no element is the first.",
                )


#: Every loss of this process by its identity.
BY_IDENTITY: WeakValueDictionary[str, Definition] = WeakValueDictionary()
