"""The nodes of an expression that are computed for each element, and those that compare labels."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator

from lossary.formula.expression import Expression, Kind


def walk_elements(
    outputs: Iterable[Expression], known: Container[int] = ()
) -> Iterator[Expression]:
    """Yield the element nodes that outputs are computed from, not those inside reductions.

    Parameters
    ----------
    outputs : iterable of Expression
        What is computed.
    known : container of int
        The ids of nodes whose values need not be computed: they are yielded, but not what they
        alone are computed from.
    """
    seen: set[int] = set()

    def visit(item: Expression) -> Iterator[Expression]:
        if item.kind is Kind.ELEMENT and id(item) not in seen:
            seen.add(id(item))
            for child in () if id(item) in known else item.arguments:
                yield from visit(child)
            yield item

    for output in outputs:
        yield from visit(output)


def label_compared(item: Expression) -> Expression | None:
    """Return the label, or other row value, that a node compares the class index with, or None."""
    if item.operation == "equal":
        for one, other in (item.arguments, item.arguments[::-1]):
            if one.operation == "index" and other.kind < Kind.ELEMENT:
                return other
    return None


def depends_on_label(item: Expression) -> bool:
    """Return whether an element's value depends on whether its class is the row's label."""
    return any(label_compared(one) is not None for one in walk_elements([item]))
