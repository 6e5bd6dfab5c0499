"""The problem: a checked call."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from lossary.formula import sum_over_classes, where
from lossary.formula.expression import Expression, Kind
from lossary.formula.plan import Output

if TYPE_CHECKING:
    from lossary.call.request import Request
    from lossary.definition.expressions import LossExpressions


@dataclass(slots=True)
class Problem:
    """A checked call: arrays of one library, numbers, and the expressions to run.

    Attributes
    ----------
    arrays : dict
        Arrays of the backend's library by name, in their own dtypes; labels are integers, the
        mask is boolean.
    numbers : dict
        Parameters passed at run time that are numbers; the others are among the arrays.
    axis : int or None
        Class axis, counted from the front; None for elementwise losses.
    shape, unit_shape : tuple of int
        Shape of the first full argument, and of the unreduced loss. A library that traces may
        put symbols in place of lengths.
    dtype, compute : str
        Dtype of the result, and the one to compute in ("float32" or "float64").
    """

    request: Request
    composite: LossExpressions
    arrays: dict[str, Any]
    numbers: dict[str, float]
    axis: int | None
    shape: tuple[int, ...]
    unit_shape: tuple[int, ...]
    dtype: str
    compute: str

    @property
    def reduction(self) -> str:
        """How the loss is reduced."""
        return str(self.request.reduction)

    @property
    def function(self) -> str:
        """Name for messages."""
        return self.request.function

    @property
    def count(self) -> Any:
        """Number of elements of the unreduced loss; a symbol where a length is one."""
        product = 1
        for length in self.unit_shape:
            product *= length
        return product

    @property
    def example(self) -> Any:
        """One of the arrays, to tell the device by."""
        arrays = self.arrays.values()
        return next((x for x in arrays if hasattr(x, "shape")), next(iter(arrays)))

    @property
    def classes(self) -> int:
        """Length of the class axis; 0 for elementwise losses."""
        return 0 if self.axis is None else self.shape[self.axis]

    @property
    def has_no_classes(self) -> bool:
        """Whether the class axis is empty, so that no row has an element to be read."""
        return self.axis is not None and self.classes == 0

    def spans_classes(self, name: str) -> bool:
        """Whether an array has the shape of the loss's first argument, not of the loss itself."""
        labels = name == "targets" and self.composite.variant.labels
        if name == "where":
            return self.composite.variant.element_mask
        loss = self.request.loss
        return name in loss.arguments and name not in loss.rows and not labels

    def full_shape(self, name: str) -> tuple[int, ...]:
        """Return the shape that an array other than class weights has, or is repeated to."""
        return self.shape if self.spans_classes(name) else self.unit_shape

    def without_arrays(self) -> Problem:
        """Return the problem without its data, to be kept as a template."""
        request = self.request._replace(arrays=(), weights=None, where=None, class_weights=None)
        return replace(self, request=request, arrays={}, numbers=dict(self.numbers))

    def fault_outputs(self) -> tuple[Output, ...]:
        """Return what counts the values outside their domains."""
        return tuple(
            self._counted(f"fault_{name}", condition)
            for name, _, condition in self.composite.violations
        )

    def _counted(self, name: str, condition: Expression) -> Output:
        if self.axis is not None and condition.kind is Kind.ELEMENT:
            return total(name, sum_over_classes(where(condition, 1, 0)))
        return Output(name, condition, "count")


def total(name: str, expression: Expression) -> Output:
    """Return an output that is summed over everything."""
    return Output(name, expression, "sum")


def stored(name: str, expression: Expression) -> Output:
    """Return an output that is kept per element."""
    return Output(name, expression, "store")
