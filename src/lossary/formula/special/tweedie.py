"""Deviances of Tweedie's distributions for every power, also at and near the powers 1 and 2.

With p the power, q = 2 - p, l = log(t / mu), a = mu^q, b = max(t, 0)^q and c = t mu^(q - 1) the
deviance is 2 (b / (q (q - 1)) - c / (q - 1) + a / q). Where mean and target are near, that is
2 a l^2 exp[0, l, q l], a divided difference of the exponential function. Near a pole the quotient
there is a divided difference too; elsewhere nothing cancels.
"""

from __future__ import annotations

import math

from lossary.formula.expression import Expression, node, number
from lossary.formula.special.coefficients import EXPM1_EXCESS
from lossary.formula.special.excess import log_quotient
from lossary.formula.special.polynomial import polynomial
from lossary.formula.special.powers import second_difference


def tweedie_deviance(mu: Expression, t: Expression, p: Expression) -> Expression:
    """Return the deviance of a target t from a mean mu: the squared error for p = 0."""
    if number(p) == 1.5:
        return _deviance_of_roots(mu, t)
    q = 2 - p
    positive = _positive(t)
    logarithm = log_quotient(positive, mu)
    value = _deviance(logarithm, node("power", mu, q), node("power", positive, q), q,
                      _of_mean(mu, t, q - 1))  # fmt: skip
    return node("where", node("equal", p, 0), (mu - t) * (mu - t), value)


def _deviance_of_roots(mu: Expression, t: Expression) -> Expression:
    """Return the deviance for p = 3/2: 4 (sqrt(mu) - sqrt(t))^2 / sqrt(mu)."""
    positive = _positive(t)
    root = node("sqrt", mu)
    difference = (mu - positive) / (root + node("sqrt", positive))
    value = difference * (difference / root)
    value = node("where", t < 0, root + t / root, value)
    value = 4 * node("where", node("equal", mu, t), 0, value)
    return node("where", (mu < math.inf) & (t < math.inf), value, (mu - t) * (mu - t))


def tweedie_deviance_of_log(x: Expression, t: Expression, p: Expression) -> Expression:
    """Return the deviance from a mean exp(x), which may be beyond the dtype's range."""
    q = 2 - p
    positive = _positive(t)
    logarithm = _log_ratio_of_log(x, positive)
    mu_to_q = node("exp", node("scale", q, x))
    return _deviance(logarithm, mu_to_q, node("power", positive, q), q, _of_log(x, t, q - 1))


def _deviance(
    log_ratio: Expression, a: Expression, b: Expression, q: Expression, c: Expression
) -> Expression:
    w, v = node("scale", q, log_ratio), node("scale", q - 1, log_ratio)
    is_near = (abs(log_ratio) <= 1) & (abs(w) <= 1)
    near_l, near_w = node("where", is_near, log_ratio, 0), node("where", is_near, w, 0)
    near = a * log_ratio * log_ratio * second_difference(near_l, near_w)
    # From here on mean and target are far apart, or q is large. Up to 1/2 the pole of q = 0 may be
    # near, else that of q = 1.
    is_low = q <= 0.5
    at_0, at_1 = abs(w) < 1, abs(v) < 1
    low_q = node("where", is_low & ~at_0, q, 1)
    low = node(
        "where", at_0, c - a - a * _box_cox(log_ratio, w), c - b / low_q + a * ((1 - q) / low_q)
    )
    low = low / node("where", is_low, 1 - q, 1)
    high_q = node("where", is_low, 2, q)
    r = node("where", at_1, 1, high_q - 1)
    high = node(
        "where", at_1, node("scale", c, _box_cox(log_ratio, v) - 1) + a, (b - high_q * c) / r + a
    )
    far = node("where", is_low, low, high / high_q)
    # The larger term decides where it is infinite.
    far = node("where", c < math.inf, node("where", a < math.inf, far, a), c)
    return 2 * node("where", is_near, near, far)


def _box_cox(log_ratio: Expression, w: Expression) -> Expression:
    """Return (exp(w) - 1) / w times a logarithm, where w is a multiple of it."""
    y = node("where", abs(w) < 1, w, 0)
    return log_ratio * (1 + y * polynomial(EXPM1_EXCESS, y))


def _positive(t: Expression) -> Expression:
    return node("where", t < 0, 0, t)


def _of_mean(mu: Expression, t: Expression, exponent: Expression) -> Expression:
    """Return t mu^exponent, in range wherever that is."""
    half = node("power", mu, 0.5 * exponent)
    return node("where", node("equal", t, 0), 0, t * half * half)


