"""The logarithm of the gamma function and its derivatives, for positive arguments.

Up to 4 they are polynomials with factors that take away zeros and poles, one step of the
recurrence below 1; from 4 on they are Stirling's series.
"""

from __future__ import annotations

import math

from lossary.formula.expression import Expression, node
from lossary.formula.special.coefficients import (
    DIGAMMA,
    DIGAMMA_FAR,
    DIGAMMA_ROOT,
    LOG_GAMMA,
    LOG_GAMMA_FAR,
    TRIGAMMA,
    TRIGAMMA_FAR,
)
from lossary.formula.special.polynomial import polynomial


def log_gamma(x: Expression) -> Expression:
    """Return the logarithm of the gamma function: infinite at 0, NaN below."""
    logarithm = node("log", x)
    small = x < 1
    y = node("where", x < 4, x, 4)
    # The distances from the zeros 1 and 2: those of x + 1 where x is below 1.
    one, two = node("where", small, x, y - 1), node("where", small, x - 1, y - 2)
    near = one * two * polynomial(LOG_GAMMA, two / (two + 4))
    w = _at_least_4(x)
    rest = (math.log(2 * math.pi) - 1) / 2 + polynomial(LOG_GAMMA_FAR, 1 / (w * w)) / w
    far = (w - 0.5) * (logarithm - 1) + rest
    return node("where", x < 4, near - node("where", small, logarithm, 0), far)


def digamma(x: Expression) -> Expression:
    """Return the derivative of log_gamma."""
    small, y = _stepped(x)
    high, low, lowest = DIGAMMA_ROOT
    from_root = node("where", small, x - (high - 1), y - high) - low - lowest
    near = from_root * ((y + 2) / y) * polynomial(DIGAMMA, (y - 2) / (y + 2))
    w = _at_least_4(x)
    z = 1 / (w * w)
    far = node("log", x) - (0.5 / w - z * polynomial(DIGAMMA_FAR, z))
    return _nan_below_0(x, near - node("where", small, 1 / abs(x), 0), far)


def trigamma(x: Expression) -> Expression:
    """Return the derivative of digamma."""
    small, y = _stepped(x)
    near = (y + 2) / (y * y) * polynomial(TRIGAMMA, (y - 2) / (y + 2))
    w = _at_least_4(x)
    z = 1 / (w * w)
    far = (1 + (0.5 / w + z * polynomial(TRIGAMMA_FAR, z))) / w
    inverse = 1 / x
    return _nan_below_0(x, near + node("where", small, inverse * inverse, 0), far)


def _stepped(x: Expression) -> tuple[Expression, Expression]:
    """Return the condition x < 1, and x + 1 where it holds, else x, at most 4."""
    small = x < 1
    return small, node("where", small, x + 1, node("where", x < 4, x, 4))


def _at_least_4(x: Expression) -> Expression:
    return node("where", x < 4, 4, x)


def _nan_below_0(x: Expression, near: Expression, far: Expression) -> Expression:
    return node("where", x < 0, math.nan, node("where", x < 4, near, far))
