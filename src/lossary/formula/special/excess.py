"""What exponentials and logarithms exceed their tangents by, and logarithms of quotients.

Near 0 the parts of the plain formulas cancel, so there they are polynomials. The limits between
the two forms are where the plain formula loses less than two bits.
"""

from __future__ import annotations

import math

from lossary.formula.expression import Expression, node
from lossary.formula.special.coefficients import EXPM1_EXCESS, LOG1P_EXCESS
from lossary.formula.special.polynomial import polynomial


def log1p_excess(x: Expression) -> Expression:
    """Return x - log(1 + x): infinite at -1 and at infinity."""
    is_near = (-0.5 <= x) & (x <= 1)
    y = node("where", is_near, x, 0)
    # log(1 + y) = 2 s + s^3 p(s^2), and y - 2 s = s y.
    s = y / (2 + y)
    z = s * s
    near = s * (y - z * polynomial(LOG1P_EXCESS, z))
    far = node("where", x < math.inf, x - node("log1p", x), x)
    return node("where", is_near, near, far)


def log1p_excess_slope(x: Expression) -> Expression:
    """Return x / (1 + x), whose derivative does not cancel for large x either."""
    is_near = x < 1
    y = node("where", is_near, x, 0)
    return node("where", is_near, y / (1 + y), 1 - 1 / (1 + node("where", is_near, 1, x)))


def expm1_excess(x: Expression) -> Expression:
    """Return exp(x) - 1 - x: infinite at both infinities."""
    is_near = abs(x) <= 1
    y = node("where", is_near, x, 0)
    far = node("where", x < math.inf, node("expm1", x) - x, x)
    return node("where", is_near, y * y * polynomial(EXPM1_EXCESS, y), far)


def log1mexp(x: Expression) -> Expression:
    """Return log(1 - exp(x)) (Mächler 2012, "Accurately computing log(1 - exp(-|a|))")."""
    is_near = -math.log(2) < x
    near = node("log", -node("expm1", node("where", is_near, x, -1)))
    return node("where", is_near, near, node("log1p", -node("exp", node("where", is_near, -1, x))))


def log_quotient(a: Expression, b: Expression) -> Expression:
    """Return log(a / b), also where a / b is beyond the range of the dtype; 0 where a is b."""
    is_near = (0.5 * b < a) & (a < 2 * b)
    near = node("log1p", node("where", is_near, (a - b) / b, 0))
    # On different sides of 1 their logarithms do not cancel. On one side the quotient is in range;
    # below 1 only once both are in units of 2^-64.
    unit = node("where", (a < 1) & (b < 1), 2.0**64, 1)
    a_scaled, b_scaled = a * unit, b * unit
    is_apart = ((a_scaled < 1) & (1 <= b_scaled)) | ((b_scaled < 1) & (1 <= a_scaled))
    first = node("log", node("where", is_apart, a_scaled, a / b))
    far = first - node("log", node("where", is_apart, b_scaled, 1))
    return node("where", is_near, near, node("where", node("equal", a, b), 0, far))


def log1p_square(x: Expression) -> Expression:
    """Return log(1 + x^2) without the square of a large x."""
    size = abs(x)
    is_near = size <= 1
    u = _up_to_1(x, is_near)
    return node("log1p", u * u) + node(
        "where", is_near, 0, 2 * node("log", node("where", is_near, 1, size))
    )


def log1p_square_slope(x: Expression) -> Expression:
    """Return 2 x / (1 + x^2), which is the same for x and 1 / x."""
    u = _up_to_1(x, abs(x) <= 1)
    return 2 * u / (1 + u * u)


def _up_to_1(x: Expression, is_near: Expression) -> Expression:
    """Return x where it is near 0, else 1 / x."""
    return node("where", is_near, x, 1 / node("where", is_near, 1, x))
