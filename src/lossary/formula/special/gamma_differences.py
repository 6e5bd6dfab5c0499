"""Differences of logarithms of the gamma function less their leading terms, which would cancel."""

from __future__ import annotations

import math

from lossary.formula.expression import Expression, literal, node
from lossary.formula.special.coefficients import HALF_STEP, HALF_STEP_FAR, LOG_GAMMA_FAR
from lossary.formula.special.polynomial import polynomial
from lossary.formula.special.powers import power_gap


def log_gamma_half_step(x: Expression) -> Expression:
    """Return log_gamma(x + 1/2) - log_gamma(x) - log(x) / 2: 0 at infinity."""
    # The derivative of the polynomial is least accurate where y is 1.
    small, tiny = x < 2, x < 0.25
    y = node("where", small, x + 1, node("where", x < 4, x, 4))
    near = polynomial(HALF_STEP, (y - 2) / (y + 2)) / y
    # The same at x + 1, and half the logarithm of 4 x (x + 1) / (2 x + 1)^2.
    double = 2 * node("where", small, x, 1) + 1
    square = double * double
    first = node("log", 4 * node("where", tiny, x * (x + 1), 1) / square)
    step = node("where", tiny, first, node("log1p", -1 / node("where", tiny, 4, square)))
    near = near + node("where", small, 0.5 * step, 0)
    z = 1 / node("where", x < 4, 4, x)
    far = z * polynomial(HALF_STEP_FAR, z * z)
    value = node("where", x < 4, near, far)
    return node("where", x < 0, math.nan, value)


def log_rising_excess(r: Expression, t: Expression) -> Expression:
    """Return log_gamma(r + t) - log_gamma(r) - t log(r): 0 where r is infinite.

    From 5 on that is r power_gap(t / r, 1) - log(1 + t / r) / 2 + rest(r + t) - rest(r), where
    rest(x) is what Stirling's series has beyond its leading terms. Below, four steps of the
    recurrence lead there.
    """
    small, endless = r < 5, node("equal", r, math.inf)
    w = node("where", small, r + 4, node("where", endless, 5, r))
    d = t / w
    far = w * power_gap(d, literal(1)) - 0.5 * node("log1p", d) + _rest_difference(w, t)
    s = node("where", small, r, 1)
    steps = t * node("log1p", 4 / s)
    for k in range(4):
        steps = steps - node("log1p", t / (s + k))
    value = node("where", node("equal", t, math.inf), t, far + node("where", small, steps, 0))
    return node("where", endless, 0, value)


def _rest_difference(x: Expression, t: Expression) -> Expression:
    """Return rest(x + t) - rest(x), with rest(x) = u p(u^2) and u = 1 / x."""
    u, v = 1 / x, 1 / (x + t)
    a, b = u * u, v * v
    # p(a) by Horner's rule, and beside it the divided difference of p between a and b.
    value, slope = literal(LOG_GAMMA_FAR[-1]), literal(0)
    for coefficient in LOG_GAMMA_FAR[-2::-1]:
        slope = slope * b + value
        value = value * a + coefficient
    # v p(b) - u p(a) = (v - u) (p(b) + u (u + v) (p(b) - p(a)) / (b - a)), v - u = -t u v.
    at_b = value + (b - a) * slope
    return -(t * v) * u * (at_b + u * (u + v) * slope)
