"""The record of a loss: its formula, and the facts declared about it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from lossary.definition import RESERVED
from lossary.domains import CLASS_LABELS, CLASSES_OR_PROBABILITIES, REAL, Domain, Range
from lossary.errors import LossaryError, LossaryTypeError, type_error
from lossary.formula.expression import Expression, TracingError, walk
from lossary.formula.primitives import PRIMITIVES
from lossary.table import Table

if TYPE_CHECKING:
    from lossary.problem import Request

Reduction = Literal["none", "mean", "sum"]


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
    _function: Callable[..., Any] = field(init=False, repr=False)
    bind: Callable[..., Request] = field(init=False, repr=False)
    #: Text that stands for this loss and no other, in every process that it goes to.
    identity: str = field(init=False, repr=False)

    @cached_property
    def composites(self) -> Table:
        """Expressions of its variants."""
        return Table(256)

    @cached_property
    def recipes(self) -> Table:
        """What was found out about calls of it and of its derivatives, by their signatures."""
        return Table(4096)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        """Copy and pickle a loss as itself; cloudpickle sends the formula to other processes."""
        from lossary.registry import reduced

        return reduced(self)

    def __repr__(self) -> str:
        return f"<Loss {self.name}: {self.summary}>"

    def _repr_latex_(self) -> str:
        """Show the formula in a notebook."""
        name = self.name.replace("_", r"\_")
        return rf"$\displaystyle \mathrm{{{name}}} = {self.formula_latex()}$"

    @property
    def targets(self) -> Domain:
        """Domain of the targets."""
        return self.domains.get("targets", REAL)

    @cached_property
    def function(self) -> Callable[..., Any]:
        """The public function; its docstring, which shows the formula, is completed here."""
        from lossary.documentation import complete_docstring

        self._function.__doc__ = complete_docstring(self, self._written)
        return self._function

    @property
    def summary(self) -> str:
        """First line of the documentation."""
        return self._written.splitlines()[0]

    @property
    def _written(self) -> str:
        """The docstring as written at the formula."""
        return inspect.getdoc(self.formula) or f"{self.name.replace('_', ' ').capitalize()}."

    @property
    def takes_labels(self) -> bool:
        """Whether the targets may be integer class labels."""
        return self.targets.name in {CLASS_LABELS.name, CLASSES_OR_PROBABILITIES.name}

    @property
    def takes_probabilities(self) -> bool:
        """Whether the targets may have the shape of the first argument."""
        return self.targets.name != CLASS_LABELS.name

    @cached_property
    def weighs_classes(self) -> bool:
        """Whether the formula itself multiplies every class's term by its class weight."""
        return "class_weights" in inspect.signature(self.formula).parameters

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
        if self.weighs_classes:
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
            known = [x for x in given.values() if isinstance(x, Expression)]
            self._refuse_classes(result, {id(item) for item in walk(*known)})
        return result

    def _refuse_classes(self, formula: Expression, given: set[int]) -> None:
        """Raise if the formula of a loss of elements, not what it is given, speaks of classes."""
        for item in walk(formula):
            row = None if id(item) in given else PRIMITIVES.get(item.operation)
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
