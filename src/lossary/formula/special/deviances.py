"""Deviances and scores of distributions, and Barron's general robust loss."""

from __future__ import annotations

import math
from typing import NamedTuple

from lossary.formula.expression import Expression, literal, node
from lossary.formula.special.coefficients import EXPM1_EXCESS
from lossary.formula.special.error_function import erf
from lossary.formula.special.excess import log1p_excess, log1p_square, log_quotient
from lossary.formula.special.hypotenuse import hypot, hypot_share
from lossary.formula.special.polynomial import polynomial


# --- Poisson --------------------------------------------------------------------------------
def poisson_deviance(mu: Expression, t: Expression) -> Expression:
    """Return 2 (t log(t / mu) - t + mu): 2 mu for a target t of 0."""
    return _poisson_deviance(mu, t, mu - t, log_quotient(t, mu))


def poisson_deviance_of_log(x: Expression, t: Expression) -> Expression:
    """Return the deviance from a mean exp(x), which may be beyond the dtype's range."""
    mu = node("exp", x)
    error = node("where", abs(x) < 0.5, node("expm1", x) - (t - 1), mu - t)
    return _poisson_deviance(mu, t, error, node("difference_or_zero", node("log", t), x))


def _poisson_deviance(
    mu: Expression, t: Expression, error: Expression, logarithm: Expression
) -> Expression:
    """Return the deviance, given mu - t and log(t / mu): infinite for infinite means."""
    is_near = (t <= 4 * mu) & (mu <= 4 * t) & (0 < t)
    d = node("where", is_near, error, 0) / node("where", is_near, t, 1)
    near = t * log1p_excess(d)
    far = node("scale", node("where", mu < math.inf, t, 0), logarithm) + error
    return 2 * node("where", is_near, near, far)


def poisson_slope(mu: Expression, t: Expression) -> Expression:
    """Return its derivative along the mean: 2 where the target is 0."""
    return 2 * node("where", node("equal", t, 0), 1, _relative_error(mu, t))


def _relative_error(mu: Expression, t: Expression) -> Expression:
    """Return (mu - t) / mu, and its limit for infinite means."""
    return node("where", node("equal", mu, math.inf), 1, (mu - t) / mu)


# --- gamma ----------------------------------------------------------------------------------
def gamma_deviance(mu: Expression, t: Expression) -> Expression:
    """Return 2 (log(mu / t) + t / mu - 1)."""
    is_near = mu <= 4 * t
    d = -_relative_error(mu, t)
    near = log1p_excess(node("where", is_near, d, 0))
    return 2 * node("where", is_near, near, d - log_quotient(t, mu))


def gamma_slope(mu: Expression, t: Expression) -> Expression:
    """Return its derivative along the mean."""
    return 2 * (_relative_error(mu, t) / mu)


def gamma_slope_along_target(mu: Expression, t: Expression) -> Expression:
    """Return its derivative along the target: 2 (1 / mu - 1 / t)."""
    is_low = mu < t
    larger, smaller = node("where", is_low, t, mu), node("where", is_low, mu, t)
    return 2 * ((t - mu) / larger / smaller)


# --- the continuous ranked probability score of a Gaussian ----------------------------------
def gaussian_crps(error: Expression, scale: Expression) -> Expression:
    """Return the score of an error, given the standard deviation: a sum without cancellation."""
    u = error / scale
    return error * erf(math.sqrt(0.5) * u) + scale * gaussian_crps_scale_slope(u)


def gaussian_crps_scale_slope(u: Expression) -> Expression:
    """Return its derivative along the scale, (sqrt(2) exp(-u^2 / 2) - 1) / sqrt(pi)."""
    bell = math.sqrt(2) * node("expm1", -0.5 * (u * u))
    return (bell + (math.sqrt(2) - 1)) / math.sqrt(math.pi)


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
