"""Rewriting for compiled kernels: composites in terms of parts that they share.

``softplus(x)``, ``softplus(-x)``, ``sigmoid(x)`` and ``sigmoid(-x)`` are all computed from
``exp(-|x|)``, the ``decay``: a kernel with value, gradient and Hessian evaluates one exponential.
Each form is as accurate as the composite: nothing in it cancels.

``exp(x - top)``, where top is the row's largest x, splits into what is computed once for a row
and a shorter ``exp_below`` for each element. The value of ``exp_below`` is ``2^64 exp(x - top)``,
so that subnormal values keep their digits; the factor 2^-64 is moved out of sums.

Where ``-log softmax(x)`` of all classes is computed, that at the label comes from the same sums.

Whether an exponential is finite is told from its argument, long before the exponential is known.

``x tanh(x) - log(cosh(x))`` below 1 is one polynomial in place of two functions.

Powers with small exponents that are halves of whole numbers are products and roots.

``a (1 - b) + (1 - a) b``, what only one of two regions has, is ``a (1 - 2 b) + b``: a product and a
sum, fused, do what five operations did. Nothing cancels: ``1 - 2 b`` is exact from 1/4 on.

A factor of a whole row, such as that of a mean, multiplies row values where it can, once for a row,
and not every element of a gradient.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from lossary.formula.expression import (
    Expression,
    Kind,
    is_number,
    literal,
    node,
    number,
    walk,
)
from lossary.formula.rewrite import expand_all, rewrite

#: ``exp_below`` is 2^LIFT times its value, which leaves room for subnormal values.
LIFT = 64
_UNLIFT = 2.0**-LIFT
_LARGEST_EXPONENT = 4


def share(*outputs: Expression) -> tuple[Expression, ...]:
    """Return the outputs with composites expanded, as array libraries compute them."""
    return rewrite(expand_all(*outputs), {"softplus": lambda x: _softplus(x, exp_of=_exp)})


def lower(*outputs: Expression) -> tuple[Expression, ...]:
    """Return the outputs with composites expanded, those above into shared parts."""
    compared = rewrite(outputs, {"rank_balance": lambda x: node("compared_balance", x)})
    return rewrite(_with_shared_sums(expand_all(*compared)), _RULES)


def sort(*outputs: Expression) -> tuple[Expression, ...]:
    """Return lowered outputs with sorted rows in place of comparisons of all pairs."""
    ranked = rewrite(outputs, {"compared_balance": lambda x: node("rank_balance", x)})
    return rewrite(expand_all(*ranked), _RULES)


# --- from exp(-|x|) -------------------------------------------------------------------------
def _softplus(x: Expression, exp_of: Callable[[Expression], Expression]) -> Expression:
    """Return softplus, from exp(-|x|) as a function of |x|."""
    return node("maximum", 0, x) + node("log1p_unit", exp_of(_size(x)))


def _sigmoid(x: Expression) -> Expression:
    small = _decay(_size(x))
    share = 1 / (1 + small)
    return node("where", 0 <= x, share, small * share)


def _exp(size: Expression) -> Expression:
    return node("exp", -size)


def _decay(size: Expression) -> Expression:
    return node("decay", size)


def _size(x: Expression) -> Expression:
    """Return |x|, the same node for x and -x."""
    if x.operation == "negative":
        return _size(x.arguments[0])
    if x.operation == "subtract" and _precedes(x.arguments[1], x.arguments[0]):
        return node("absolute", x.arguments[1] - x.arguments[0])
    return node("absolute", x)


def _precedes(a: Expression, b: Expression) -> bool:
    """Return whether a comes before b in an order that is the same in every process.

    Equal nodes are one object, so the first operands that differ decide.
    """
    while a is not b:
        first, second = ((x.operation, x.kind, str(x.value), len(x.arguments)) for x in (a, b))
        if first != second or not a.arguments:
            return first < second
        a, b = next((c, d) for c, d in zip(a.arguments, b.arguments, strict=True) if c is not d)
    return False


def _log1p_ratio(s: Expression, d: Expression) -> Expression:
    return node("log1p", s + node("expm1", d)) - d


def _less(a: Expression, b: Expression) -> Expression:
    if a.operation == "exp" and is_number(b, math.inf):
        return node("exp_is_finite", a.arguments[0])
    return node("less", a, b)


def _subtract(a: Expression, b: Expression) -> Expression:
    if b.operation == "log_cosh":
        (x,) = b.arguments
        if _is_below_1(x) and a is x * node("tanh", x):
            return node("log_cosh_conjugate", x)
    return node("subtract", a, b)


def _is_below_1(x: Expression) -> bool:
    """Return whether a node is a size where that is below 1, else 0."""
    if x.operation != "where" or not is_number(x.arguments[2], 0.0):
        return False
    condition, size, _ = x.arguments
    is_size = size.operation == "multiply" and size.arguments[1].operation == "absolute"
    return is_size and condition is (size < 1)


# --- powers -----------------------------------------------------------------------------------
def is_simple(exponent: float) -> bool:
    """Return whether powers with this exponent are products and roots."""
    return abs(exponent) <= _LARGEST_EXPONENT and (2 * exponent).is_integer()


def _power(base: Expression, exponent: Expression) -> Expression:
    value = number(exponent)
    if value is None or not is_simple(value):
        return node("power", base, exponent)
    # A product of reciprocals leaves the range no earlier than the power does.
    factor, root = (base, node("sqrt", base)) if value > 0 else (1 / base, 1 / node("sqrt", base))
    whole = factor ** int(abs(value))
    return whole if value.is_integer() else whole * root


# --- exponentials below a row's maximum -----------------------------------------------------
def _exp_difference_or_one(x: Expression, top: Expression) -> Expression:
    if not _is_maximum(top, x):
        return node("exp_difference_or_one", x, top)
    origin = node("below_origin", top)
    most = node("difference_or_zero", top, origin)
    prepared = [node(f"below_{name}", most) for name in ("least", "shift", "factor")]
    return _UNLIFT * node("exp_below", x, origin, most, *prepared)


def _exp_difference_or_zero(x: Expression, top: Expression) -> Expression:
    if not _is_maximum(top, x):
        return node("exp_difference_or_zero", x, top)
    return _where(node("equal", x, top), literal(0), _exp_difference_or_one(x, top))


def _is_maximum(top: Expression, x: Expression) -> bool:
    """Return whether a row value is the maximum of these elements."""
    while top.operation == "stop":
        (top,) = top.arguments
    return top.operation == "max" and top.arguments[0] is x


def _where(condition: Expression, a: Expression, b: Expression) -> Expression:
    if is_number(a, 0.0) and _is_lifted(b):
        return _UNLIFT * node("where", condition, 0, b.arguments[1])
    return node("where", condition, a, b)


def _sum(x: Expression) -> Expression:
    if _is_lifted(x):
        return _UNLIFT * node("sum", x.arguments[1])
    if x.operation == "add" and _is_below_maximum(x.arguments[0]):
        below, rest = x.arguments
        if rest.operation == "log1p" and rest.kind is Kind.ROW:  # neither term is negative
            return node("sum", below) + node("class_count") * rest
    return node("sum", x)


def _is_below_maximum(x: Expression) -> bool:
    """Return whether a node is how much elements are below the largest of their row."""
    return x.operation == "difference_or_zero" and _is_maximum(*x.arguments)


def _with_shared_sums(outputs: tuple[Expression, ...]) -> tuple[Expression, ...]:
    """Compute -log softmax at a label from the sums over whole rows, where these are computed."""
    rows = {id(top): item for item in walk(*outputs) if (top := _top_of_sums(item)) is not None}

    def ratio(others: Expression, d: Expression) -> Expression:
        label = d.arguments[0] if d.operation == "difference_or_zero" else d
        if label.operation != "at_label" or id(d.arguments[1]) not in rows:
            return node("log1p_ratio", others, d)
        top, (x, labels) = d.arguments[1], label.arguments
        share = node("exp_difference_or_one", x, top)
        if others is not node("sum", node("where", node("equal", node("index"), labels), 0, share)):
            return node("log1p_ratio", others, d)
        return node("difference_or_zero", top, label) + rows[id(top)]

    return rewrite(outputs, {"log1p_ratio": ratio}) if rows else outputs


def _top_of_sums(item: Expression) -> Expression | None:
    """Return a row's largest x where a node is how much log(sum(exp(x))) is above it."""
    if item.operation == "log1p" and item.arguments[0].operation == "add":
        below = item.arguments[0].arguments[0]
        if below.operation == "sum" and below.arguments[0].operation == "exp_difference_or_zero":
            return below.arguments[0].arguments[1]
    return None


