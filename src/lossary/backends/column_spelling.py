"""How a graph of columns is written as an expression of a query library.

What several nodes use is written once, in layers: those of a layer depend on the parts of earlier
ones. A :class:`Spelling` has the words of a library.
"""

from __future__ import annotations

import math
import operator
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any, ClassVar

from lossary.backends.column_composites import COMPOSITES, Lowering
from lossary.backends.column_nodes import Column, in_order

#: Parts by the ids of their nodes.
Parts = dict[int, Any]
#: Nodes with the names of their parts.
Layer = list[tuple[Column, str]]

#: The words that all libraries spell as Python's operators.
OPERATORS: Mapping[str, Callable[..., Any]] = {
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "divide": operator.truediv,
    "negative": operator.neg,
    "less": operator.lt,
    "less_equal": operator.le,
    "equal": operator.eq,
    "and": operator.and_,
    "or": operator.or_,
    "not": operator.invert,
    "is_number": lambda x: x <= math.inf,
}


#: Costs of operations, as multiples of an addition; those that are not listed cost 1.
COSTS: Mapping[str, int] = {"divide": 2, "exp": 8, "expm1": 8, "log": 8, "log1p": 8, "power": 20,
                            "sqrt": 2, "tanh": 12}  # fmt: skip


#: A field of a struct is one operation on another.
_DEPTH_OF_FIELD = 2


class Spelling:
    """The words of a library.

    Attributes
    ----------
    words : mapping
        From the name of an operation to the function that makes the library's expression of it from
        those of its operands. Every library has ``add``, ``subtract``, ``multiply``, ``divide``,
        ``power``, ``negative``, ``less``, ``less_equal``, ``equal``, ``and``, ``or``, ``not``,
        ``where``, ``kept``, ``absolute``, ``exp``, ``log``, ``sqrt``, ``floor``, ``is_known`` (not
        null), ``is_number`` (not NaN), ``as_number`` (of a condition), ``float32``, and of all rows
        ``sum``, ``mean``, ``all``. Those of :mod:`lossary.backends.column_composites` may be
        missing.
    composites : mapping
        From the name of an operation to the function of nodes that makes it of others, instead of a
        word.
    hiding : frozenset of str
        Operations that may have a value where an operand is null, beside ``where``.
    longest, deepest : int
        Up to this number of operations, and of operations inside one another, what is used several
        times is written several times: the engine finds it, or a shared part costs more.
    sharing : int
        What it takes to share a part, as a multiple of a sum: what costs less is computed again.
    """

    words: ClassVar[Mapping[str, Callable[..., Any]]]
    composites: ClassVar[Mapping[str, Callable[..., Column]]] = {}
    hiding: ClassVar[frozenset[str]] = frozenset()
    longest: ClassVar[int] = 0
    deepest: ClassVar[int] = 1000
    sharing: ClassVar[int] = 0

    def lowered(self, root: Column) -> Column:
        """Return the graph of a node in operations that have words."""
        missing = {name: f for name, f in COMPOSITES.items() if name not in self.words}
        return Lowering({**missing, **self.composites})(root)

    def number(self, value: float) -> Any:
        """Return a literal."""
        raise NotImplementedError

    def named(self, x: Any, name: str) -> Any:
        """Return an expression under a name."""
        raise NotImplementedError

    @property
    def beside_rows(self) -> Spelling:
        """The spelling of what all rows are reduced to, in an expression of rows."""
        return self

    def in_layers(self, inputs: Layer, layers: list[Layer], level: Level) -> Any:
        """Return the expression of the root of a level, with shared parts written once."""
        raise NotImplementedError

    def expression(self, root: Column) -> Any:
        """Return the expression of a node."""
        level = Level(self.lowered(root), self)
        size, depth = level.size()
        if size <= self.longest and depth <= self.deepest:
            return level.spelt(level.root, {})
        shared = level.shared()
        return (
            self.in_layers(*level.layers(shared), level) if shared else level.spelt(level.root, {})
        )


class ListSpelling(Spelling):
    """The words of a library without a word for an expression that is used several times.

    Shared parts are fields of the one record in a list, to which a function is applied for each
    layer.
    """

    def record(self, fields: Mapping[str, Any]) -> Any:
        """Return expressions as one, by their names."""
        raise NotImplementedError

    def listed(self, record: Any) -> Any:
        """Return a list of one record."""
        raise NotImplementedError

    def applied(self, rows: Any, function: Callable[[Any], Any]) -> Any:
        """Return the list of what a function makes of the elements of one."""
        raise NotImplementedError

    def part(self, level: Level, node: Column, parts: Parts) -> Any:
        """Return the expression of a node that becomes a field."""
        return level.spelt(node, parts)

    def in_layers(self, inputs: Layer, layers: list[Layer], level: Level) -> Any:
        """Return the one element of a list, to which a function is applied for each layer."""
        first, *carried = level.carried(inputs, layers)
        rows = self.listed(self.record({name: level.input(node) for node, name in first}))
        known = first
        for fields in carried:
            rows = self.applied(rows, partial(self._step, level, known, fields))
            known = fields
        return self.applied(rows, lambda row: level.spelt(level.root, _fields(row, known)))[0]

    def _step(self, level: Level, known: Layer, fields: Layer, row: Any) -> Any:
        """Return the next record, from the fields of one."""
        parts = _fields(row, known)
        return self.record({name: self.part(level, node, parts) for node, name in fields})


