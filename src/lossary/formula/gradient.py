"""Derivatives of an expression, as expressions.

:func:`gradient` is a reverse sweep over the table of primitives. :func:`diagonal` differentiates
the gradient once more, forward, with respect to each element itself: the diagonal of the Hessian.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from lossary.formula.deferred import Deferred
from lossary.formula.expression import Expression, Kind, literal, node, walk
from lossary.formula.operators import Chain, Mixing, diagonal_chain, safe_product
from lossary.formula.rewrite import expand
from lossary.formula.table import PRIMITIVES

_ZERO = literal(0)


def partial_derivatives(
    item: Expression, is_needed: Callable[[Expression], bool]
) -> Iterator[tuple[Expression, Expression | Mixing]]:
    """Yield the arguments of a node that are needed, each with the derivative with respect to it.

    Arguments that a node has no derivative with respect to are left out.
    """
    partials = PRIMITIVES[item.operation].partials if any(map(is_needed, item.arguments)) else None
    if partials is None:
        return
    for child, partial in zip(item.arguments, partials(*item.arguments), strict=True):
        if partial is not None and is_needed(child):
            yield child, partial.write() if isinstance(partial, Deferred) else partial


def gradient(output: Expression, target: Expression) -> Expression:
    """Return the derivative of an expression with respect to a symbol.

    The derivative of a row value is that with respect to each element of the row. A row value used
    beside elements is broadcast, so its derivative is a sum over them.

    Parameters
    ----------
    output : Expression
        What is differentiated; see :func:`lossary.formula.rewrite.expand`.
    target : Expression
        The symbol of an array, or of a parameter.

    Examples
    --------
    >>> from lossary.formula.expression import argument
    >>> from lossary.formula.printing import to_text
    >>> z, y = argument("z"), argument("y")
    >>> to_text(gradient((z - y) ** 2, z))
    'z - y + z - y'
    """
    adjoints: dict[int, Expression] = {id(output): literal(1)}
    depends = _dependents(output, target)
    for item in reversed(list(walk(output))):
        adjoint = adjoints.get(id(item))
        if adjoint is None or id(item) not in depends:
            continue
        for child, partial in partial_derivatives(item, lambda child: id(child) in depends):
            if isinstance(partial, Mixing):
                term = partial.pulled_back(adjoint)
            else:
                term = safe_product(adjoint, partial)
            if child.kind < Kind.ELEMENT and item.kind is Kind.ELEMENT:
                term = _sum_over_classes(term)
            earlier = adjoints.get(id(child))
            adjoints[id(child)] = term if earlier is None else earlier + term
    return adjoints.get(id(target), _ZERO)


def diagonal(output: Expression, target: Expression) -> Expression:
    """Return the diagonal of the Hessian of an expression with respect to a symbol.

    The gradient at element i is differentiated forward with respect to element i alone. With
    respect to one element, the derivative of ``sum(f)`` has two parts: that of f at i, and the
    derivatives of all f through the row values that depend on element i. The derivative of
    ``max(f)`` is that of f if i is the maximal element, else 0.
    """
    return own_derivative(expand(gradient(output, target)), target)


def own_derivative(output: Expression, target: Expression) -> Expression:
    """Return the derivative of element i of an expression with respect to element i of a symbol."""
    sweep = _ForwardSweep(target)
    for item in walk(output):
        sweep.visit(item)
    chains = (chain.diagonal() for chain in sweep.chains[id(output)])
    return sum(chains, start=sweep.totals[id(output)])


class _ForwardSweep:
    """Derivatives of nodes with respect to element i of the target, in the order of a walk.

    ``totals`` has the derivative of each node's element i. Another element j of a node depends on
    element i through row nodes: ``through`` has its derivative with respect to each of these row
    nodes, ``direct`` has the part that passes through none of them. Where primitives mix the
    elements of a row, j depends on i also by matrices: these are in ``chains`` alone.
    """

    def __init__(self, target: Expression) -> None:
        self.target = target
        self.totals: dict[int, Expression] = {}
        self.direct: dict[int, Expression] = {}
        self.through: dict[int, dict[int, Expression]] = {}
        self.chains: dict[int, list[Chain]] = {}

    def visit(self, item: Expression) -> None:
        """Differentiate a node whose arguments have been visited."""
        key = id(item)
        self.totals[key] = self.direct[key] = literal(1) if item is self.target else _ZERO
        self.through[key], self.chains[key] = {}, []
        for child, partial in partial_derivatives(item, self._depends):
            if isinstance(partial, Mixing):
                for chain in partial.chains:
                    self._add_mixed(item, child, chain)
            else:
                self._add_partial(item, child, partial)

    def _depends(self, item: Expression) -> bool:
        """Return whether a node that has been visited may have a derivative that is not 0."""
        key = id(item)
        is_zero = self.totals[key] is self.direct[key] is _ZERO
        return not is_zero or bool(self.through[key] or self.chains[key])

    def _add_partial(self, item: Expression, child: Expression, partial: Expression) -> None:
        """Add what an argument adds to a derivative by a partial derivative."""
        self.totals[id(item)] += self._total(item, child, partial)
        if item.kind is Kind.ELEMENT:
            self._add_elsewhere(id(item), child, partial)

    def _total(self, item: Expression, child: Expression, partial: Expression) -> Expression:
        """Return what one argument adds to the derivative of a node's element i."""
        rows, chains = self.through[id(child)], self.chains[id(child)]
        if item.kind is Kind.ELEMENT or not (rows or chains):
            return safe_product(self.totals[id(child)], partial)
        # A reduction: the rows that its argument depends on reach it from every element.
        total = safe_product(self.direct[id(child)], partial)
        for row, derivative in rows.items():
            reaching = _sum_over_classes(safe_product(derivative, partial))
            total += safe_product(self.totals[row], reaching)
        for chain in chains:
            total += chain.pulled_back(partial)
        return total

    def _add_elsewhere(self, key: int, child: Expression, partial: Expression) -> None:
        """Add what one argument adds to ``direct`` and ``through`` of an element node."""
        if child.kind is Kind.ELEMENT:
            self.direct[key] += safe_product(self.direct[id(child)], partial)
            added = {
                row: safe_product(derivative, partial)
                for row, derivative in self.through[id(child)].items()
            }
            self.chains[key] += self._scaled_chains(child, partial)
        else:
            added = {id(child): partial} if self.totals[id(child)] is not _ZERO else {}
        for row, derivative in added.items():
            self.through[key][row] = self.through[key].get(row, _ZERO) + derivative

    def _add_mixed(self, item: Expression, child: Expression, chain: Chain) -> None:
        """Add what a chain adds to the derivative of elements that a node mixes."""
        key = id(item)
        if not chain.operators:
            self._add_partial(item, child, chain.diagonals[0])
            return
        if child.kind is Kind.ELEMENT:
            if self.direct[id(child)] is not _ZERO:
                self.chains[key].append(chain.times(diagonal_chain(self.direct[id(child)])))
            self.chains[key] += [chain.times(inner) for inner in self.chains[id(child)]]
            derivatives = dict(self.through[id(child)])
        else:
            derivatives = {id(child): literal(1)} if self.totals[id(child)] is not _ZERO else {}
        for row, derivative in derivatives.items():
            mixed = chain.applied(derivative)
            self.through[key][row] = self.through[key].get(row, _ZERO) + mixed
            self.totals[key] += safe_product(self.totals[row], mixed)

    def _scaled_chains(self, child: Expression, factor: Expression) -> list[Chain]:
        """Return a factor times the chains of a node."""
        if factor is _ZERO:
            return []
        return [chain.scaled(factor) for chain in self.chains[id(child)]]


def _sum_over_classes(term: Expression) -> Expression:
    """Return the derivative of a broadcast from that of the elements: their sum."""
    return node("sum", term) if term.kind is Kind.ELEMENT else node("class_count") * term


def _dependents(output: Expression, target: Expression) -> set[int]:
    """Return the ids of the nodes whose value depends on the target."""
    found: set[int] = {id(target)}
    for item in walk(output):
        if any(id(child) in found for child in item.arguments):
            found.add(id(item))
    return found