def _of_log(x: Expression, t: Expression, exponent: Expression) -> Expression:
    """Return t exp(exponent x), in range wherever that is."""
    half = node("exp", 0.5 * node("scale", exponent, x))
    return node("where", node("equal", t, 0), 0, t * half * half)


def _log_ratio_of_log(x: Expression, t: Expression) -> Expression:
    """Return log(t) - x: from exp(x) where the terms would cancel, as log(t) is rounded."""
    direct = node("difference_or_zero", node("log", t), x)
    # There exp(x / 2) and t / exp(x / 2) are normal numbers in every dtype, of one order.
    cancels = (1 <= abs(x)) & (abs(x) < math.inf) & (4 * abs(direct) < abs(x))
    root = node("exp", node("where", cancels, 0.5 * x, 0))
    return node("where", cancels, log_quotient(node("where", cancels, t, 1) / root, root), direct)


# --- derivatives along the mean -------------------------------------------------------------
def tweedie_slope(mu: Expression, t: Expression, p: Expression) -> Expression:
    """Return the derivative along the mean, 2 (mu - t) mu^-p."""
    is_low = p < 1  # then means of 0 are allowed, else the relative error is in range
    error, exponent = (mu - t) / node("where", is_low, 1, mu), node("where", is_low, -p, 1 - p)
    return 2 * error * node("power", mu, exponent)


def tweedie_curvature(mu: Expression, t: Expression, p: Expression) -> Expression:
    """Return the second derivative along the mean, 2 ((1 - p) mu + p t) mu^(-p - 1)."""
    is_square, is_low = node("equal", p, 0), p < 1
    share = (node("scale", 1 - p, mu) + p * t) / node("where", is_square, 1, mu)
    exponent = node("where", is_low, -p, 1 - p)
    value = share * node("power", mu, exponent) / node("where", is_low, 1, mu)
    return 2 * node("where", is_square, 1, value)


def tweedie_log_slope(x: Expression, t: Expression, p: Expression) -> Expression:
    """Return the derivative along x of the deviance from a mean exp(x)."""
    mu = node("exp", x)
    is_near = (0 < t) & (t <= 4 * mu) & (mu <= 4 * t)
    # A mean and a target that are subnormal numbers both are divided by the mean's root.
    root = node("exp", 0.5 * x)
    error = root - t / node("where", is_near, root, 1)
    near = node("where", is_near, error, 0) * node("exp", node("scale", 1.5 - p, x))
    far = node("exp", node("scale", 2 - p, x)) - _of_log(x, t, 1 - p)
    return 2 * node("where", is_near, near, far)


def tweedie_log_curvature(x: Expression, t: Expression, p: Expression) -> Expression:
    """Return its second derivative: terms that are not negative for p from 1 to 2."""
    of_mean = node("exp", node("scale", 2 - p, x))
    return 2 * (node("scale", 2 - p, of_mean) + node("scale", p - 1, _of_log(x, t, 1 - p)))


# --- derivatives along the target -----------------------------------------------------------
def tweedie_slope_along_target(mu: Expression, t: Expression, p: Expression) -> Expression:
    """Return the derivative along the target: 2 (max(t, 0)^(1-p) - mu^(1-p)) / (1 - p)."""
    positive, exponent = _positive(t), 1 - p
    powers = node("power", positive, exponent), node("power", mu, exponent)
    value = _power_difference(log_quotient(positive, mu), *powers, exponent)
    return 2 * node("where", node("equal", p, 0), t - mu, value)


def tweedie_log_slope_along_target(x: Expression, t: Expression, p: Expression) -> Expression:
    """Return the same for a mean exp(x)."""
    positive, exponent = _positive(t), 1 - p
    powers = node("power", positive, exponent), node("exp", node("scale", exponent, x))
    return 2 * _power_difference(_log_ratio_of_log(x, positive), *powers, exponent)


def _power_difference(
    log_ratio: Expression, of_target: Expression, of_mean: Expression, exponent: Expression
) -> Expression:
    """Return (of_target - of_mean) / exponent, given the logarithm of the ratio of their bases."""
    w = node("scale", exponent, log_ratio)
    is_near = abs(w) < 1
    far = (of_target - of_mean) / node("where", is_near, 1, exponent)
    return node("where", is_near, of_mean * _box_cox(log_ratio, w), far)
