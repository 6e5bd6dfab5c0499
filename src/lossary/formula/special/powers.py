"""Powers of 1 + d less their tangents, for every exponent: at and near 0 and 1 they are logarithms.

With l = log(1 + d), both functions are divided differences of the exponential function: box_cox is
l exp[0, w] with w = lambda l, and power_gap is l^2 exp[0, l, q l]. Where the nodes are near 0, they
are polynomials; elsewhere plain quotients of differences that do not cancel.
"""

from __future__ import annotations

import math

from lossary.formula.expression import Expression, literal, node
from lossary.formula.special.coefficients import EXPM1_EXCESS
from lossary.formula.special.polynomial import polynomial

#: Number of terms of the series: for nodes up to 1 the rest is below 2^-55.
_TERMS = 18


def box_cox(d: Expression, exponent: Expression) -> Expression:
    """Return ((1 + d)^exponent - 1) / exponent, log(1 + d) for exponent 0."""
    return _box_cox(1 + d, node("log1p", d), exponent)


def power_gap(d: Expression, q: Expression) -> Expression:
    """Return ((1 + d)^q - 1 - q d) / (q (q - 1)), and its limits for q = 0 and q = 1."""
    ratio, a = 1 + d, node("log1p", d)
    b = node("scale", q, a)
    is_near = (abs(a) <= 1) & (abs(b) <= 1)
    near = a * a * second_difference(node("where", is_near, a, 0), node("where", is_near, b, 0))
    is_low = q <= 0.5
    low = (d - _box_cox(ratio, a, q)) / node("where", is_low, 1 - q, 1)
    high = node("scale", ratio, _box_cox(ratio, a, q - 1)) - d
    high = high / node("where", is_low, 1, q)
    far = node("where", d < math.inf, node("where", is_low, low, high), d)
    return node("where", is_near, near, far)


def _box_cox(ratio: Expression, logarithm: Expression, exponent: Expression) -> Expression:
    w = node("scale", exponent, logarithm)
    is_near = abs(w) < 1
    y = node("where", is_near, w, 0)
    near = logarithm * (1 + y * polynomial(EXPM1_EXCESS, y))
    # An error of the logarithm counts w times, that of the ratio as often as the exponent says.
    is_unit = (0.5 < ratio) & (ratio < 2)
    power = node("power", node("where", is_unit | is_near, 1, ratio), exponent) - 1
    far = node("where", is_unit, node("expm1", node("where", is_unit, w, 0)), power)
    return node("where", is_near, near, far / node("where", is_near, 1, exponent))


def second_difference(a: Expression, b: Expression, terms: int = _TERMS) -> Expression:
    """Return exp[0, a, b], the sum of h_k / (k + 2)! with h_k = a^k + a^(k-1) b + ... + b^k."""
    power, homogeneous = literal(1), literal(1)
    rest = literal(0)
    for k in range(1, terms):
        power = power * a
        homogeneous = power + b * homogeneous
        rest = rest + homogeneous * (1 / math.factorial(k + 2))
    return 0.5 + rest
