"""Operations that a query library may lack, made of others.

They are null where an operand is, whatever the library makes of null in a comparison: the last
branch of a choice, which is taken where its condition is null, is null too.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from lossary.backends.column_nodes import Column, choice, in_order, lifted

#: The least and the largest value that a node may have, beside NaN.
Bounds = tuple[float, float]


def bounds(x: Column, depth: int = 6) -> Bounds:
    """Return bounds of what a node may be, as far as a few operations show them."""
    if x.is_known:
        return float(x.value or 0.0), float(x.value or 0.0)
    bound = _BOUNDS.get(x.name)
    if bound is None or not depth:
        return -math.inf, math.inf
    return bound(*(bounds(part, depth - 1) for part in x.parts))


def _bounds_of_sum(a: Bounds, b: Bounds) -> Bounds:
    return a[0] + b[0], a[1] + b[1]


def _bounds_of_exp(x: Bounds) -> Bounds:
    return 0.0, 1.0 if x[1] <= 0 else math.inf


def _bounds_of_choice(condition: Bounds, a: Bounds, b: Bounds) -> Bounds:
    return min(a[0], b[0]), max(a[1], b[1])


_BOUNDS: Mapping[str, Callable[..., Bounds]] = {
    "absolute": lambda x: (0.0, math.inf),
    "add": _bounds_of_sum,
    "at_least": lambda x, limit: (limit[0], max(x[1], limit[1])),
    "exp": _bounds_of_exp,
    "negative": lambda x: (-x[1], -x[0]),
    "where": _bounds_of_choice,
}


def at_least(x: Column, limit: Column) -> Column:
    """Return the larger of a column and a number; NaN stays."""
    return choice(x < limit, limit, x)


def at_most(x: Column, limit: Column) -> Column:
    """Return the smaller of a column and a number; NaN stays."""
    return -at_least(-x, -limit)


def maximum(a: Column, b: Column) -> Column:
    """Return the larger of two columns; NaN if one is."""
    return choice(a < b, b, choice(b <= a, a, a + b))


def minimum(a: Column, b: Column) -> Column:
    """Return the smaller of two columns; NaN if one is."""
    return choice(a < b, a, choice(b <= a, b, a + b))


def sign(x: Column) -> Column:
    """Return -1, 0 or 1, and NaN for NaN."""
    return choice(x > 0.0, 1.0, choice(x < 0.0, -1.0, 0.0 * x))


def expm1(x: Column) -> Column:
    """Exponential minus 1: where it is small, rounding of the exponential is divided out."""
    power = Column("exp", x)
    excess = power - 1.0
    near = (x > -1.0) & (x < 1.0) & (power != 1.0)
    divided = excess * (x / Column("log", choice(near, power, 2.0)))
    return choice(near, divided, choice(power == 1.0, x, excess))


def log1p(x: Column) -> Column:
    """Logarithm of u = 1 + x, corrected by what u lost to rounding, to first order.

    The second order is the square of a rounding error, below the last place of the result.
    Without a choice engines find what is used several times, so none is made where the operand
    shows that it is neither -1 nor infinite.
    """
    whole = 1.0 + x
    plain = Column("log", whole)
    corrected = plain - ((whole - 1.0) - x) / whole
    least, largest = bounds(x)
    if least > -1 and largest < math.inf:
        return corrected
    return choice((x > -1.0) & (x < math.inf), corrected, plain)


def tanh(x: Column) -> Column:
    """Hyperbolic tangent."""
    excess = Column("expm1", -2.0 * Column("absolute", x))
    return Column("sign", x) * (-excess / (2.0 + excess))


#: By their names, as functions of their operands.
COMPOSITES: Mapping[str, Callable[..., Column]] = {
    "at_least": at_least,
    "at_most": at_most,
    "maximum": maximum,
    "minimum": minimum,
    "sign": sign,
    "expm1": expm1,
    "log1p": log1p,
    "tanh": tanh,
}


#: Operations that are computed in Python where all their operands are numbers.
_EVALUATED: Mapping[str, Callable[..., Any]] = {
    "add": np.add,
    "subtract": np.subtract,
    "multiply": np.multiply,
    "divide": np.divide,
    "negative": np.negative,
    "power": np.power,
    "less": np.less,
    "less_equal": np.less_equal,
    "equal": np.equal,
    "absolute": np.abs,
    "sqrt": np.sqrt,
    "exp": np.exp,
    "log": np.log,
    "floor": np.floor,
    "is_number": lambda x: ~np.isnan(x),
}


class Lowering:
    """Graphs whose operations are those that a library has words for.

    Nodes that are equal become one.
    """

    def __init__(self, composites: Mapping[str, Callable[..., Column]]) -> None:
        self.composites = composites
        self._found: dict[int, Column] = {}
        self._known: dict[tuple[object, ...], Column] = {}
        # Nodes are kept, as their ids stand for them.
        self._kept: list[Column] = []

    def __call__(self, root: Column) -> Column:
        """Return the graph of a node."""
        for node in in_order(root, self._unknown_parts):
            if id(node) not in self._found:
                self._found[id(node)] = self._lowered(node)
                self._kept.append(node)
        return self._found[id(root)]

    def _unknown_parts(self, node: Column) -> tuple[Column, ...]:
        return () if id(node) in self._found else node.parts

    def _lowered(self, node: Column) -> Column:
        """Return a node of parts that are known."""
        parts = tuple(self._found[id(part)] for part in node.parts)
        folded = _folded(node, parts)
        if folded is not None:
            return self(folded)
        composite = self.composites.get(node.name)
        if composite is not None:
            return self(lifted(composite(*parts)))
        key = (node.name, node.dtype, repr(node.value), id(node.given), *map(id, parts))
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = _with_parts(node, parts)
            self._found[id(found)] = found
        return found


def _folded(node: Column, parts: tuple[Column, ...]) -> Column | None:
    """Return what a node is if numbers decide it."""
    if node.name == "where" and parts[0].value is not None:
        return parts[1] if parts[0].value else parts[2]
    if node.name in {"and", "or"}:
        joined = operator.and_ if node.name == "and" else operator.or_
        return joined(*parts) if any(part.value is not None for part in parts) else None
    if node.name == "not" and parts[0].value is not None:
        return ~parts[0]
    if node.name not in _EVALUATED or any(part.value is None for part in parts):
        return None
    with np.errstate(all="ignore"):
        return lifted(_EVALUATED[node.name](*(np.float64(x.value) for x in parts)).item())


def _with_parts(node: Column, parts: tuple[Column, ...]) -> Column:
    if all(a is b for a, b in zip(parts, node.parts, strict=True)):
        return node
    return Column(node.name, *parts, given=node.given, value=node.value, dtype=node.dtype)
