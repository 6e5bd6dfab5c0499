"""What an error adds to minus the logarithm of Student's density, for all degrees of freedom.

With u = r / s and x = u^2 / nu it is (nu + 1) / 2 log(1 + x): a Gaussian's u^2 / 2 where nu is
infinite. Up to x = 1 it is (u^2 + x) / 2 times log(1 + x) / x, which is 1 at 0, so that nothing
that is nearly 0 is multiplied by what is nearly infinite; beyond, formulas are in 1 / x.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from lossary.formula.expression import Expression, node
from lossary.formula.special.excess import log1p_excess


class _Ratios(NamedTuple):
    """Of the error: u, u / nu, x up to 1, 1 / x beyond, 1 + either, and log(1 + x)."""

    u: Expression
    part: Expression
    is_near: Expression
    x: Expression
    inverse: Expression
    size: Expression
    logarithm: Expression


def _ratios(r: Expression, s: Expression, nu: Expression) -> _Ratios:
    u = r / s
    part, x = _shares(u, r, s, nu)
    is_near, is_usable = x <= 1, x < 1e30
    near, inverse = node("where", is_near, x, 0), 1 / node("where", is_near, 1, x)
    # Roots are in range where the ratio is not.
    root = node("sqrt", abs(r)) / node("sqrt", s) / node("sqrt", node("sqrt", nu))
    beyond = 4 * node("log", node("where", is_usable, 1, root))
    logarithm = node("where", is_usable, node("log1p", node("where", is_usable, x, 0)), beyond)
    size = 1 + node("where", is_near, near, inverse)
    return _Ratios(u, part, is_near, near, inverse, size, logarithm)


def _shares(
    u: Expression, r: Expression, s: Expression, nu: Expression
) -> tuple[Expression, Expression]:
    """Return u / nu and u^2 / nu, also where u or its square vanishes, and 0 for infinite nu."""
    length, root = abs(u), node("sqrt", nu)
    is_moderate = (1e-15 < length) & (length < 1e15)
    counted = node("where", node("equal", nu, math.inf), 0, u)
    is_early = (abs(r) < 1) & (nu < 1)
    y = node("where", is_early, r / node("where", is_early, root, 1) / s, counted / root)
    part = node("where", is_early, r, counted) / nu / node("where", is_early, s, 1)
    square = node("where", is_moderate, u, 0) * u / nu
    return part, node("where", is_moderate, square, y * y)


def student_t_tail(r: Expression, s: Expression, nu: Expression) -> Expression:
    """Return (nu + 1) / 2 log(1 + (r / s)^2 / nu)."""
    u, _, is_near, x, _, _, logarithm = _ratios(r, s, nu)
    is_tiny = x < 1e-20
    ratio = node("where", is_tiny, 1, node("log1p", x) / node("where", is_tiny, 1, x))
    near = 0.5 * ((u * u + x) * ratio)
    return node("where", is_near, near, 0.5 * (nu + 1) * logarithm)


def student_t_slopes(
    r: Expression, s: Expression, nu: Expression
) -> tuple[Expression, Expression, Expression]:
    """Return its derivatives along the error, the scale and the degrees of freedom."""
    u, _, is_near, x, _, size, logarithm = _ratios(r, s, nu)
    square = node("where", is_near, u * u + x, nu + 1)
    share = node("where", is_near, x, 1) / size
    # log(1 + x) less x / (1 + x), which is nearly as large where x is small.
    excess = node("where", is_near, log1p_excess(-node("where", is_near, share, 0)),
                  logarithm - share)  # fmt: skip
    return node("student_t_slope", r, s, nu), -(square / size / s), 0.5 * (excess - share / nu)


def student_t_slope(r: Expression, s: Expression, nu: Expression) -> Expression:
    """Return (nu + 1) r / (nu s^2 + r^2)."""
    u, part, is_near, _, _, size, _ = _ratios(r, s, nu)
    # A subnormal error is divided by a scale below 1 first: the quotient is a normal number.
    factor = _curvature_at_0(s, nu)
    is_direct = (abs(r) < 1e-30) & (s < 1) & (factor < math.inf)
    near = node("where", is_direct, r * node("where", is_direct, factor, 1), (u + part) / s)
    far = (nu + 1) / node("where", is_near, 1, r)
    return node("where", is_near, near, far) / size


def _curvature_at_0(s: Expression, nu: Expression) -> Expression:
    """Return (1 + 1 / nu) / s^2."""
    unit = 1 / s
    return (unit + unit / nu) / s


def student_t_curvatures(
    r: Expression, s: Expression, nu: Expression
) -> tuple[Expression, Expression, Expression]:
    """Return the derivatives of the slope."""
    _, _, is_near, x, inverse, size, _ = _ratios(r, s, nu)
    slope, error = node("student_t_slope", r, s, nu), node("where", is_near, 1, r)
    along = node(
        "where",
        is_near,
        _curvature_at_0(s, nu) * ((1 - x) / size),
        -((nu + 1) / error / error * ((1 - inverse) / size)),
    )
    rest = node("where", is_near, 1, inverse) / size
    share = node("where", is_near, x - 1 / nu, 1 - inverse / nu) / size
    return along / size, -2 * (slope / s) * rest, slope / (nu + 1) * share
