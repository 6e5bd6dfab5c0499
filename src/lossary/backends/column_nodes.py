"""What an expression of columns is made of, as a graph: operations by their names, and operands.

An expression of a query library is a tree, in which a part that is used twice is written twice, and
a formula in Horner's form grows with two to the power of its length. So operations build a graph of
nodes first; :mod:`lossary.backends.column_spelling` writes it in the words of a library.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any

#: Operations that reduce rows to one value.
_AGGREGATES = frozenset({"sum", "mean", "all"})


class Column:
    """One node: an operation on other nodes, a number, or a column that a user passed.

    Comparisons are those of IEEE 754: for most engines NaN is equal to itself and above all
    numbers.

    Parameters
    ----------
    name : str
        The operation: a word of :class:`~lossary.backends.column_spelling.Spelling`.
    *parts : Column
        The nodes that it depends on.
    given : object, optional
        The library's column, where a user passed the node.
    value : float or bool, optional
        The number or the truth, where the node is one.
    dtype : {"float64", "int64", "bool"}
        What it holds. "int64" is what targets are taken for, which may be class labels.
    """

    shape = ()
    __hash__ = object.__hash__

    def __init__(
        self,
        name: str,
        *parts: Column,
        given: Any = None,
        value: float | None = None,
        dtype: str = "float64",
    ) -> None:
        self.name, self.parts, self.given, self.value, self.dtype = name, parts, given, value, dtype
        self.aggregates = name in _AGGREGATES
        #: Whether it has one value for all rows.
        self.is_scalar: bool = self.aggregates or (
            given is None and all(part.is_scalar for part in parts)
        )

    @property
    def is_known(self) -> bool:
        """Whether this is a number, which is never NaN."""
        return self.value is not None and not math.isnan(self.value)

    def __add__(self, other: Any) -> Column:
        return _combined("add", operator.add, self, other)

    def __radd__(self, other: Any) -> Column:
        return _combined("add", operator.add, other, self)

    def __sub__(self, other: Any) -> Column:
        return _combined("subtract", operator.sub, self, other)

    def __rsub__(self, other: Any) -> Column:
        return _combined("subtract", operator.sub, other, self)

    def __mul__(self, other: Any) -> Column:
        return _combined("multiply", operator.mul, self, other)

    def __rmul__(self, other: Any) -> Column:
        return _combined("multiply", operator.mul, other, self)

    def __truediv__(self, other: Any) -> Column:
        return Column("divide", self, lifted(other))

    def __rtruediv__(self, other: Any) -> Column:
        return Column("divide", lifted(other), self)

    def __pow__(self, other: Any) -> Column:
        exponent = lifted(other)
        return self * self if exponent.value == 2 else Column("power", self, exponent)

    def __rpow__(self, other: Any) -> Column:
        return lifted(other) ** self

    def __neg__(self) -> Column:
        return lifted(-self.value) if self.value is not None else Column("negative", self)

    def __lt__(self, other: Any) -> Column:
        return _compared("less", operator.lt, self, lifted(other))

    def __le__(self, other: Any) -> Column:
        return _compared("less_equal", operator.le, self, lifted(other))

    def __gt__(self, other: Any) -> Column:
        return _compared("less", operator.lt, lifted(other), self)

    def __ge__(self, other: Any) -> Column:
        return _compared("less_equal", operator.le, lifted(other), self)

    def __eq__(self, other: object) -> Column:  # type: ignore[override]
        return _compared("equal", operator.eq, self, lifted(other))

    def __ne__(self, other: object) -> Column:  # type: ignore[override]
        return ~(self == other)

    def __and__(self, other: Any) -> Column:
        return _joined("and", self, lifted(other), neutral=True)

    def __or__(self, other: Any) -> Column:
        return _joined("or", self, lifted(other), neutral=False)

    __rand__, __ror__ = __and__, __or__

    def __invert__(self) -> Column:
        if self.value is not None:
            return lifted(not self.value)
        return Column("not", self, dtype="bool")


def _combined(name: str, operation: Callable[[Any, Any], Any], a: Any, b: Any) -> Column:
    """Return a sum, difference or product; that of two numbers is a number."""
    a, b = lifted(a), lifted(b)
    if a.value is not None and b.value is not None:
        return lifted(operation(a.value, b.value))
    if operation is operator.mul and 1.0 in (a.value, b.value):
        return b if a.value == 1 else a
    return Column(name, a, b)


def _compared(name: str, operation: Callable[[Any, Any], Any], a: Column, b: Column) -> Column:
    """Return a comparison: where a NaN on the right is above all numbers, it is not true."""
    if a.value is not None and b.value is not None:
        return lifted(bool(operation(a.value, b.value)))
    found = Column(name, a, b, dtype="bool")
    return found if b.is_known else found & is_number(b)


def _joined(name: str, a: Column, b: Column, *, neutral: bool) -> Column:
    """Return a condition that two are joined to."""
    for one, other in ((a, b), (b, a)):
        if one.value is not None:
            return other if one.value is neutral else one
    return Column(name, a, b, dtype="bool")


def is_number(x: Column) -> Column:
    """Return where a column is not NaN."""
    return lifted(x.is_known) if x.value is not None else Column("is_number", x, dtype="bool")


def lifted(x: Any) -> Column:
    """Return a node; a number becomes a literal."""
    if isinstance(x, Column):
        return x
    if isinstance(x, bool):
        return Column("number", value=x, dtype="bool")
    return Column("number", value=float(x))


def leaf(given: Any, dtype: str) -> Column:
    """Return the node of a column that a user passed."""
    return Column("column", given=given, dtype=dtype)


def leaves(*roots: Column) -> list[Column]:
    """Return the columns that a user passed of which others are made, row by row."""
    found: dict[int, Column] = {}
    stack = list(roots)
    while stack:
        node = stack.pop()
        if id(node) not in found:
            found[id(node)] = node
            stack += () if node.aggregates else node.parts
    return [node for node in found.values() if node.given is not None]


def choice(condition: Any, a: Any, b: Any) -> Any:
    """Choose by a condition. Where that is null, the second is chosen."""
    known = condition.value if isinstance(condition, Column) else condition
    if known is not None:
        return a if known else b
    return Column("where", condition, lifted(a), lifted(b))


def kept(condition: Column, x: Column) -> Column:
    """Return values where a condition holds, and null elsewhere."""
    return x if condition.value else Column("kept", condition, x)


def strict(root: Column, hiding: Collection[str]) -> set[int]:
    """Return the ids of the columns that make a node null where they are, row by row.

    Operations that are hiding may have a value where an operand is null.
    """
    nulls: dict[int, set[int]] = {}
    #: Which columns keep a condition from being true: it is null or false then.
    untrue: dict[int, set[int]] = {}
    for node in in_order(root, _row_by_row):
        key, parts = id(node), [nulls[id(part)] for part in _row_by_row(node)]
        if node.given is not None:
            nulls[key] = {key}
        elif node.name == "where":  # what is not true chooses the second
            _, first, second = parts
            nulls[key] = second & (first | untrue[id(node.parts[0])])
        elif parts and (node.name in hiding or node.name in {"and", "or"}):
            nulls[key] = set.intersection(*parts)
        else:
            nulls[key] = set().union(*parts)
        joined = [untrue[id(part)] for part in node.parts] if node.name == "and" else [nulls[key]]
        untrue[key] = set().union(*joined)
    return nulls[id(root)]


def _row_by_row(node: Column) -> tuple[Column, ...]:
    return () if node.aggregates else node.parts


def in_order(root: Column, inner: Callable[[Column], Iterable[Column]]) -> Iterator[Column]:
    """Yield every node of a graph once, parts before what is made of them."""
    seen: set[int] = set()
    stack = [(root, False)]
    while stack:
        node, is_ready = stack.pop()
        if is_ready:
            yield node
        elif id(node) not in seen:
            seen.add(id(node))
            stack.append((node, True))
            stack += [(part, False) for part in inner(node)]
