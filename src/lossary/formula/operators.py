"""Linear operators along the class axis, for primitives that mix the elements of a row.

A running sum or a row in another order has no partial derivative of its own for each element: its
derivative is a matrix. An :class:`Operator` is such a matrix, named after the primitive that
multiplies by it. A :class:`Chain` is a product of operators and of diagonal matrices, a derivative
a sum of chains. The diagonal of a Hessian is read from chains.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from lossary.formula.expression import Expression, Kind, literal, node
from lossary.formula.refusal import TracingError
from lossary.formula.running import running_shares

_ZERO, _ONE = literal(0), literal(1)


class NoDiagonalError(TracingError):
    """The diagonal of a Hessian has no expression with the words of formulas."""


class Operator(NamedTuple):
    """A matrix along the class axis.

    Attributes
    ----------
    name : str
        The primitive that multiplies its first operand by the matrix.
    rest : tuple of Expression
        The other operands, which the matrix is made of.
    """

    name: str
    rest: tuple[Expression, ...] = ()

    def __call__(self, x: Expression) -> Expression:
        """Multiply the elements of a row by the matrix."""
        if x is _ZERO:
            return _ZERO
        if x.kind < Kind.ELEMENT and self.name in _OF_EQUAL_ELEMENTS:
            return _OF_EQUAL_ELEMENTS[self.name](x)
        return node(self.name, x, *self.rest)

    @property
    def transposed(self) -> Operator:
        """The transposed matrix."""
        return _TRANSPOSED[self.name](*self.rest)

    def is_same(self, other: Operator) -> bool:
        """Return whether two operators are one; comparing expressions would build nodes."""
        pairs = zip(self.rest, other.rest, strict=False)
        return self.name == other.name and all(a is b for a, b in pairs)


def safe_product(adjoint: Expression, partial: Expression) -> Expression:
    """Multiply two derivatives, counting 0 times infinity as 0.

    Where a choice makes one of them 0, the product is 0 whatever the other is.
    """
    if adjoint is _ZERO or partial is _ZERO:
        return _ZERO
    if partial is _ONE:
        return adjoint
    if adjoint is _ONE:
        return partial
    for chosen, other in ((adjoint, partial), (partial, adjoint)):
        branches = _branches_with_zero(chosen)
        if branches is not None:
            condition, *values = branches
            return node("where", condition, *(safe_product(x, other) for x in values))
    return node("safe_product", adjoint, partial)


def _branches_with_zero(x: Expression) -> tuple[Expression, ...] | None:
    """Return condition and branches of a choice, or a negative choice, of which one is 0."""
    if x.operation == "negative":
        inner = _branches_with_zero(x.arguments[0])
        if inner is None:
            return None
        return inner[0], *(x if x is _ZERO else -x for x in inner[1:])
    is_choice = x.operation == "where" and any(branch is _ZERO for branch in x.arguments)
    return x.arguments if is_choice else None


#: What the matrices make of a row whose elements are all equal.
_OF_EQUAL_ELEMENTS: dict[str, Callable[[Expression], Expression]] = {
    "sorted_by": lambda x: x,
    "unsorted_by": lambda x: x,
    "cumulative_sum": lambda x: x * (node("index") + 1),
    "reverse_cumulative_sum": lambda x: x * (node("class_count") - node("index")),
}
_TRANSPOSED: dict[str, Callable[..., Operator]] = {
    "sorted_by": lambda key: Operator("unsorted_by", (key,)),
    "unsorted_by": lambda key: Operator("sorted_by", (key,)),
    "preceding": lambda _: Operator("following", (_ZERO,)),
    "following": lambda _: Operator("preceding", (_ZERO,)),
    "cumulative_sum": lambda: Operator("reverse_cumulative_sum"),
    "reverse_cumulative_sum": lambda: Operator("cumulative_sum"),
    "recurrence": lambda a: Operator("reverse_recurrence", (node("following", a, 1),)),
    "reverse_recurrence": lambda a: Operator("recurrence", (node("preceding", a, 1),)),
    "held": lambda start: Operator("collected", (start,)),
    "reverse_held": lambda start: Operator("reverse_collected", (start,)),
    "collected": lambda start: Operator("held", (start,)),
    "reverse_collected": lambda start: Operator("reverse_held", (start,)),
    "cumulative_average": lambda x: Operator("cumulative_share", (x,)),
    "cumulative_share": lambda x: Operator("cumulative_average", (x,)),
    "reverse_cumulative_average": lambda x: Operator("reverse_cumulative_share", (x,)),
    "reverse_cumulative_share": lambda x: Operator("reverse_cumulative_average", (x,)),
}
_PERMUTATIONS = {"sorted_by", "unsorted_by"}
_SHIFTS = {"preceding", "following"}
#: Operators that pick one element, or none, for each of the results: S^T D S is diagonal.
_SELECTIONS = _PERMUTATIONS | _SHIFTS | {"held", "reverse_held"}


class Chain(NamedTuple):
    """A product of matrices: a diagonal one, an operator, a diagonal one, ..., a diagonal one."""

    diagonals: tuple[Expression, ...]
    operators: tuple[Operator, ...]

    def scaled(self, factor: Expression) -> Chain:
        """Return a diagonal matrix times the chain."""
        first, *rest = self.diagonals
        return Chain((safe_product(first, factor), *rest), self.operators)

    def times(self, other: Chain) -> Chain:
        """Return the chain times another."""
        joined = safe_product(self.diagonals[-1], other.diagonals[0])
        diagonals = (*self.diagonals[:-1], joined, *other.diagonals[1:])
        return Chain(diagonals, (*self.operators, *other.operators))

    def applied(self, column: Expression) -> Expression:
        """Return the chain times a column vector."""
        found = safe_product(column, self.diagonals[-1])
        for operator, diagonal in zip(self.operators[::-1], self.diagonals[-2::-1], strict=True):
            found = safe_product(operator(found), diagonal)
        return found

    def pulled_back(self, row: Expression) -> Expression:
        """Return a row vector times the chain."""
        found = safe_product(row, self.diagonals[0])
        for operator, diagonal in zip(self.operators, self.diagonals[1:], strict=True):
            found = safe_product(operator.transposed(found), diagonal)
        return found

    def diagonal(self) -> Expression:
        """Return the diagonal of the product, where it has an expression.

        Raises
        ------
        NoDiagonalError
            If there are more operators in it than two that run along the row.
        """
        diagonals, operators = _shortened(self)
        first, *inner, last = diagonals if operators else (diagonals[0], _ONE)
        ends = safe_product(first, last)
        if not operators:
            return ends
        if len(operators) == 1:
            return safe_product(ends, _own_entry(operators[0]))
        left, right = operators[0], operators[-1]
        if left.name in _PERMUTATIONS and left.transposed.is_same(right):
            rows = Chain(tuple(inner), operators[1:-1]).diagonal()
            return safe_product(ends, left(rows))
        if len(operators) == 2:
            return safe_product(ends, _diagonal_of_pair(left, inner[0], right))
        message = "one of more than two operations along the class axis, one after another"
        raise NoDiagonalError(message)


class Mixing(NamedTuple):
    """The derivative of elements with respect to others: a sum of chains."""

    chains: tuple[Chain, ...]

    def pulled_back(self, adjoint: Expression) -> Expression:
        """Return the derivative with respect to the operand, given that of the result."""
        first, *others = (chain.pulled_back(adjoint) for chain in self.chains)
        return sum(others, start=first)


def mixing(name: str, *rest: Expression, factor: Expression = _ONE) -> Mixing:
    """Return the derivative that is an operator times a diagonal matrix."""
    return Mixing((Chain((_ONE, factor), (Operator(name, rest),)),))


def diagonal_chain(factor: Expression) -> Chain:
    """Return a diagonal matrix."""
    return Chain((factor,), ())


def _shortened(chain: Chain) -> Chain:
    """Replace pairs of operators whose product with the diagonal matrix between is diagonal."""
    diagonals, operators = list(chain.diagonals), list(chain.operators)
    index = 0
    while index + 1 < len(operators):
        one, other = operators[index : index + 2]
        if other.name in _SELECTIONS and one.is_same(other.transposed):
            product = safe_product(one(diagonals[index + 1]), diagonals[index + 2])
            merged = safe_product(diagonals[index], product)
            diagonals[index : index + 3] = [merged]
            del operators[index : index + 2]
            index = max(index - 1, 0)
        else:
            index += 1
    return _factored(Chain(tuple(diagonals), tuple(operators)))


class _Factors(NamedTuple):
    """An operator as a diagonal matrix, a running sum or a recurrence, and a diagonal matrix."""

    left: Expression
    operator: Operator
    right: Expression

    @property
    def transposed(self) -> _Factors:
        return _Factors(self.right, self.operator.transposed, self.left)


def _held(reverse: bool, start: Expression) -> _Factors:
    decay = node("where", start, 0, 1)
    return _Factors(_ONE, _recurrence(reverse, decay), node("where", start, 1, 0))


def _average(reverse: bool, x: Expression) -> _Factors:
    _, share, decay, total = running_shares(x, reverse)
    return _Factors(1 / total, _recurrence(reverse, decay), share)


def _recurrence(reverse: bool, decay: Expression) -> Operator:
    return Operator("reverse_recurrence" if reverse else "recurrence", (decay,))


_FACTORS: dict[str, Callable[..., _Factors]] = {
    "held": _held,
    "collected": lambda *given: _held(*given).transposed,
    "cumulative_average": _average,
    "cumulative_share": lambda *given: _average(*given).transposed,
}


def _factored(chain: Chain) -> Chain:
    """Write all operators that run along the row as running sums and recurrences."""
    diagonals, operators = list(chain.diagonals), list(chain.operators)
    for index, (name, rest) in enumerate(operators):
        make = _FACTORS.get(name.removeprefix("reverse_"))
        if make is not None:
            left, operators[index], right = make(name.startswith("reverse_"), *rest)
            diagonals[index] = safe_product(diagonals[index], left)
            diagonals[index + 1] = safe_product(diagonals[index + 1], right)
    return Chain(tuple(diagonals), tuple(operators))


def _own_entry(operator: Operator) -> Expression:
    """Return the diagonal of one operator."""
    if operator.name in _PERMUTATIONS:
        index = node("index")
        return node("where", node("equal", operator(index), index), 1, 0)
    return _ZERO if operator.name in _SHIFTS else _ONE


def _diagonal_of_pair(left: Operator, middle: Expression, right: Operator) -> Expression:
    """Return the diagonal of left · diag(middle) · right."""
    one, other = _decay(left), _decay(right)
    if one is not None and other is not None:
        if _runs_back(left) is _runs_back(right):
            return middle  # both are triangular, with ones on their diagonals
        # Entries of one times those of the other transposed: a recurrence with both decays.
        if _runs_back(left):
            return node("reverse_recurrence", middle, one * node("following", other, 1))
        return node("recurrence", middle, one * node("preceding", other, 1))
    if one is not None and right.name in _SHIFTS:
        if _runs_back(left) is (right.name == "following"):
            return _ZERO
        return safe_product(right.transposed(middle), one)
    if other is not None and left.name in _SHIFTS:
        if _runs_back(right) is (left.name == "following"):
            return _ZERO
        return left(safe_product(middle, other))
    message = f"one of {left.name} after {right.name}"
    raise NoDiagonalError(message)


def _decay(operator: Operator) -> Expression | None:
    """Return what the terms of a running sum are multiplied by from place to place."""
    if operator.name.endswith("cumulative_sum"):
        return _ONE
    return operator.rest[0] if operator.name.endswith("recurrence") else None


def _runs_back(operator: Operator) -> bool:
    return operator.name.startswith("reverse")
