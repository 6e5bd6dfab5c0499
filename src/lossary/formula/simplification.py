"""Simplifications that lose nothing in floating-point arithmetic, made while nodes are built.

Each function takes the operands of one primitive and returns a simpler expression of the same
value, or None. The sign of a zero may change: ``x + 0`` is ``x``, ``-(x - y)`` is ``y - x``.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable

from lossary.formula.expression import Expression, is_number, literal, node, number

_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "less": operator.lt,
    "less_equal": operator.le,
    "equal": operator.eq,
}


# --- sums -----------------------------------------------------------------------------------
def simpler_sum(a: Expression, b: Expression) -> Expression | None:
    """Drop zeros, write sums with negatives as differences, and add inside equal choices."""
    if is_number(a, 0.0):
        return b
    if is_number(b, 0.0):
        return a
    if b.operation == "negative":
        return a - b.arguments[0]
    if a.operation == "negative":
        return b - a.arguments[0]
    return _chosen_sum(a, b)


def _chosen_sum(a: Expression, b: Expression) -> Expression | None:
    """Return ``where(c, x + y, 0)`` for ``where(c, x, 0) + where(c, y, 0)``."""
    if a.operation != "where" or b.operation != "where" or a.arguments[0] is not b.arguments[0]:
        return None
    condition, *pairs = zip(a.arguments, b.arguments, strict=True)
    if any(is_number(x, 0.0) and is_number(y, 0.0) for x, y in pairs):
        return node("where", condition[0], *(x + y for x, y in pairs))
    return None


def simpler_difference(a: Expression, b: Expression) -> Expression | None:
    """Drop zeros and double negatives; softplus(x) - softplus(-x) is x."""
    if is_number(b, 0.0):
        return a
    if is_number(a, 0.0):
        return -b
    if b.operation == "negative":
        return a + b.arguments[0]
    if a.operation == b.operation == "softplus" and -a.arguments[0] is b.arguments[0]:
        return a.arguments[0]
    return None


def simpler_negative(a: Expression) -> Expression | None:
    """Drop double negatives; -(x - y) is y - x."""
    if a.operation == "negative":
        return a.arguments[0]
    if a.operation == "subtract":
        return a.arguments[1] - a.arguments[0]
    return None


# --- products -------------------------------------------------------------------------------
def simpler_product(a: Expression, b: Expression) -> Expression | None:
    """Drop factors 1 and -1, multiply inside indicators, and move signs to the front."""
    for one, other in ((a, b), (b, a)):
        if is_number(one, 1.0):
            return other
        if is_number(one, -1.0):
            return -other
        inside = _inside_indicator(one, other)
        if inside is not None:
            return inside
    if a.operation == "negative":
        return -(a.arguments[0] * b)
    if b.operation == "negative":
        return -(a * b.arguments[0])
    return None


def simpler_scale(c: Expression, x: Expression) -> Expression | None:
    """Use a plain product where the coefficient is a number or x is never infinite."""
    if is_number(c, 0.0):
        return literal(0)
    if number(c) is not None or x.bounded:
        return c * x
    return _inside_indicator(c, x)


def simpler_safe_product(a: Expression, b: Expression) -> Expression | None:
    """Use a plain product where one factor is a number or both are never infinite."""
    for one in (a, b):
        value = number(one)
        if value == 0.0:
            return literal(0)
        if value is not None or (a.bounded and b.bounded):
            return a * b
    inside = _inside_indicator(a, b)
    return _inside_indicator(b, a) if inside is None else inside


def simpler_quotient(a: Expression, b: Expression) -> Expression | None:
    """Drop a divisor 1."""
    return a if is_number(b, 1.0) else None


def simpler_power(a: Expression, b: Expression) -> Expression | None:
    """Replace powers with the exponents 0 and 1."""
    if is_number(b, 0.0):
        return literal(1)
    return a if is_number(b, 1.0) else None


def _inside_indicator(indicator: Expression, factor: Expression) -> Expression | None:
    """Return ``where(c, x, 0)`` for ``where(c, 1, 0) * x``: cheaper, and 0 even if x is NaN."""
    if indicator.operation != "where" or not _is_indicator(indicator):
        return None
    condition, *branches = indicator.arguments
    return node("where", condition, *(_times_indicator(branch, factor) for branch in branches))


def _is_indicator(item: Expression) -> bool:
    """Return whether a node is a choice among the numbers 0, 1, -1 and NaN."""
    value = number(item)
    if value is not None:
        return value in {0.0, 1.0, -1.0} or math.isnan(value)
    return item.operation == "where" and all(map(_is_indicator, item.arguments[1:]))


def _times_indicator(indicator: Expression, factor: Expression) -> Expression:
    value = number(indicator)
    if value is None:
        return indicator * factor
    if value == 0.0 or math.isnan(value):
        return indicator
    return factor if value == 1.0 else -factor


# --- choices --------------------------------------------------------------------------------
def simpler_choice(condition: Expression, a: Expression, b: Expression) -> Expression | None:
    """Choose where both branches are the same or the condition is decided, here or outside."""
    if a is b:
        return a
    known = _decided(condition)
    if known is not None:
        return a if known else b
    first = a.arguments[1] if _chooses_by(condition, a) else a
    second = b.arguments[2] if _chooses_by(condition, b) else b
    unchanged = first is a and second is b
    return None if unchanged else node("where", condition, first, second)


def _chooses_by(condition: Expression, item: Expression) -> bool:
    return item.operation == "where" and item.arguments[0] is condition


def simpler_and(a: Expression, b: Expression) -> Expression | None:
    """Drop a condition that is decided, or the other one if it is false."""
    for one, other in ((a, b), (b, a)):
        known = _decided(one)
        if known is not None:
            return other if known else one
    return None


def simpler_or(a: Expression, b: Expression) -> Expression | None:
    """Drop a condition that is decided, or the other one if it is true."""
    for one, other in ((a, b), (b, a)):
        known = _decided(one)
        if known is not None:
            return one if known else other
    return None


def simpler_not(a: Expression) -> Expression | None:
    """Drop double negations, and decide what is decided."""
    known = _decided(a)
    if known is not None:
        return literal(0 if known else 1)
    return a.arguments[0] if a.operation == "logical_not" else None


def _decided(condition: Expression) -> bool | None:
    """Return whether a number or a comparison of numbers holds; None for other conditions."""
    value = number(condition)
    if value is not None:
        return value != 0.0
    compare = _COMPARISONS.get(condition.operation)
    if compare is None:
        return None
    left, right = map(number, condition.arguments)
    return None if left is None or right is None else compare(left, right)
