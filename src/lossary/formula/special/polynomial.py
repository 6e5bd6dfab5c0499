"""Polynomials of an expression."""

from __future__ import annotations

from collections.abc import Sequence

from lossary.formula.expression import Expression, literal


def polynomial(coefficients: Sequence[float], x: Expression) -> Expression:
    """Return a polynomial of x by Horner's rule; the coefficient of lowest degree comes first."""
    total = literal(coefficients[-1])
    for coefficient in coefficients[-2::-1]:
        total = total * x + coefficient
    return total
