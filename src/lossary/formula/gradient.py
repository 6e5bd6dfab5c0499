"""Derivatives of an expression, as expressions.

``gradient`` is a reverse sweep over the table of primitives. ``diagonal`` differentiates the
gradient once more, forward, with respect to each element itself: the diagonal of the Hessian.
"""

from __future__ import annotations

from lossary.formula.expression import Expression, Kind, literal, node, walk
from lossary.formula.primitives import PRIMITIVES

_ZERO = literal(0)


def partial_derivatives(item: Expression) -> tuple[Expression | None, ...]:
    """Return the partial derivative with respect to each argument of a node."""
    if not item.arguments:
        return ()
    partials = PRIMITIVES[item.operation].partials
    return (None,) * len(item.arguments) if partials is None else partials(*item.arguments)


def gradient(output: Expression, target: Expression) -> Expression:
    """Return the derivative of the output with respect to an argument symbol.

    For a row-valued output it is the derivative of that row's value with respect to each of its
    elements. A row value used beside elements is a broadcast; its derivative is a sum.
    """
    adjoints: dict[int, Expression] = {id(output): literal(1)}
    depends = _dependents(output, target)
    for item in reversed(list(walk(output))):
        adjoint = adjoints.get(id(item))
        if adjoint is None or id(item) not in depends:
            continue
        for child, partial in zip(item.arguments, partial_derivatives(item), strict=True):
            if partial is None or id(child) not in depends:
                continue
            term = join(adjoint, partial)
            if child.kind < Kind.ELEMENT and item.kind is Kind.ELEMENT:
                term = _sum_over_classes(term)
            known = adjoints.get(id(child))
            adjoints[id(child)] = term if known is None else known + term
    return adjoints.get(id(target), _ZERO)


def diagonal(output: Expression, target: Expression) -> Expression:
    """Return the diagonal of the Hessian of the output with respect to an argument symbol.

    The gradient at element i is differentiated forward with respect to element i alone: seen
    from there, the derivative of ``sum(f)`` is that of f at i, and the derivative of ``max(f)``
    is that of f where i is the maximal element.
    """
    return own_derivative(gradient(output, target), target)


def own_derivative(output: Expression, target: Expression) -> Expression:
    """Differentiate forward with respect to the symbol's own element."""
    derivatives: dict[int, Expression] = {id(target): literal(1)}
    for item in walk(output):
        if item is target:
            continue
        total = _ZERO
        for child, partial in zip(item.arguments, partial_derivatives(item), strict=True):
            inner = derivatives[id(child)]
            if partial is not None and inner is not _ZERO:
                total = total + join(inner, partial)
        derivatives[id(item)] = total
    return derivatives[id(output)]


def join(adjoint: Expression, partial: Expression) -> Expression:
    """Multiply two derivatives, counting 0 times infinity as 0."""
    if adjoint is _ZERO or partial is _ZERO:
        return _ZERO
    if partial is literal(1):
        return adjoint
    if adjoint is literal(1):
        return partial
    return node("join", adjoint, partial)


def _sum_over_classes(term: Expression) -> Expression:
    """Undo the broadcast of a row value to the elements of its row."""
    return node("sum", term) if term.kind is Kind.ELEMENT else node("class_count") * term


def _dependents(output: Expression, target: Expression) -> set[int]:
    """Return the ids of the nodes whose value depends on the target."""
    found: set[int] = {id(target)}
    for item in walk(output):
        if any(id(child) in found for child in item.arguments):
            found.add(id(item))
    return found
