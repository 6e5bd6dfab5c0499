"""The square root of a sum of two squares, in units of the larger one."""

from __future__ import annotations

import math

from lossary.formula.expression import Expression, node


def hypot(a: Expression, b: Expression) -> Expression:
    """Return the square root of a^2 + b^2; no square overflows or vanishes."""
    largest = _largest(a, b)
    return node("stop", largest) * _size(a, b, largest)


def hypot_excess(a: Expression, b: Expression) -> Expression:
    """Return hypot(a, b) - |b| as |a| |a| / (|b| + hypot(a, b)), which does not cancel."""
    largest = _largest(a, b)
    first, second = _part(abs(a), largest), _part(abs(b), largest)
    return abs(a) * (first / (second + _root(first, second, largest)))


def hypot_excess_slope(a: Expression, b: Expression) -> Expression:
    """Return the derivative of hypot_excess along b: b / hypot(a, b) - sign(b)."""
    largest = _largest(a, b)
    first, second = _part(a, largest), _part(abs(b), largest)
    root = _root(first, second, largest)
    return -(node("sign", b) * (first * first / ((second + root) * root)))


def hypot_share(a: Expression, b: Expression) -> Expression:
    """Return a / hypot(a, b): 0 where both are 0, and the limit where one is infinite."""
    largest = _largest(a, b)
    return _part(a, largest) / _size(a, b, largest)


def _largest(a: Expression, b: Expression) -> Expression:
    return node("maximum", abs(a), abs(b))


def _size(a: Expression, b: Expression, largest: Expression) -> Expression:
    """Return hypot(a, b) / largest, and 1 where both are 0."""
    return _root(_part(a, largest), _part(b, largest), largest)


def _root(first: Expression, second: Expression, largest: Expression) -> Expression:
    is_zero = node("equal", largest, 0)
    return node("sqrt", node("where", is_zero, 1, first * first + second * second))


def _part(a: Expression, largest: Expression) -> Expression:
    """Return a / largest; beside an infinity -1, 0 or 1, and 0 where both are 0."""
    is_usable = (0 < largest) & (largest < math.inf)
    unit = node("stop", node("where", is_usable, largest, 1))
    otherwise = node("where", node("is_finite", a), 0, node("sign", a))
    return node("where", is_usable, a / unit, otherwise)
