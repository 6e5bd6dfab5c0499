"""Sines and cosines of multiples of pi, and the arctangent."""

from __future__ import annotations

import math

from lossary.formula.expression import Expression, node
from lossary.formula.special.coefficients import ARCTAN, SIN_PI
from lossary.formula.special.polynomial import polynomial

#: tan(pi / 8), and what pi / 4 and pi / 2 in float64 lack.
_EIGHTH = math.sqrt(2) - 1
_QUARTER_REST, _HALF_REST = 3.061616997868383e-17, 6.123233995736766e-17


def sin_pi(x: Expression) -> Expression:
    """Return sin(pi x). Every step before the polynomial is exact."""
    y = _in_turn(abs(x))
    is_second = 1 <= y
    y = node("where", is_second, y - 1, y)
    value = _sin_pi_up_to_half(node("where", y <= 0.5, y, 1 - y))
    value = node("where", is_second, -value, value)
    return node("where", x < 0, -value, value)


def cos_pi(x: Expression) -> Expression:
    """Return cos(pi x)."""
    y = _in_turn(abs(x))
    return _sin_pi_up_to_half(0.5 - node("where", y <= 1, y, 2 - y))


def _in_turn(size: Expression) -> Expression:
    """Return the rest of a division by 2, from 0 up to 2."""
    return size - 2 * node("floor", 0.5 * size)


def _sin_pi_up_to_half(u: Expression) -> Expression:
    return u * polynomial(SIN_PI, u * u)


def arctan(x: Expression) -> Expression:
    """Return the arctangent: a polynomial around 0, beside a multiple of pi / 4 beyond tan(pi / 8).

    arctan(x) = pi / 4 + arctan((x - 1) / (x + 1)) = pi / 2 - arctan(1 / x)
    """
    size = abs(x)
    is_near, is_far = size < _EIGHTH, 1 / _EIGHTH < size

    def chosen(near: object, middle: object, far: object) -> Expression:
        return node("where", is_near, near, node("where", is_far, far, middle))

    s = chosen(size, size - 1, -1) / chosen(1, size + 1, size)
    z = s * s
    rest = z * s * polynomial(ARCTAN, z) + chosen(0, _QUARTER_REST, _HALF_REST)
    value = chosen(0, math.pi / 4, math.pi / 2) + (s + rest)
    return node("where", x < 0, -value, value)
