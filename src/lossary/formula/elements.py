"""The part of an expression that is computed for each element."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator

from lossary.formula.expression import Expression, Kind


def walk_elements(
    outputs: Iterable[Expression], found: Container[int] = ()
) -> Iterator[Expression]:
    """Yield the element nodes that outputs are computed from, not those behind reductions.

    Nothing is yielded that is needed for the nodes of the ids in ``found`` alone.
    """
    seen: set[int] = set()

    def visit(item: Expression) -> Iterator[Expression]:
        if item.kind is Kind.ELEMENT and id(item) not in seen:
            seen.add(id(item))
            for child in () if id(item) in found else item.arguments:
                yield from visit(child)
            yield item

    for output in outputs:
        yield from visit(output)


def named_index(item: Expression) -> Expression | None:
    """Return the row value that a node compares the class index with, if it does that."""
    if item.operation == "equal":
        for one, other in (item.arguments, item.arguments[::-1]):
            if one.operation == "index" and other.kind < Kind.ELEMENT:
                return other
    return None


def asks(item: Expression) -> bool:
    """Tell whether an element's value depends on whether it is of the class that a row names."""
    return any(named_index(one) is not None for one in walk_elements([item]))
