"""Derivatives of expansions that are smooth: those of the polynomials themselves."""

from __future__ import annotations

from collections.abc import Callable

from lossary.formula.expression import Expression, argument
from lossary.formula.gradient import own_derivative
from lossary.formula.rewrite import replace


def derivative_of(
    expansion: Callable[..., Expression], operands: tuple[Expression, ...], index: int = 0
) -> Expression:
    """Return the derivative of an expansion with respect to one of its operands."""
    symbols = [argument(f"operand {number}") for number in range(len(operands))]
    derivative = own_derivative(expansion(*symbols), symbols[index])
    return replace(derivative, dict(zip(map(id, symbols), operands, strict=True)))
