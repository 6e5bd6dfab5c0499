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
    from there, the derivative of ``sum(f)`` is that of f at i, plus what reaches the whole of f
    through row values that depend on element i; the derivative of ``max(f)`` is that of f where
    i is the maximal element.
    """
    return own_derivative(gradient(output, target), target)


def own_derivative(output: Expression, target: Expression) -> Expression:
    """Differentiate forward with respect to the symbol's own element."""
    sweep = _Forward(target)
    for item in walk(output):
        sweep.visit(item)
    return sweep.totals[id(output)]


class _Forward:
    """Derivatives of nodes with respect to element i of the target, in the order of a walk.

    ``totals`` has the derivative at element i itself. Elsewhere in the row, an element node
    depends on element i only through row nodes: ``through`` has its derivative with respect to
    each of these, ``direct`` what passes through none of them.
    """

    def __init__(self, target: Expression) -> None:
        self.target = target
        self.totals: dict[int, Expression] = {}
        self.direct: dict[int, Expression] = {}
        self.through: dict[int, dict[int, Expression]] = {}

    def visit(self, item: Expression) -> None:
        """Differentiate a node whose arguments have been visited."""
        key = id(item)
        self.totals[key] = self.direct[key] = literal(1) if item is self.target else _ZERO
        self.through[key] = {}
        for child, partial in zip(item.arguments, partial_derivatives(item), strict=True):
            if partial is None:
                continue
            self.totals[key] += self._total(item, child, partial)
            if item.kind is Kind.ELEMENT:
                self._spread(key, child, partial)

    def _total(self, item: Expression, child: Expression, partial: Expression) -> Expression:
        """Return what a node's derivative at element i has from one argument."""
        rows = self.through[id(child)]
        if item.kind is Kind.ELEMENT or not rows:
            return join(self.totals[id(child)], partial)
        # A reduction: the rows that its argument depends on reach it from every element.
        total = join(self.direct[id(child)], partial)
        for row, derivative in rows.items():
            total += join(self.totals[row], _sum_over_classes(join(derivative, partial)))
        return total

    def _spread(self, key: int, child: Expression, partial: Expression) -> None:
        """Add what an element node has from one argument, by the rows that it passes through."""
        if child.kind is Kind.ELEMENT:
            self.direct[key] += join(self.direct[id(child)], partial)
            new = {row: join(known, partial) for row, known in self.through[id(child)].items()}
        else:
            new = {id(child): partial} if self.totals[id(child)] is not _ZERO else {}
        for row, derivative in new.items():
            self.through[key][row] = self.through[key].get(row, _ZERO) + derivative


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
