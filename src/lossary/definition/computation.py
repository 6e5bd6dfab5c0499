"""The computation: a checked call, and all that backends see of it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Protocol

from lossary.definition.definition import Definition
from lossary.definition.expressions import LossExpressions
from lossary.formula.plan import Output


class Check(Protocol):
    """Counts values outside their domains beside a computation, and reports them."""

    @property
    def outputs(self) -> tuple[Output, ...]:
        """What counts them, one output for each argument with a domain."""

    def report(self, computation: Computation, counts: Sequence[float], backend: Any) -> None:
        """Warn or raise, as the policy says, if a count is not 0."""


@dataclass(frozen=True, slots=True)
class Computation:
    """A checked call: arrays of one library, numbers, expressions, and how to reduce them.

    Attributes
    ----------
    loss : Definition
        The loss.
    expressions : LossExpressions
        Its expressions in the variant that the call chooses.
    arrays : mapping
        Arrays of the backend's library by name, in their own dtypes; labels are integers, the
        mask is boolean.
    numbers : mapping
        Parameters passed at run time that are numbers; the others are among the arrays.
    axes : tuple of int
        Class axes, counted from the front, in ascending order; none for elementwise losses.
    shape, unreduced_shape : tuple of int
        Shape of the first full argument, and of the unreduced loss. A library that traces may
        put symbols in place of lengths.
    dtype, compute : str
        Dtype of the result, and the one to compute in ("float32" or "float64").
    reduction : {"none", "mean", "sum"}
        How the loss is reduced.
    denominator : "count", "weights", float or 0-d array
        What a mean divides by.
    ignore_index : int or None
        Label of elements that take no part.
    check : Check or None
        The check of domains, where values are to be looked at.
    """

    loss: Definition
    expressions: LossExpressions
    arrays: Mapping[str, Any]
    numbers: Mapping[str, Any]
    axes: tuple[int, ...]
    shape: tuple[int, ...]
    unreduced_shape: tuple[int, ...]
    dtype: str
    compute: str
    reduction: str
    denominator: Any
    ignore_index: int | None
    check: Check | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "arrays", MappingProxyType(dict(self.arrays)))
        object.__setattr__(self, "numbers", MappingProxyType(dict(self.numbers)))

    @property
    def function(self) -> str:
        """Name for messages."""
        return self.loss.name

    @property
    def count(self) -> Any:
        """Number of elements of the unreduced loss; a symbol where a length is one."""
        return math.prod(self.unreduced_shape)

    @property
    def example(self) -> Any:
        """One of the arrays, which shows the device."""
        arrays = self.arrays.values()
        return next((x for x in arrays if hasattr(x, "shape")), next(iter(arrays)))

    @property
    def axis(self) -> int | None:
        """The class axis, where there is one; the first of several."""
        return self.axes[0] if self.axes else None

    @property
    def classes(self) -> int:
        """Length of the class axis, or product of those of several; 0 for elementwise losses."""
        return math.prod(self.shape[axis] for axis in self.axes) if self.axes else 0

    @property
    def has_no_classes(self) -> bool:
        """Whether the class axis is empty, so that no row has an element to be read."""
        return bool(self.axes) and self.classes == 0

    def spans_classes(self, name: str) -> bool:
        """Return whether an array has the shape of the first argument, not of the loss itself."""
        if name == "where":
            return self.expressions.variant.element_mask
        labels = name == "targets" and self.expressions.variant.labels
        known = name in self.loss.arguments or name in self.loss.prepare
        return known and name not in self.loss.rows and not labels

    def full_shape(self, name: str) -> tuple[int, ...]:
        """Return the shape that an array other than class weights has, or is repeated to."""
        return self.shape if self.spans_classes(name) else self.unreduced_shape

    def shape_of(self, name: str) -> tuple[int, ...]:
        """Return the shape of an array; () for a number."""
        return tuple(getattr(self.arrays[name], "shape", ()))

    def with_arrays(self, arrays: Mapping[str, Any]) -> Computation:
        """Return the same computation of other arrays."""
        return replace(self, arrays=arrays)

    def with_numbers(self, **numbers: Any) -> Computation:
        """Return the computation with further numbers, or other ones."""
        return replace(self, numbers={**self.numbers, **numbers})

    def without_arrays(self) -> Computation:
        """Return the computation without its data, to be kept as a template."""
        return replace(self, arrays={})
