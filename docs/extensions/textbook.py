"""A loss as a textbook prints it: derived from the formula that the code computes.

What the code computes is written so that nothing cancels, overflows or divides by zero. Over the
real numbers much of that falls away: the logarithm of a softmax is a difference, a quotient with a
guard is a quotient. Here the guards are taken off, the derivative is taken of what is left, and
the result is multiplied out or factored, whichever is shorter. Tests compare both forms in 60
digits.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from agreement import agree
from box_definitions import DEFINITIONS as OF_BOXES
from pair_definitions import DEFINITIONS as OF_PAIRS
from series import SERIES
from shorter_forms import applied, factors_of, in_order, quotient, share_of, shortest

from lossary import Loss
from lossary.definition.expressions import LossExpressions, Variant, expressions_of
from lossary.formula.expression import Expression, Kind, argument, literal, node, number
from lossary.formula.gradient import gradient
from lossary.formula.printing import named_text, tidy
from lossary.formula.rewrite import expand, replace

#: Stands for "1 at the label's class, 0 elsewhere" while a formula is differentiated.
HIT = "indicator of the label"
#: What is written down, not derived, by the names of losses.
DEFINITIONS = {**OF_BOXES, **OF_PAIRS}
#: A choice at a smaller size than this is about rounding.
_TINY = 1e-6


class Textbook(NamedTuple):
    """A formula and its derivative with respect to the first argument, without guards.

    Both may be written in parts, each of which uses those before it.
    """

    formula: Expression
    gradient: Expression
    parts: Mapping[str, Expression] = MappingProxyType({})
    notes: tuple[str, ...] = ()


def textbook(loss: Loss, structure: Mapping[str, object]) -> Textbook:
    """Return the textbook's form of a variant of a loss.

    In the derivative the symbol :data:`HIT` stands for 1 at the label's class and 0 elsewhere.
    """
    if loss.name in DEFINITIONS:
        return Textbook(*DEFINITIONS[loss.name]())
    chosen = variant(loss, structure)
    plain = without_guards(chosen.unexpanded)
    formula = in_order(with_log_softmax(plain))
    differentiated = expand(applied(plain, _DIFFERENTIABLE))
    slope = gradient(differentiated, chosen.symbols[loss.arguments[0]])
    shown = shortest(without_guards(tidy(slope)))
    if "targets" in chosen.symbols and chosen.symbols["targets"].operation == "label":
        shown = _picked(shown, chosen.symbols["targets"])
    return Textbook(formula, shown)


def _picked(expression: Expression, labels: Expression) -> Expression:
    """Write the sum of a value times :data:`HIT` as the value at the label."""

    def at_label(term: Expression) -> Expression:
        above, below = factors_of(term)
        rest = [factor for factor in above if factor is not argument(HIT)]
        if len(rest) == len(above):
            return node("sum", term)
        value = quotient(rest, below)
        return node("at_label", value, labels) if value.kind is Kind.ELEMENT else value

    return applied(expression, {"sum": at_label})


def with_label(expression: Expression, labels: Expression | None) -> Expression:
    """Spell :data:`HIT` out."""
    if labels is None or labels.operation != "label":
        return expression
    hit = node("where", node("equal", node("index"), labels), 1, 0)
    return replace(expression, {id(argument(HIT)): hit})


def with_log_softmax(expression: Expression) -> Expression:
    """Write the logarithm of a softmax as such, with its sign where it can be moved."""
    return tidy(applied(expression, _NAMED))


def variant(loss: Loss, structure: Mapping[str, object]) -> LossExpressions:
    """Return the expressions of a variant of a loss, with its defaults where nothing is chosen."""
    chosen = tuple(
        (name, structure.get(name, default))
        for name, default in loss.parameters.items()
        if name in loss.structure or (default is None and structure.get(name) is None)
    )
    labels = bool(structure.get("labels", loss.takes_labels))
    left_out = loss.extensions.difference(structure)
    return expressions_of(loss, Variant(structure=chosen, defaults=left_out, labels=labels))


# --- guards -----------------------------------------------------------------------------------
def without_guards(expression: Expression) -> Expression:
    """Return what an expression is where nothing cancels, overflows or divides by zero.

    Examples
    --------
    >>> from lossary.formula.expression import argument
    >>> named_text(without_guards(node("scale", argument("y"), node("log1p", argument("x")))))
    'y * log(1 + x)'
    """
    return tidy(applied(tidy(applied(expression, _GUARDS)), _GUARDS))


def _unguarded_choice(condition: Expression, a: Expression, b: Expression) -> Expression:
    """Return one branch where the other is only there to divide by something."""
    if condition.operation == "equal" and number(condition.arguments[1]) in {0.0, math.inf}:
        return b  # where(x == 0, a, b): the value at one point
    if condition.operation == "less":
        low, high = condition.arguments
        if number(high) == math.inf:
            return a  # where(x < inf, a, b): real numbers are finite
        if number(low) == 0.0 and a is high and number(b) is not None:
            return a  # where(0 < x, x, 1)
        if number(high) == 0.0 and b is low and a is -low:
            return abs(low)  # where(x < 0, -x, x)
        if 0.0 < (number(high) or 0.0) < _TINY:
            return b  # what is done with numbers that are too small for the dtype
        # where(e < x, f(x), f(e)) is f of the larger of the two.
        if low.kind < Kind.ELEMENT and tidy(replace(a, {id(high): low})) is tidy(b):
            return replace(a, {id(high): node("maximum", high, low)})
    if number(a) is None and number(b) is None and agree(a, b):
        return min(b, a, key=lambda item: len(named_text(item)))
    return node("where", condition, a, b)


def _power(base: Expression, exponent: Expression) -> Expression:
    """Write a power of a product as one of powers, and an even one without a sign or a root."""
    value = number(exponent)
    if base.operation == "sqrt" and value == 2.0:
        return base.arguments[0]
    if base.operation == "absolute" and value == 2.0:
        return node("power", base.arguments[0], exponent)
    if base.operation == "multiply" and value is not None and value.is_integer():
        return math.prod((_power(item, exponent) for item in base.arguments), start=literal(1))
    return node("power", base, exponent)


def _hypot(a: Expression, b: Expression) -> Expression:
    return node("sqrt", node("power", a, 2) + node("power", b, 2))


def _general_robust(x: Expression, alpha: Expression) -> Expression:
    b = abs(alpha - 2)
    return b / alpha * (node("power", node("power", x, 2) / b + 1, alpha / 2) - 1)


def _out_of_sum(term: Expression) -> Expression:
    """Take what does not vary along the class axis out of a sum over it."""
    factors, below = factors_of(term)
    outer = [item for item in factors if item.kind < Kind.ELEMENT]
    inner = [item for item in factors if item.kind is Kind.ELEMENT]
    outer_below = [item for item in below if item.kind < Kind.ELEMENT]
    inner_below = [item for item in below if item.kind is Kind.ELEMENT]
    if not (outer or outer_below) or not (inner or inner_below):
        return node("sum", term)
    varying = quotient(inner, inner_below)
    return quotient([*outer, node("sum", varying)], outer_below)


_GUARDS: dict[str, Callable[..., Expression]] = {
    "scale": lambda c, x: c * x,
    "safe_product": lambda c, x: c * x,
    "difference_or_zero": lambda a, b: a - b,
    "share": lambda part, rest: share_of(part, rest),
    "square_over": lambda a, b: node("power", a, 2) / b,
    "exp_difference_or_one": lambda a, b: node("exp", a - b),
    "exp_difference": lambda a, b: node("exp", a - b),
    "stop": lambda x: x,
    "with_derivatives_of": lambda *forms: min(forms, key=lambda form: len(named_text(form))),
    "hypot": lambda a, b: _hypot(a, b),
    "hypot_excess": lambda a, b: _hypot(a, b) - abs(b),
    "hypot_share": lambda a, b: a / _hypot(a, b),
    "log1p_square": lambda x: node("log", 1 + node("power", x, 2)),
    "log1p_excess": lambda x: x - node("log", 1 + x),
    "general_robust": lambda x, alpha: _general_robust(x, alpha),
    "log1p": lambda x: node("log", 1 + x),
    "log1p_unit": lambda x: node("log", 1 + x),
    "expm1": lambda x: node("exp", x) - 1,
    "finite_maximum": lambda x: node("max", x),
    "where": _unguarded_choice,
    "log_of_share": lambda x, t: x - _log_of_mean(x, t),
    "sum": _out_of_sum,
    "power": _power,
    **SERIES,
    "softened_norm": lambda x, eps: node("sqrt", node("sum", node("power", x, 2)) + eps),
}


def _at_label(x: Expression, labels: Expression) -> Expression:
    if labels.operation == "label":
        return node("sum", argument(HIT) * x)
    return node("at_label", x, labels)  # the place of a number, or next to the label


def _log_softmax_at(x: Expression, labels: Expression) -> Expression:
    return node("log", node("at_label", node("softmax", x), labels))


def _entropy(x: Expression) -> Expression:
    share = node("softmax", x)
    return -node("sum", share * node("log", share))


def _divergence(x: Expression, y: Expression, temperature: Expression) -> Expression:
    p, q = node("softmax", x / temperature), node("softmax", y / temperature)
    return node("sum", q * (node("log", q) - node("log", p)))


def _jensen_shannon(x: Expression, t: Expression) -> Expression:
    first, second = node("exp", x), node("exp", t)
    return (first * (x - _log_of_mean(x, t)) + second * (t - _log_of_mean(x, t))) / 2


def _log_of_mean(x: Expression, t: Expression) -> Expression:
    return node("log", (node("exp", x) + node("exp", t)) / 2)


# What a textbook prints: the logarithm of a softmax, with its sign before the sum.
_NAMED: dict[str, Callable[..., Expression]] = {
    "negative_log_softmax": lambda x: -node("log", node("softmax", x)),
    "negative_log_softmax_at": lambda x, y: -_log_softmax_at(x, y),
    "entropy_of_softmax": _entropy,
    "divergence_of_softmaxes": _divergence,
    "jensen_shannon_term": _jensen_shannon,
    "sum": _out_of_sum,
    "divide": lambda a, b: -(a.arguments[0] / b) if a.operation == "negative" else a / b,
}
# What a textbook differentiates: with every class spelled out.
_DIFFERENTIABLE: dict[str, Callable[..., Expression]] = {
    "negative_log_softmax": lambda x: node("logsumexp", x, 0) - x,
    "negative_log_softmax_at": lambda x, y: node("logsumexp", x, 0) - _at_label(x, y),
    "at_label": _at_label,
}