def _fields(row: Any, known: Layer) -> Parts:
    return {id(node): row[name] for node, name in known}


class Level:
    """The nodes that a root is made of, as far as they have as many rows as the root.

    Rows and the values that they are reduced to are two levels.
    """

    def __init__(self, root: Column, spelling: Spelling) -> None:
        self.root, self.spelling = root, spelling
        self.nodes = list(in_order(root, self.inner))

    def spelt(self, node: Column, parts: Parts) -> Any:
        """Return the expression of a node, made of parts where they are known."""
        found = dict(parts)
        for part in in_order(node, lambda x: () if id(x) in found else self.inner(x)):
            if id(part) not in found:
                found[id(part)] = self._spelt(part, found)
        return found[id(node)]

    def _spelt(self, node: Column, parts: Parts) -> Any:
        if self.is_input(node):
            return self.input(node)
        return self.spelling.words[node.name](*(parts[id(part)] for part in node.parts))

    def input(self, node: Column) -> Any:
        """Return the expression of an input: of what aggregates, that of the rows inside."""
        if node.given is not None:
            return node.given
        if node.value is not None:
            return self.spelling.number(node.value)
        if node.is_scalar != self.root.is_scalar:
            return self.spelling.beside_rows.expression(node)
        return self.spelling.words[node.name](*map(self.spelling.expression, node.parts))

    def is_input(self, node: Column) -> bool:
        """Return whether a node is one that others of the same level begin with."""
        if node is self.root and not node.aggregates and node.parts:
            return False
        return not node.parts or node.aggregates or node.is_scalar != self.root.is_scalar

    def inner(self, node: Column) -> tuple[Column, ...]:
        """Return the nodes of the same level that a node is made of."""
        return () if self.is_input(node) else node.parts

    def shared(self) -> set[int]:
        """Return the ids of the nodes that are written once: dear ones, and ends of deep ones."""
        if all(node.value is not None for node in self.nodes if self.is_input(node)):
            return set()
        uses = Counter(id(part) for node in self.nodes for part in self.inner(node))
        costs: dict[int, int] = {}
        depths: dict[int, int] = {}
        found: set[int] = set()
        for node in self.nodes:
            parts = [id(part) for part in self.inner(node)]
            cost = COSTS.get(node.name, 1) + sum(costs[part] for part in parts)
            depth = 1 + max((depths[part] for part in parts), default=0)
            again = (uses[id(node)] - 1) * cost > self.spelling.sharing
            if node is not self.root and parts and (again or depth >= self.spelling.deepest):
                found.add(id(node))
                cost, depth = 1, _DEPTH_OF_FIELD
            costs[id(node)], depths[id(node)] = cost, depth
        return found

    def size(self) -> tuple[int, int]:
        """Return of how many operations the expression is if nothing is shared, and how deep."""
        sizes: dict[int, tuple[int, int]] = {}
        for node in self.nodes:
            parts = [sizes[id(part)] for part in self.inner(node)]
            size = 1 + sum(count for count, _ in parts)
            sizes[id(node)] = size, 1 + max((depth for _, depth in parts), default=0)
        return sizes[id(self.root)]

    def layers(self, shared: set[int]) -> tuple[Layer, list[Layer]]:
        """Return the inputs and the layers of shared parts, with names."""
        inputs: Layer = []
        depths: dict[int, int] = {}
        found: list[Layer] = []
        for number, node in enumerate(self.nodes):
            if self.is_input(node) and node.value is None:
                inputs.append((node, f"input_{number}"))
            depth = max((depths[id(part)] for part in self.inner(node)), default=0)
            depths[id(node)] = depth + (id(node) in shared)
            if id(node) in shared:
                found += [[] for _ in range(depth + 1 - len(found))]
                found[depth].append((node, f"part_{number}"))
        return inputs, found

    def carried(self, inputs: Layer, layers: list[Layer]) -> list[Layer]:
        """Return for each layer, and the inputs before them, what later ones need from it."""
        names = {id(node): (node, name) for layer in [inputs, *layers] for node, name in layer}
        needed = self._reads(self.root, names.keys())
        found = [[names[key] for key in sorted(needed, key=lambda key: names[key][1])]]
        for layer in reversed(layers):
            needed -= {id(node) for node, _ in layer}
            for node, _ in layer:
                needed |= self._reads(node, names.keys())
            found.append([names[key] for key in sorted(needed, key=lambda key: names[key][1])])
        return found[::-1]

    def _reads(self, node: Column, known: Collection[int]) -> set[int]:
        """Return the ids of the known nodes that the expression of a node begins with."""
        found: set[int] = set()
        stack = list(self.inner(node))
        while stack:
            part = stack.pop()
            if id(part) in known:
                found.add(id(part))
            else:
                stack += self.inner(part)
        return found