# --- one choice for two terms ---------------------------------------------------------------
def _safe_product(a: Expression, b: Expression) -> Expression:
    if a.operation == "where" and is_number(a.arguments[1], 0.0):
        condition, zero, value = a.arguments
        return _where(condition, zero, node("safe_product", value, b))
    return node("safe_product", a, b)


def _add(a: Expression, b: Expression) -> Expression:
    """Merge the sum of two choices, each of which is 0 on one side of the same condition.

    Merge that of two products, each of which is of one number and the complement of the other.
    """
    if a.operation == b.operation == "multiply":
        for one, complement in (a.arguments, a.arguments[::-1]):
            other = _complemented(complement)
            if other is not None and any(
                x is other and _complemented(y) is one for x, y in (b.arguments, b.arguments[::-1])
            ):
                return node("multiply_add", one, node("multiply_add", -2, other, 1), other)
    if a.operation == b.operation == "where" and a.arguments[0] is b.arguments[0]:
        condition, inside, outside = a.arguments
        if is_number(outside, 0.0) and is_number(b.arguments[1], 0.0):
            return node("where", condition, inside, b.arguments[2])
    return node("add", a, b)


def _complemented(x: Expression) -> Expression | None:
    """Return y where x is 1 - y."""
    is_complement = x.operation == "subtract" and is_number(x.arguments[0], 1.0)
    return x.arguments[1] if is_complement else None


