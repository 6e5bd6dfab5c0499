"""Rewriting for compiled kernels: composites in terms of parts that they can share.

``softplus(x)``, ``softplus(-x)``, ``sigmoid(x)`` and ``sigmoid(-x)`` all rest on ``exp(-|x|)``,
so a kernel with value, gradient and Hessian evaluates one exponential. Each form is as accurate
as the composite: nothing in it cancels.
"""

from __future__ import annotations

from collections.abc import Callable

from lossary.formula.expression import Expression, node
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


_RULES: dict[str, Callable[..., Expression]] = {
    "softplus": _softplus,
    "sigmoid": _sigmoid,
    "surprise": _surprise,
}
