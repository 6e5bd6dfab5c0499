"""How a graph of columns is written as an expression of a query library.

What several nodes use is written once, in layers: those of a layer depend on the parts of earlier
ones. A :class:`Spelling` has the words of a library.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, ClassVar

from lossary.backends.column_nodes import Column

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
}


class Spelling:
    """The words of a library.

    Attributes
    ----------
    words : mapping
        From the name of an operation to the function that makes the library's expression of it from
        those of its operands. Every library has ``add``, ``subtract``, ``multiply``, ``divide``,
        ``power``, ``negative``, ``less``, ``less_equal``, ``equal``, ``and``, ``or``, ``not``,
        ``where``, ``kept``, ``maximum``, ``minimum``, ``at_least``, ``at_most``, ``absolute``,
        ``exp``, ``log``, ``sqrt``, ``floor``, ``is_known`` (not null), ``as_number`` (of a
        condition), ``float32``, and of all rows ``sum``, ``mean``, ``all``.
        ``log1p``, ``expm1``, ``tanh`` and ``sign`` are made of others where they are missing.
    hiding : frozenset of str
        Operations that may have a value where an operand is null.
    longest, deepest : int
        Up to this number of operations, and of operations inside one another, what is used several
        times is written several times: the engine finds it, or a shared part costs more.
    """

    words: ClassVar[Mapping[str, Callable[..., Any]]]
    hiding: ClassVar[frozenset[str]] = frozenset({"where"})
    longest: ClassVar[int] = 0
    deepest: ClassVar[int] = 1000

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
        level = Level(root, self)
        shared = level.shared()
        size, depth = level.size()
        short = size <= self.longest or not shared
        if short and depth <= self.deepest:
            return level.spelt(root, {})
        return self.in_layers(*level.layers(shared), level)


class Level:
    """The nodes that a root is made of, as far as they have as many rows as the root.

    Rows and the values that they are reduced to are two levels.
    """

    def __init__(self, root: Column, spelling: Spelling) -> None:
        self.root, self.spelling = root, spelling
        self.nodes = list(self._walk())

    def spelt(self, node: Column, parts: Parts) -> Any:
        """Return the expression of a node, made of parts where they are known."""
        known = parts.get(id(node))
        if known is not None:
            return known
        if self.is_input(node):
            return self.input(node)
        words = self.spelling.words
        return words[node.name](*(self.spelt(part, parts) for part in node.parts))

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
        """Return the ids of the nodes that several others use, without inputs."""
        counts: dict[int, int] = {}
        for node in self.nodes:
            for part in self.inner(node):
                counts[id(part)] = counts.get(id(part), 0) + 1
        if all(node.value is not None for node in self.nodes if self.is_input(node)):
            return set()
        return {id(x) for x in self.nodes if counts.get(id(x), 0) > 1 and not self.is_input(x)}

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

    def _walk(self) -> Iterator[Column]:
        """Yield every node once, parts before what is made of them."""
        seen: set[int] = set()
        stack = [(self.root, False)]
        while stack:
            node, is_ready = stack.pop()
            if is_ready:
                yield node
            elif id(node) not in seen:
                seen.add(id(node))
                stack.append((node, True))
                stack += [(part, False) for part in self.inner(node)]