# --- factors of rows ------------------------------------------------------------------------
def _scale(factor: Expression, x: Expression) -> Expression:
    if factor.kind is not Kind.ELEMENT and x.kind is Kind.ELEMENT:
        moved = _scaled_rows(factor, x, {})
        if moved is not None:
            return moved
    return node("scale", factor, x)


def _scaled_rows(
    factor: Expression, x: Expression, known: dict[int, Expression | None]
) -> Expression | None:
    """Return factor * x with the factor at row values; None if a term of x has none.

    Terms are shared, so each is done once: ``known`` holds what was found, by the term's id.
    """
    if id(x) not in known:
        known[id(x)] = _scaled_terms(factor, x, known)
    return known[id(x)]


def _scaled_terms(
    factor: Expression, x: Expression, known: dict[int, Expression | None]
) -> Expression | None:
    if x.kind is not Kind.ELEMENT:
        return node("scale", factor, x)
    if x.operation in {"add", "subtract", "negative", "where"}:
        chosen_by = x.arguments[:1] if x.operation == "where" else ()
        terms = [_scaled_rows(factor, term, known) for term in x.arguments[len(chosen_by) :]]
        has_none = any(term is None for term in terms)
        return None if has_none else node(x.operation, *chosen_by, *terms)
    if x.operation in {"multiply", "safe_product"}:
        a, b = x.arguments
        if (moved := _scaled_rows(factor, a, known)) is not None:
            return node(x.operation, moved, b)
        if (moved := _scaled_rows(factor, b, known)) is not None:
            return node(x.operation, a, moved)
    return None


def _is_lifted(x: Expression) -> bool:
    """Return whether a node is a lifted value times 2^-LIFT."""
    return x.operation == "multiply" and is_number(x.arguments[0], _UNLIFT)


_RULES: dict[str, Callable[..., Expression]] = {
    "softplus": lambda x: _softplus(x, exp_of=_decay),
    "sigmoid": _sigmoid,
    "log1p_ratio": _log1p_ratio,
    "less": _less,
    "subtract": _subtract,
    "exp_difference_or_one": _exp_difference_or_one,
    "exp_difference_or_zero": _exp_difference_or_zero,
    "where": _where,
    "sum": _sum,
    "power": _power,
    "safe_product": _safe_product,
    "add": _add,
    "scale": _scale,
}
