"""Amari's alpha divergence of two exponentials: accurate for every alpha, at and near 0 and 1 too.

With P = exp(x), T = exp(t) and B = T^alpha P^(1 - alpha) it is
(B - alpha T - (1 - alpha) P) / (alpha (alpha - 1)), and stays the same where x and t change places
and alpha becomes 1 - alpha. So let m be the smaller of both and M the larger one, l >= 0 the
difference of their logarithms and a the exponent of M: it is m l^2 exp[0, l, a l], a divided
difference of the exponential function. Where its nodes are small it is a series without negative
terms for a from 0 to 1; elsewhere nothing cancels.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from lossary.formula.expression import Expression, node
from lossary.formula.special.coefficients import EXPM1_EXCESS
from lossary.formula.special.polynomial import polynomial
from lossary.formula.special.powers import second_difference

#: For nodes up to 2 the rest is below 2^-54 of the sum.
_TERMS = 26


class _Pair(NamedTuple):
    """Two logarithms and their gap; a and 1 - a; and the gap times a and a - 1."""

    is_below: Expression
    low: Expression
    high: Expression
    gap: Expression
    a: Expression
    rest: Expression
    w: Expression
    v: Expression


def _pair(x: Expression, t: Expression, alpha: Expression) -> _Pair:
    is_below = t < x
    low, high = node("where", is_below, t, x), node("where", is_below, x, t)
    gap = node("difference_or_zero", high, low)
    a, rest = node("where", is_below, 1 - alpha, alpha), node("where", is_below, alpha, 1 - alpha)
    w, v = node("scale", a, gap), -node("scale", rest, gap)
    return _Pair(is_below, low, high, gap, a, rest, w, v)


def _mean(pair: _Pair) -> Expression:
    """Return B: from the logarithm that it is nearer to, with the rounding error of the gap."""
    _, low, high, gap, a, rest, w, v = pair
    is_low = a <= 0.5
    base, exponent = node("where", is_low, low, high), node("where", is_low, w, v)
    exponent = node("where", is_low & node("equal", low, -math.inf), 0, exponent)
    # Knuth's TwoSum: high - low = gap + lost, exactly.
    back = gap - high
    lost = (high - (gap - back)) - (low + back)
    lost = node("stop", node("where", node("is_finite", lost), lost, 0))
    factor = node("where", is_low, a, -rest)
    return node("exp_difference", base, -exponent) * (1 + factor * lost)


def _box_cox(gap: Expression, w: Expression) -> Expression:
    """Return (exp(w) - 1) / w times a difference, where w is a multiple of it, up to 1."""
    return gap * (1 + w * polynomial(EXPM1_EXCESS, w))


def alpha_divergence(x: Expression, t: Expression, alpha: Expression) -> Expression:
    """Return the divergence: T / (1 - alpha) for P = 0 and alpha below 1, else infinity."""
    pair = _pair(x, t, alpha)
    _, low, high, gap, a, rest, w, v = pair
    smaller, larger, mean = node("exp", low), node("exp", high), _mean(pair)
    is_near = (gap <= 2) & (abs(w) <= 2)
    near_gap, near_w = node("where", is_near, gap, 0), node("where", is_near, w, 0)
    near = smaller * near_gap * near_gap * second_difference(near_gap, near_w, _TERMS)
    difference = larger * -node("expm1", -gap)
    is_low, at_0, at_1 = a <= 0.5, abs(w) < 1, abs(v) < 1
    of_smaller = node(
        "where",
        at_0,
        node("scale", smaller, _box_cox(gap, node("where", at_0, w, 0))),
        (mean - smaller) / node("where", at_0, 1, a),
    )
    of_larger = node(
        "where",
        at_1,
        node("scale", larger, _box_cox(gap, node("where", at_1, v, 0))),
        (larger - mean) / node("where", at_1, 1, rest),
    )
    from_low = (difference - of_smaller) / node("where", is_low, rest, 1)
    from_high = (of_larger - difference) / node("where", is_low, 1, a)
    return node("where", is_near, near, node("where", is_low, from_low, from_high))


def alpha_slope(x: Expression, t: Expression, alpha: Expression) -> Expression:
    """Return its derivative along x, (P - B) / alpha: P (x - t) for alpha = 0."""
    pair = _pair(x, t, alpha)
    y = node("where", pair.is_below, pair.v, pair.w)
    gap = node("where", pair.is_below, -pair.gap, pair.gap)
    return _slope(node("exp", x), _mean(pair), gap, y, alpha)


def alpha_slope_along_target(x: Expression, t: Expression, alpha: Expression) -> Expression:
    """Return its derivative along t, (B - T) / (alpha - 1): T (t - x) for alpha = 1."""
    pair = _pair(x, t, alpha)
    y = node("where", pair.is_below, pair.w, pair.v)
    gap = node("where", pair.is_below, pair.gap, -pair.gap)
    return _slope(node("exp", t), _mean(pair), gap, y, 1 - alpha)


def _slope(
    own: Expression, mean: Expression, gap: Expression, y: Expression, share: Expression
) -> Expression:
    """Return (own - mean) / share, where the mean is exp(y) times as large and y share * gap."""
    is_near = abs(y) < 1
    near = node("scale", own, _box_cox(gap, node("where", is_near, y, 0)))
    far = (mean - own) / node("where", is_near, 1, share)
    return -node("where", is_near, near, far)


def alpha_slopes(x: Expression, t: Expression, alpha: Expression) -> tuple[Expression, Expression]:
    """Return the derivatives of the one along x: along x and along t."""
    mean = _mean(_pair(x, t, alpha))
    finite = node("where", mean < math.inf, node("alpha_slope", x, t, alpha), 0)
    return finite + mean, -mean
