"""Deviances of Tweedie's distributions, and Barron's general robust loss."""

from __future__ import annotations

import math
from typing import NamedTuple

from lossary.formula.expression import Expression, literal, node
from lossary.formula.special.coefficients import EXPM1_EXCESS
from lossary.formula.special.excess import log1p_square
from lossary.formula.special.hypotenuse import hypot, hypot_share
from lossary.formula.special.polynomial import polynomial
from lossary.formula.special.powers import box_cox_of_ratio, log_ratio, power_gap_of


# --- Tweedie --------------------------------------------------------------------------------
# With p the power, q = 2 - p and d = (t - mu) / mu the deviance is 2 mu^q power_gap(d, q).
def tweedie_deviance(mu: Expression, t: Expression, p: Expression) -> Expression:
    """Return the deviance of a target t from a mean mu. A negative t counts as 0 in t^q.

    For p = 0 it is the squared error, of any t.
    """
    q = 2 - p
    is_negative = t < 0
    ratio, d = _ratio(mu, node("where", is_negative, mu, t))
    gap = power_gap_of(ratio, log_ratio(ratio, d), d, q)
    # Without t^q there remain two terms, neither of which is negative for p < 0.
    safe = node("where", is_negative, q, 2)
    rest = 1 / safe - (t / mu) / (safe - 1)
    value = 2 * node("power", mu, q) * node("where", is_negative, rest, gap)
    return node("where", node("equal", p, 0), (mu - t) * (mu - t), value)


def tweedie_slope(mu: Expression, t: Expression, p: Expression) -> Expression:
    """Return the derivative along the mean."""
    return 2 * (mu - t) * node("power", mu, -p)


def tweedie_curvature(mu: Expression, t: Expression, p: Expression) -> Expression:
    """Return the second derivative along the mean, whose two terms are added for p from 0 to 1."""
    return 2 * (node("scale", 1 - p, mu) + p * t) * node("power", mu, -p - 1)


def tweedie_slope_along_target(mu: Expression, t: Expression, p: Expression) -> Expression:
    """Return the derivative along the target: 2 (max(t, 0)^(1-p) - mu^(1-p)) / (1 - p)."""
    exponent = 1 - p
    is_negative = t < 0
    ratio, d = _ratio(mu, node("where", is_negative, mu, t))
    transform = box_cox_of_ratio(ratio, d, exponent)
    rest = -1 / node("where", is_negative, exponent, 1)
    value = 2 * node("power", mu, exponent) * node("where", is_negative, rest, transform)
    return node("where", node("equal", p, 0), 2 * (t - mu), value)


def tweedie_log_slope(x: Expression, t: Expression, p: Expression) -> Expression:
    """Return the derivative of the deviance from a mean exp(x) along x."""
    mu = node("exp", x)
    return 2 * (mu - t) * node("power", mu, 1 - p)


def tweedie_log_curvature(x: Expression, t: Expression, p: Expression) -> Expression:
    """Return its second derivative: terms that are not negative for p from 1 to 2."""
    mu = node("exp", x)
    factor = node("power", mu, 1 - p)
    return 2 * (node("scale", 2 - p, mu * factor) + node("scale", p - 1, t * factor))


def _ratio(mu: Expression, t: Expression) -> tuple[Expression, Expression]:
    return t / mu, (t - mu) / mu


# --- the general robust loss ----------------------------------------------------------------
# With b = |alpha - 2| and y = x / sqrt(b) it is b / alpha ((1 + y^2)^(alpha / 2) - 1). For infinite
# alpha it is exp(x^2 / 2) - 1 or 1 - exp(-x^2 / 2): the same with b = 1 and alpha = 1 or -1 where
# x^2 takes the place of log(1 + y^2).
class _Robust(NamedTuple):
    """What the loss and its derivatives are made of."""

    is_square: Expression
    is_limit: Expression
    alpha: Expression
    b: Expression
    y: Expression
    logarithm: Expression


def _robust_parts(x: Expression, alpha: Expression) -> _Robust:
    b = abs(alpha - 2)
    is_square, is_limit = node("equal", b, 0), node("equal", b, math.inf)
    b = node("where", is_square | is_limit, 1, b)
    y = x / node("sqrt", b)
    logarithm = node("where", is_limit, x * x, log1p_square(y))
    alpha = node("where", is_limit, node("sign", alpha), alpha)
    return _Robust(is_square, is_limit, alpha, b, y, logarithm)


def general_robust(x: Expression, alpha: Expression) -> Expression:
    """Return Barron's loss of an error x: x^2 / 2 for alpha = 2, log(1 + x^2 / 2) for 0."""
    is_square, is_limit, alpha, b, y, logarithm = _robust_parts(x, alpha)
    w = node("scale", 0.5 * alpha, logarithm)
    is_near, is_unit = abs(w) < 1, is_limit | (logarithm < 3)
    small = node("where", is_near, w, 0)
    near = 0.5 * b * logarithm * (1 + small * polynomial(EXPM1_EXCESS, small))
    # An error of the logarithm counts w times, that of the root as often as alpha says.
    power = node("power", node("where", is_near | is_unit, 1, hypot(literal(1), y)), alpha) - 1
    far = node("where", is_unit, node("expm1", node("where", is_unit, w, 0)), power)
    far = b * (far / node("where", is_near, 1, alpha))
    return node("where", is_square, 0.5 * x * x, node("where", is_near, near, far))


def general_robust_slope(x: Expression, alpha: Expression) -> Expression:
    """Return its derivative x (1 + y^2)^((alpha - 2) / 2)."""
    parts = _robust_parts(x, alpha)
    slope = x * node("where", parts.is_square, 1, _robust_weight(parts))
    # Of an infinite error, or NaN, there is the limit of |x|^(alpha - 1).
    is_one = node("equal", alpha, 1)
    limit = node("where", alpha < 1, 0 * node("sign", x), node("where", is_one, node("sign", x), x))
    return node("where", node("is_finite", x), slope, limit)


def _robust_weight(parts: _Robust) -> Expression:
    """Return (1 + y^2)^((alpha - 2) / 2)."""
    exponent = node("where", parts.is_limit, parts.alpha, parts.alpha - 2)
    is_unit = parts.is_limit | (parts.logarithm < 3)
    near = node("exp", 0.5 * exponent * node("where", is_unit, parts.logarithm, 0))
    far = node("power", node("where", is_unit, 1, hypot(literal(1), parts.y)), exponent)
    return node("where", is_unit, near, far)


def general_robust_curvature(x: Expression, alpha: Expression) -> Expression:
    """Return its second derivative (1 + y^2)^((alpha - 4) / 2) (1 + (alpha - 1) y^2)."""
    parts = _robust_parts(x, alpha)
    first, second = hypot_share(literal(1), parts.y), hypot_share(parts.y, literal(1))
    share = first * first + node("scale", alpha - 1, second * second)
    share = node("where", parts.is_limit, 1 + parts.alpha * x * x, share)
    weight = _robust_weight(parts)
    return node("where", parts.is_square, 1, node("safe_product", share, weight))
