"""The machine whose arrays are columns: the functions that formulas are made of, rows as lists.

A row of a loss along an axis is a list of columns, one for each class: an operation on elements is
one on each of them, and a reduction of a row is one across them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from itertools import accumulate
from typing import Any, NoReturn

from lossary.backends.column_nodes import Column, choice, lifted
from lossary.backends.operations import ArrayOperations
from lossary.errors import type_error
from lossary.formula.table import PRIMITIVES

#: Functions of one operand.
_FUNCTIONS = frozenset({"exp", "expm1", "floor", "log", "log1p", "sign", "sqrt", "tanh"})


class ColumnList(tuple[Column, ...]):
    """Columns along the class axis."""

    __slots__ = ()
    dtype = "float64"

    @property
    def shape(self) -> tuple[int, ...]:
        """The number of classes."""
        return (len(self),)


def each(function: Callable[..., Any], *operands: Any) -> Any:
    """Apply a function of columns; to lists for each class, beside what is one for all."""
    lengths = [len(x) for x in operands if isinstance(x, ColumnList)]
    if not lengths:
        return function(*operands)
    spread = (x if isinstance(x, ColumnList) else [x] * lengths[0] for x in operands)
    return ColumnList(lifted(function(*row)) for row in zip(*spread, strict=True))


class Functions:
    """The functions of columns."""

    bool = "bool"

    def where(self, condition: Any, a: Any, b: Any) -> Any:
        """Choose by a condition."""
        return choice(condition, a, b)

    def maximum(self, a: Any, b: Any) -> Column:
        """Larger of two values, NaN if either is NaN."""
        return self._extreme(a, b, "maximum", "at_least")

    def minimum(self, a: Any, b: Any) -> Column:
        """Smaller of two values, NaN if either is NaN."""
        return self._extreme(a, b, "minimum", "at_most")

    def _extreme(self, a: Any, b: Any, name: str, limit: str) -> Column:
        a, b = lifted(a), lifted(b)
        if a.is_known:
            a, b = b, a
        return Column(limit if b.is_known else name, a, b)

    def abs(self, x: Any) -> Column:
        """Absolute value."""
        return Column("absolute", lifted(x))

    def isfinite(self, x: Any) -> Column:
        """Return where values are neither infinite nor NaN."""
        return self.abs(x) < math.inf

    def __getattr__(self, name: str) -> Any:
        if name not in _FUNCTIONS:
            raise AttributeError(name)
        return lambda x: Column(name, lifted(x))


class ColumnOperations(ArrayOperations):
    """The machine: what primitives call, for rows that are lists of columns too."""

    def __init__(self, backend: Any, computation: Any) -> None:
        super().__init__(backend, computation)
        self.native = ElementFunctions(self)  # type: ignore[misc]

    def number(self, value: float) -> Any:
        """Return a literal."""
        return lifted(value)

    def index(self) -> ColumnList:
        """Return the numbers of the classes."""
        return ColumnList(lifted(float(k)) for k in range(self.shape[0]))

    def class_count(self) -> Any:
        """Return the number of classes."""
        return lifted(float(self.shape[0]))

    def sum_classes(self, x: Any) -> Any:
        """Sum over the classes."""
        return in_pairs(lambda a, b: a + b, self._list(x), 0.0)

    def max_classes(self, x: Any) -> Any:
        """Maximum over the classes; minus infinity over none."""
        return in_pairs(self.xp.maximum, self._list(x), -math.inf)

    def at_label(self, x: Any, labels: Any) -> Any:
        """Return a row's element at its label, 0 where the label is outside the classes."""
        label, elements = lifted(labels), self._list(x)

        def found(first: int, last: int) -> Any:
            if last - first == 1:
                return elements[first]
            middle = (first + last) // 2
            return choice(label < float(middle), found(first, middle), found(middle, last))

        if not elements:
            return lifted(0.0)
        is_class = (label >= 0.0) & (label < float(len(elements)))
        return choice(is_class, found(0, len(elements)), 0.0)

    def neighbour(self, x: Any, fill: float, reverse: bool) -> ColumnList:
        """Return the element before each, or after."""
        elements = self._list(x)
        if reverse:
            return ColumnList((*elements[1:], lifted(fill))[: len(elements)])
        return ColumnList((lifted(fill), *elements[:-1])[: len(elements)])

    def running_sum(self, x: Any, reverse: bool) -> ColumnList:
        """Return the sums of the elements up to each."""
        return self._running(lambda a, b: a + b, self._list(x), reverse)

    def running_max(self, x: Any, reverse: bool) -> ColumnList:
        """Return the largest of the elements up to each."""
        return self._running(self.xp.maximum, self._list(x), reverse)

    def recurrence(self, x: Any, a: Any, reverse: bool) -> ColumnList:
        """Return y_k = x_k + a_k y_(k-1), where an a of 0 wins against a y that is not finite."""
        pairs = list(zip(self._list(x), self._list(a), strict=True))
        found = [lifted(0.0)]
        for element, factor in reversed(pairs) if reverse else pairs:
            found.append(element + _scaled(factor, found[-1]))
        return ColumnList(found[:0:-1] if reverse else found[1:])

    def _running(self, step: Any, elements: Any, reverse: bool) -> ColumnList:
        """Return the results of steps from one end of a row to the other."""
        found = list(accumulate(reversed(elements) if reverse else elements, step))
        return ColumnList(reversed(found) if reverse else found)

    def sorted_by(self, x: Any, key: Any) -> NoReturn:
        """Refuse: columns have no order before a query runs."""
        function, argument = self.computation.function, self.computation.loss.arguments[0]
        requirement = "must be arrays for a loss that sorts the elements of a row"
        remedy = "Pass an array that holds the columns."
        raise type_error(function, argument, requirement, "a list of columns", remedy)

    unsorted_by = sorted_by

    def _list(self, x: Any) -> ColumnList:
        """Repeat what is one for all classes."""
        return x if isinstance(x, ColumnList) else ColumnList([lifted(x)] * self.shape[0])


class ElementFunctions(Mapping[str, Callable[..., Any]]):
    """The primitives of elements as functions of columns and of lists of them."""

    def __init__(self, machine: ColumnOperations) -> None:
        self.machine = machine

    def __getitem__(self, name: str) -> Callable[..., Any]:
        row = PRIMITIVES[name]
        if row.reduces or row.mixes or row.per_class:
            raise KeyError(name)
        if name == "scale":
            return lambda *operands: each(_scaled, *operands)
        return lambda *operands: each(lambda *x: row.compute(self.machine, *x), *operands)

    def __iter__(self) -> Any:
        return iter(PRIMITIVES)

    def __len__(self) -> int:
        return len(PRIMITIVES)


def in_pairs(function: Callable[[Any, Any], Any], elements: Any, nothing: float) -> Any:
    """Join elements by a function of two, in a tree: its depth grows with their logarithm."""
    found = list(elements)
    while len(found) > 1:
        pairs = [function(a, b) for a, b in zip(found[::2], found[1::2], strict=False)]
        found = pairs + found[len(found) - len(found) % 2 :]
    return found[0] if found else lifted(nothing)


def _scaled(c: Any, x: Any) -> Any:
    """Return a product that is 0 where the coefficient is, even if the other factor is infinite."""
    c, x = lifted(c), lifted(x)
    if c.is_known and c.value != 0:
        return x if c.value == 1 else c * x
    return c * choice((c == 0.0) & ~(Column("absolute", x) < math.inf), 0.0 * c, x)
