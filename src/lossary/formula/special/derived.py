"""Derivatives of expansions that are smooth: those of the polynomials themselves."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from lossary.formula.deferred import Deferred
from lossary.formula.expression import Expression, argument
from lossary.formula.gradient import own_derivative
from lossary.formula.rewrite import replace

Expansion = Callable[..., Expression]


def derivative_of(
    expansion: Expansion, operands: tuple[Expression, ...], index: int = 0
) -> Deferred:
    """Return the derivative of an expansion with respect to one of its operands."""

    def write() -> Expression:
        symbols, derivative = _of_symbols(expansion, len(operands), index)
        return replace(derivative, dict(zip(map(id, symbols), operands, strict=True)))

    return Deferred(write)


@lru_cache(maxsize=32)
def _of_symbols(
    expansion: Expansion, count: int, index: int
) -> tuple[tuple[Expression, ...], Expression]:
    """Return symbols for the operands, and the derivative of the expansion of these symbols."""
    symbols = tuple(argument(f"operand {number}") for number in range(count))
    return symbols, own_derivative(expansion(*symbols), symbols[index])
