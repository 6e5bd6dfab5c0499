"""Rewriting for compiled kernels: composites in terms of parts that they can share.

``softplus(x)``, ``softplus(-x)``, ``sigmoid(x)`` and ``sigmoid(-x)`` all rest on ``exp(-|x|)``,
so a kernel with value, gradient and Hessian evaluates one exponential. Each form is as accurate
as the composite: nothing in it cancels.

``exp(x - top)``, where top is the row's largest x, splits into what is computed once for a row
and a shorter ``exp_below`` for each element. That is ``2^64 exp(x - top)``, so that subnormal
shares keep their digits; the power of two is taken out of sums.
"""

from __future__ import annotations

from collections.abc import Callable

from lossary.formula.expression import Expression, is_number, literal, node
from lossary.formula.rewrite import rewrite, spelled_out


def lower(*outputs: Expression) -> tuple[Expression, ...]:
    """Return the outputs with composites rewritten."""
    return rewrite(spelled_out(*outputs), _RULES)


def _decay(x: Expression) -> Expression:
    """exp(-|x|), the same node for x and -x."""
    return node("exp", -_size(x))


def _size(x: Expression) -> Expression:
    if x.operation == "negative":
        return _size(x.arguments[0])
    if x.operation == "subtract" and id(x.arguments[0]) > id(x.arguments[1]):
        return node("absolute", x.arguments[1] - x.arguments[0])
    return node("absolute", x)


def _softplus(x: Expression) -> Expression:
    return node("maximum", 0, x) + node("log1p_unit", _decay(x))


def _sigmoid(x: Expression) -> Expression:
    small = _decay(x)
    share = 1 / (1 + small)
    return node("where", 0 <= x, share, small * share)


def _surprise(others: Expression, d: Expression) -> Expression:
    return node("log1p", others + node("expm1", d)) - d


#: ``exp_below`` is 2^LIFT times its value, which leaves room for subnormal ones.
LIFT = 64
_LIFTED = 2.0**-LIFT


def _exp_gap(x: Expression, top: Expression) -> Expression:
    if not _is_largest(top, x):
        return node("exp_gap", x, top)
    origin = node("below_origin", top)
    most = node("gap", top, origin)
    prepared = [node(f"below_{name}", most) for name in ("least", "shift", "factor")]
    return _LIFTED * node("exp_below", x, origin, most, *prepared)


def _exp_tail(x: Expression, top: Expression) -> Expression:
    if not _is_largest(top, x):
        return node("exp_tail", x, top)
    return _where(node("equal", x, top), literal(0), _exp_gap(x, top))


def _is_largest(top: Expression, x: Expression) -> bool:
    """Tell whether a row value is the largest of these elements."""
    while top.operation == "stop":
        (top,) = top.arguments
    return top.operation == "max" and top.arguments[0] is x


def _where(condition: Expression, a: Expression, b: Expression) -> Expression:
    if is_number(a, 0.0) and _is_lifted(b):
        return _LIFTED * node("where", condition, 0, b.arguments[1])
    return node("where", condition, a, b)


def _sum(x: Expression) -> Expression:
    return _LIFTED * node("sum", x.arguments[1]) if _is_lifted(x) else node("sum", x)


def _is_lifted(x: Expression) -> bool:
    return x.operation == "multiply" and is_number(x.arguments[0], _LIFTED)


_RULES: dict[str, Callable[..., Expression]] = {
    "softplus": _softplus,
    "sigmoid": _sigmoid,
    "surprise": _surprise,
    "exp_gap": _exp_gap,
    "exp_tail": _exp_tail,
    "where": _where,
    "sum": _sum,
}
