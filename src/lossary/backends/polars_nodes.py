"""What a Polars expression is made of, as a graph: parts that are used twice are computed once.

An expression of Polars is a tree, in which a part that is used twice is computed twice, and a
formula in Horner's form grows with two to the power of its length. So operations build a graph of
nodes first. Its expression keeps what several nodes use in the fields of a struct.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator
from typing import Any

import polars as pl

_FLOAT = pl.Float64


class Column:
    """One node: how an expression is made of those of other nodes.

    Comparisons are those of IEEE 754: for Polars NaN is equal to itself and above all numbers.

    Parameters
    ----------
    make : callable
        From the expressions of the parts to that of the node.
    *parts : Column
        The nodes that it depends on.
    aggregates : bool
        Whether it reduces rows to one value.
    hides_nulls : bool
        Whether it may have a value where a part is null.
    value : float, optional
        The number, where the node is one.
    dtype : {"float64", "bool"}
        What it holds.
    """

    shape = ()
    __hash__ = object.__hash__

    def __init__(
        self,
        make: Callable[..., pl.Expr],
        *parts: Column,
        aggregates: bool = False,
        hides_nulls: bool = False,
        value: float | None = None,
        dtype: str = "float64",
    ) -> None:
        self.make, self.parts, self.value, self.dtype = make, parts, value, dtype
        self.aggregates = aggregates
        self.is_scalar: bool = aggregates or all(part.is_scalar for part in parts)
        self.hides_nulls: bool = hides_nulls or any(part.hides_nulls for part in parts)

    @property
    def is_known(self) -> bool:
        """Whether this is a number, which is never NaN."""
        return self.value is not None and not math.isnan(self.value)

    def __add__(self, other: Any) -> Column:
        return _combined(operator.add, self, other)

    def __radd__(self, other: Any) -> Column:
        return _combined(operator.add, other, self)

    def __sub__(self, other: Any) -> Column:
        return _combined(operator.sub, self, other)

    def __rsub__(self, other: Any) -> Column:
        return _combined(operator.sub, other, self)

    def __mul__(self, other: Any) -> Column:
        return _combined(operator.mul, self, other)

    def __rmul__(self, other: Any) -> Column:
        return _combined(operator.mul, other, self)

    def __truediv__(self, other: Any) -> Column:
        return Column(operator.truediv, self, lifted(other))

    def __rtruediv__(self, other: Any) -> Column:
        return Column(operator.truediv, lifted(other), self)

    def __pow__(self, other: Any) -> Column:
        exponent = lifted(other)
        return self * self if exponent.value == 2 else Column(pl.Expr.pow, self, exponent)

    def __rpow__(self, other: Any) -> Column:
        return lifted(other) ** self

    def __neg__(self) -> Column:
        return Column(operator.neg, self)

    def __lt__(self, other: Any) -> Column:
        return _compared(operator.lt, self, lifted(other))

    def __le__(self, other: Any) -> Column:
        return _compared(operator.le, self, lifted(other))

    def __gt__(self, other: Any) -> Column:
        return _compared(operator.lt, lifted(other), self)

    def __ge__(self, other: Any) -> Column:
        return _compared(operator.le, lifted(other), self)

    def __eq__(self, other: object) -> Column:  # type: ignore[override]
        return _compared(operator.eq, self, lifted(other))

    def __ne__(self, other: object) -> Column:  # type: ignore[override]
        return ~(self == other)

    def __and__(self, other: Any) -> Column:
        return Column(operator.and_, self, lifted(other), dtype="bool")

    def __or__(self, other: Any) -> Column:
        return Column(operator.or_, self, lifted(other), dtype="bool")

    __rand__, __ror__ = __and__, __or__

    def __invert__(self) -> Column:
        return Column(operator.invert, self, dtype="bool")


def _combined(operation: Callable[[Any, Any], Any], a: Any, b: Any) -> Column:
    """Return a sum, difference or product; that of two numbers is a number."""
    a, b = lifted(a), lifted(b)
    if a.value is not None and b.value is not None:
        return lifted(operation(a.value, b.value))
    if operation is operator.mul and 1.0 in (a.value, b.value):
        return b if a.value == 1 else a
    return Column(operation, a, b)


def _compared(operation: Callable[[Any, Any], Any], a: Column, b: Column) -> Column:
    """Return a comparison: for Polars a NaN on the right is above all numbers."""
    found = Column(operation, a, b, dtype="bool")
    return found if b.is_known else found & Column(pl.Expr.is_not_nan, b, dtype="bool")


def lifted(x: Any) -> Column:
    """Return a node; a number becomes a literal."""
    if isinstance(x, Column):
        return x
    if isinstance(x, bool):
        return Column(lambda: pl.lit(x), dtype="bool")
    return Column(lambda: pl.lit(float(x), dtype=_FLOAT), value=float(x))


def leaf(expression: pl.Expr, dtype: str) -> Column:
    """Return the node of an expression that a user passed."""
    found = Column(lambda: expression, dtype=dtype)
    found.is_scalar = False
    return found


def leaves(*roots: Column) -> list[Column]:
    """Return the expressions that a user passed of which others are made, row by row."""
    found: dict[int, Column] = {}
    stack = list(roots)
    while stack:
        node = stack.pop()
        if id(node) not in found:
            found[id(node)] = node
            stack += () if node.aggregates else node.parts
    return [node for node in found.values() if not node.parts and not node.is_scalar]


def choice(condition: Any, a: Any, b: Any) -> Any:
    """Choose by a condition. Where that is null, the second is chosen."""
    if isinstance(condition, bool):
        return a if condition else b

    def make(condition: pl.Expr, a: pl.Expr, b: pl.Expr) -> pl.Expr:
        return pl.when(condition).then(a).otherwise(b)

    return Column(make, condition, lifted(a), lifted(b), hides_nulls=True)


def kept(condition: Column, x: Column) -> Column:
    """Return values where a condition holds, and null elsewhere."""
    return Column(lambda condition, x: pl.when(condition).then(x), condition, x)


def expression(root: Column) -> pl.Expr:
    """Return the expression of a node."""
    nodes = list(_walk(root))
    uses: dict[int, int] = {}
    for node in nodes:
        for part in _inner(node, root):
            uses[id(part)] = uses.get(id(part), 0) + 1
    shared = [x for x in nodes if uses.get(id(x), 0) > 1 and not _is_input(x, root)]
    if not shared or not any(_is_input(x, root) and x.value is None for x in nodes):
        return _spelt(root, root, {})
    return _in_struct(root, nodes, {id(x) for x in shared})


def _in_struct(root: Column, nodes: list[Column], shared: set[int]) -> pl.Expr:
    """Return the expression of a node whose shared parts are fields of a struct.

    Fields are added in layers: those of a layer depend on the fields of earlier ones.
    """
    fields: dict[int, pl.Expr] = {}
    inputs = []
    for number, node in enumerate(nodes):
        if _is_input(node, root) and node.value is None:
            inputs.append(_input(node, root).alias(f"input {number}"))
            fields[id(node)] = pl.field(f"input {number}")
    struct = pl.struct(inputs)
    layers: dict[int, int] = {}
    added: dict[int, list[tuple[Column, str]]] = {}
    for number, node in enumerate(nodes):
        depth = max((layers[id(part)] for part in _inner(node, root)), default=0)
        layers[id(node)] = depth + (id(node) in shared)
        if id(node) in shared:
            added.setdefault(depth, []).append((node, f"part {number}"))
    for depth in sorted(added):
        layer = [_spelt(node, root, fields).alias(name) for node, name in added[depth]]
        struct = struct.struct.with_fields(*layer)
        fields |= {id(node): pl.field(name) for node, name in added[depth]}
    result = _spelt(root, root, fields).alias("result")
    return struct.struct.with_fields(result).struct.field("result")


def _spelt(node: Column, root: Column, fields: dict[int, pl.Expr]) -> pl.Expr:
    """Return the expression of a node, made of fields where parts of it are in some."""
    known = fields.get(id(node))
    if known is not None:
        return known
    if _is_input(node, root):
        return _input(node, root)
    return node.make(*(_spelt(part, root, fields) for part in node.parts))


def _input(node: Column, root: Column) -> pl.Expr:
    """Return the expression of an input: of what aggregates, that of the rows inside."""
    if node.is_scalar != root.is_scalar:
        return expression(node)
    return node.make(*map(expression, node.parts))


def _is_input(node: Column, root: Column) -> bool:
    """Return whether a node is one that others of the same level begin with.

    Rows and the values that they are reduced to are two levels: a struct has one number of rows.
    """
    if node is root and not node.aggregates and node.parts:
        return False
    return not node.parts or node.aggregates or node.is_scalar != root.is_scalar


def _inner(node: Column, root: Column) -> tuple[Column, ...]:
    return () if _is_input(node, root) else node.parts


def _walk(root: Column) -> Iterator[Column]:
    """Yield every node of the level of the root once, parts before what is made of them."""
    seen: set[int] = set()
    stack = [(root, False)]
    while stack:
        node, is_ready = stack.pop()
        if is_ready:
            yield node
        elif id(node) not in seen:
            seen.add(id(node))
            stack.append((node, True))
            stack += [(part, False) for part in _inner(node, root)]
