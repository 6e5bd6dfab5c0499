"""Entropy and divergence of softmaxes: sums over classes of which no term is negative."""

from __future__ import annotations

import math

from lossary.formula.expression import Expression, node
from lossary.formula.rewrite import expand
from lossary.formula.special.excess import expm1_excess


def entropy(x: Expression) -> Expression:
    """Return the sum of p times the negative logarithm of p, for p the softmax."""
    surprise = node("negative_log_softmax", x)
    return expand(node("sum", node("scale", node("softmax", x), surprise)))


def entropy_slope(x: Expression) -> Expression:
    """Return p (-log p - H): derived from the sum, it would have terms that cancel."""
    surprise = node("negative_log_softmax", x) - node("entropy_of_softmax", x)
    return expand(node("scale", node("softmax", x), surprise))


def divergence(x: Expression, y: Expression, temperature: Expression) -> Expression:
    """Return the sum of q log(q / p), for p and q the softmaxes of x and y over the temperature.

    As p and q sum to 1, q (exp(-u) - 1 + u) for u = log(q / p) has the same sum, and is not
    negative.
    """
    p, q = _softmaxes(x, y, temperature)
    ratio = _log_ratio(x, y, temperature)
    is_near = abs(ratio) < 1
    near = q * expm1_excess(-node("where", is_near, ratio, 0))
    far = (p - q) + node("scale", q, ratio)
    return expand(node("sum", node("where", is_near, near, far)))


def divergence_slopes(
    x: Expression, y: Expression, temperature: Expression
) -> tuple[Expression, Expression, Expression]:
    """Return p - q and q (log(q / p) - D) over the temperature, and the slope along that."""
    p, q = _softmaxes(x, y, temperature)
    excess = _log_ratio(x, y, temperature) - node("divergence_of_softmaxes", x, y, temperature)
    along_y = node("scale", q, excess)
    moved = node("safe_product", p - q, x) + node("safe_product", along_y, y)
    along_temperature = -(node("sum", moved) / temperature / temperature)
    slopes = (p - q) / temperature, along_y / temperature, along_temperature
    first, second, third = map(expand, slopes)
    return first, second, third


def _softmaxes(
    x: Expression, y: Expression, temperature: Expression
) -> tuple[Expression, Expression]:
    return node("softmax", x / temperature), node("softmax", y / temperature)


def _log_ratio(x: Expression, y: Expression, temperature: Expression) -> Expression:
    """Return log(q / p), NaN where both are 0.

    Where x and y differ by nearly the same number in all classes, the logarithms of p and q have
    lost the digits of the ratio. There it is computed from the differences x - y, less that of q's
    largest class, so that the ratio of a class of nearly all probability is nearly exact.
    """
    q = node("softmax", y / temperature)
    difference = node("difference_or_zero", x, y) / temperature
    is_close = node("max", difference) + node("max", -difference) < 1
    is_top = node("equal", y, node("max", y))
    origin = node("stop", node("max", node("where", is_top, difference, -math.inf)))
    moved = node("where", is_close, difference - origin, 0)
    close = node("log1p", node("sum", q * node("expm1", moved))) - moved
    apart = node("negative_log_softmax", x / temperature)
    apart = apart - node("negative_log_softmax", y / temperature)
    return node("where", is_close, close, apart)
