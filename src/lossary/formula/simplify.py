"""Simplifications that lose nothing in floating-point arithmetic, made while nodes are built.

Numbers fold to what IEEE 754 says, NaN, infinities and signs of zeros included. Where symbols take
part the sign of a zero may change: ``x + 0`` is ``x``, ``-(x - y)`` is ``y - x``.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable

from lossary.formula.expression import Expression, is_number, literal, number

_COMPARED: dict[str, Callable[..., bool]] = {
    "less": operator.lt,
    "less_equal": operator.le,
    "equal": operator.eq,
}


def _quotient(a: float, b: float) -> float:
    if b != 0.0:
        return a / b
    return math.nan if a == 0.0 or math.isnan(a) else a * math.copysign(math.inf, b)


def _larger(a: float, b: float) -> float:
    """Return the maximum; NaN if either is NaN, +0 of two zeros."""
    if math.isnan(a) or math.isnan(b):
        return math.nan
    return max(a, b, key=lambda x: (x, math.copysign(1.0, x)))


def _sign(a: float) -> float:
    return a if a == 0.0 or math.isnan(a) else math.copysign(1.0, a)


# What IEEE 754 defines to the last bit; exp(2) depends on the platform, so it is no literal.
_FOLDED: dict[str, Callable[..., float]] = {
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "divide": _quotient,
    "negative": operator.neg,
    "absolute": abs,
    "sign": _sign,
    "sqrt": lambda a: math.nan if a < 0.0 else math.sqrt(a),
    "square_over": lambda a, b: a * _quotient(a, b),
    "maximum": _larger,
    "minimum": lambda a, b: -_larger(-a, -b),
}


def simplify(operation: str, arguments: tuple[Expression, ...]) -> Expression | None:
    """Return a simpler node with the same value, or None."""
    numbers = [number(item) for item in arguments]
    folded: Callable[..., float] | None = _FOLDED.get(operation)
    if folded is not None and numbers and all(value is not None for value in numbers):
        return literal(folded(*(value for value in numbers if value is not None)))
    rule = _RULES.get(operation)
    return rule(*arguments) if rule is not None else None


def _add(a: Expression, b: Expression) -> Expression | None:
    if is_number(a, 0.0):
        return b
    if is_number(b, 0.0):
        return a
    if b.operation == "negative":
        return a - b.arguments[0]
    if a.operation == "negative":
        return b - a.arguments[0]
    return None


def _subtract(a: Expression, b: Expression) -> Expression | None:
    if is_number(b, 0.0):
        return a
    if is_number(a, 0.0):
        return -b
    if b.operation == "negative":
        return a + b.arguments[0]
    if a.operation == b.operation == "softplus" and -a.arguments[0] is b.arguments[0]:
        return a.arguments[0]
    return None


def _multiply(a: Expression, b: Expression) -> Expression | None:
    for one, other in ((a, b), (b, a)):
        if is_number(one, 1.0):
            return other
        if is_number(one, -1.0):
            return -other
        masked = _through_indicator(one, other)
        if masked is not None:
            return masked
    if a.operation == "negative":
        return -(a.arguments[0] * b)
    if b.operation == "negative":
        return -(a * b.arguments[0])
    return None


def _through_indicator(indicator: Expression, other: Expression) -> Expression | None:
    """Turn ``where(c, 1, 0) * x`` into ``where(c, x, 0)``: a stronger zero, and cheaper."""
    from lossary.formula.expression import node

    if indicator.operation != "where" or not _is_indicator(indicator):
        return None
    condition, chosen, rest = indicator.arguments
    return node("where", condition, _times(chosen, other), _times(rest, other))


def _is_indicator(item: Expression) -> bool:
    value = number(item)
    if value is not None:
        return value in {0.0, 1.0, -1.0} or math.isnan(value)
    return item.operation == "where" and all(map(_is_indicator, item.arguments[1:]))


def _times(indicator: Expression, other: Expression) -> Expression:
    value = number(indicator)
    if value is None:
        return indicator * other
    if value == 0.0 or math.isnan(value):
        return indicator
    return other if value == 1.0 else -other


def _scale(c: Expression, x: Expression) -> Expression | None:
    if is_number(c, 0.0):
        return literal(0)
    if number(c) is not None:
        return c * x
    return c * x if is_bounded(x) else _through_indicator(c, x)


def _join(c: Expression, x: Expression) -> Expression | None:
    for one, other in ((c, x), (x, c)):
        value = number(one)
        if value == 0.0:
            return literal(0)
        if value is not None or (is_bounded(one) and is_bounded(other)):
            return c * x
    found = _through_indicator(c, x)
    return _through_indicator(x, c) if found is None else found


def _divide(a: Expression, b: Expression) -> Expression | None:
    return a if is_number(b, 1.0) else None


def _power(a: Expression, b: Expression) -> Expression | None:
    if is_number(b, 0.0):
        return literal(1)
    return a if is_number(b, 1.0) else None


def _negative(a: Expression) -> Expression | None:
    if a.operation == "negative":
        return a.arguments[0]
    if a.operation == "subtract":
        return a.arguments[1] - a.arguments[0]
    return None


def _where(c: Expression, a: Expression, b: Expression) -> Expression | None:
    if a is b:
        return a
    compare = _COMPARED.get(c.operation)
    sides = [number(item) for item in c.arguments]
    if compare is None or None in sides:
        return None
    return a if compare(*sides) else b


def _logical_not(a: Expression) -> Expression | None:
    return a.arguments[0] if a.operation == "logical_not" else None


_RULES: dict[str, Callable[..., Expression | None]] = {
    "add": _add,
    "subtract": _subtract,
    "multiply": _multiply,
    "scale": _scale,
    "join": _join,
    "divide": _divide,
    "power": _power,
    "negative": _negative,
    "where": _where,
    "logical_not": _logical_not,
}


def is_bounded(item: Expression) -> bool:
    """Tell whether a node is finite whatever its arguments are (NaN aside)."""
    from lossary.formula.primitives import PRIMITIVES

    value = number(item)
    if value is not None:
        return not math.isinf(value)
    if item.operation in {"argument", "divide"}:
        return False
    if item.operation == "parameter" or PRIMITIVES[item.operation].bounded:
        return True
    if item.operation == "where":
        return all(map(is_bounded, item.arguments[1:]))
    composed = {"add", "subtract", "multiply", "negative", "absolute", "maximum", "minimum"}
    return item.operation in composed and all(map(is_bounded, item.arguments))
