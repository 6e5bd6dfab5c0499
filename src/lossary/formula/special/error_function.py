"""The error function."""

from __future__ import annotations

from lossary.formula.expression import Expression, node
from lossary.formula.special.coefficients import ERF, ERFC
from lossary.formula.special.polynomial import polynomial


def erf(x: Expression) -> Expression:
    """Return the error function: an odd polynomial up to 1, 1 minus a scaled exponential beyond."""
    size = abs(x)
    inside = _between(x, -1, 1)
    near = inside + inside * polynomial(ERF, inside * inside)
    beyond = _between(size, 1, 6)  # from 6 on the complement is less than half a unit of 1
    complement = node("exp", -(beyond * beyond)) * polynomial(ERFC, (2 - beyond) / (2 + beyond))
    far = 1 - complement
    return node("where", size < 1, near, node("where", x < 0, -far, far))


def _between(x: Expression, low: float, high: float) -> Expression:
    return node("minimum", node("maximum", x, low), high)
