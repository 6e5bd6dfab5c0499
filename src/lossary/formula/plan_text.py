"""Expressions as text, one line for each node, and as nodes again."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from lossary.formula.expression import (
    Expression,
    Kind,
    argument,
    label,
    literal,
    mask,
    parameter,
    read_node,
)

_SYMBOLS: dict[str, Callable[[str, Kind], Expression]] = {
    "argument": lambda value, kind: argument(value[1:-1], kind),
    "label": lambda value, kind: label(value[1:-1], kind),
    "mask": lambda value, kind: mask(value[1:-1], kind),
    "parameter": lambda value, _: parameter(value[1:-1]),
    "literal": lambda value, _: literal(float(value)),
}


def text_of(nodes: Iterable[Expression], named: Iterable[tuple[str, Expression]]) -> str:
    """Return nodes in the order of their computation as text, and which of them have names."""
    index: dict[int, int] = {}
    lines = []
    for item in nodes:
        operands = " ".join([str(index[id(x)]) for x in item.arguments])
        value = "" if item.value is None else repr(item.value)
        lines.append(f"{item.operation} {int(item.kind)} {operands or value}")
        index[id(item)] = len(index)
    lines += [f"{index[id(item)]} {name}" for name, item in named]
    return "\n".join([str(len(index)), *lines])


def read_text(text: str) -> list[tuple[str, Expression]]:
    """Return the named expressions of a text.

    Raises
    ------
    LookupError, TypeError, ValueError
        If it is not the text of expressions.
    """
    first, *lines = text.split("\n")
    count = int(first)
    nodes: list[Expression] = []
    for line in lines[:count]:
        operation, kind, rest = line.split(" ", 2)
        symbol = _SYMBOLS.get(operation)
        if symbol is None:
            made = read_node(operation, tuple([nodes[int(number)] for number in rest.split()]))
        else:
            made = symbol(rest, Kind(int(kind)))
        nodes.append(made)
    pairs = (line.split(" ", 1) for line in lines[count:])
    return [(name, nodes[int(number)]) for number, name in pairs]
