"""A loss as a textbook prints it: derived from the formula that the code computes.

What the code computes is written so that nothing cancels, overflows or divides by zero. Over the
real numbers much of that falls away: the logarithm of a softmax is a difference, a quotient with a
guard is a quotient. Here the guards are taken off, the derivative is taken of what is left, and
the result is multiplied out or factored, whichever is shorter. Tests compare both forms in 60
digits.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from agreement import agree
from box_definitions import DEFINITIONS
from series import SERIES

from lossary import Loss
from lossary.definition.expressions import LossExpressions, Variant, expressions_of
from lossary.formula.expression import Expression, Kind, argument, literal, node, number
from lossary.formula.gradient import gradient
from lossary.formula.printing import named_text, tidy
from lossary.formula.rewrite import expand, replace, rewrite

#: Stands for "1 at the label's class, 0 elsewhere" while a formula is differentiated.
HIT = "indicator of the label"
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
    differentiated = expand(_apply(plain, _DIFFERENTIABLE))
    slope = gradient(differentiated, chosen.symbols[loss.arguments[0]])
    shown = shortest(without_guards(tidy(slope)))
    if "targets" in chosen.symbols and chosen.symbols["targets"].operation == "label":
        shown = _picked(shown, chosen.symbols["targets"])
    return Textbook(formula, shown)


def _picked(expression: Expression, labels: Expression) -> Expression:
    """Write the sum of a value times :data:`HIT` as the value at the label."""

    def at_label(term: Expression) -> Expression:
        above, below = _factors(term)
        rest = [factor for factor in above if factor is not argument(HIT)]
        if len(rest) == len(above):
            return node("sum", term)
        value = _quotient(rest, below)
        return node("at_label", value, labels) if value.kind is Kind.ELEMENT else value

    return _apply(expression, {"sum": at_label})


def with_label(expression: Expression, labels: Expression | None) -> Expression:
    """Spell :data:`HIT` out."""
    if labels is None or labels.operation != "label":
        return expression
    hit = node("where", node("equal", node("index"), labels), 1, 0)
    return replace(expression, {id(argument(HIT)): hit})


def with_log_softmax(expression: Expression) -> Expression:
    """Write the logarithm of a softmax as such, with its sign where it can be moved."""
    return tidy(_apply(expression, _NAMED))


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
    return tidy(_apply(tidy(_apply(expression, _GUARDS)), _GUARDS))


def _apply(expression: Expression, rules: Mapping[str, Callable[..., Expression]]) -> Expression:
    (found,) = rewrite((expression,), rules)
    return found


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
    factors, below = _factors(term)
    outer = [item for item in factors if item.kind < Kind.ELEMENT]
    inner = [item for item in factors if item.kind is Kind.ELEMENT]
    outer_below = [item for item in below if item.kind < Kind.ELEMENT]
    inner_below = [item for item in below if item.kind is Kind.ELEMENT]
    if not (outer or outer_below) or not (inner or inner_below):
        return node("sum", term)
    varying = _quotient(inner, inner_below)
    return _quotient([*outer, node("sum", varying)], outer_below)


def _factors(item: Expression) -> tuple[list[Expression], list[Expression]]:
    """Take a product apart: its factors, and what it is divided by."""
    if item.operation == "negative":
        above, below = _factors(item.arguments[0])
        return [literal(-1), *above], below
    if item.operation == "multiply":
        (above, below), (more, divided) = map(_factors, item.arguments)
        return [*above, *more], [*below, *divided]
    if item.operation == "divide":
        (above, below), (more, divided) = map(_factors, item.arguments)
        return [*above, *divided], [*below, *more]
    return [item], []


def _quotient(above: Iterable[Expression], below: Iterable[Expression]) -> Expression:
    numerator, denominator = literal(1), literal(1)
    for item in above:
        numerator = numerator * item
    for item in below:
        denominator = denominator * item
    return numerator / denominator


_GUARDS: dict[str, Callable[..., Expression]] = {
    "scale": lambda c, x: c * x,
    "safe_product": lambda c, x: c * x,
    "difference_or_zero": lambda a, b: a - b,
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


# --- the shorter of several forms -------------------------------------------------------------
def shortest(expression: Expression) -> Expression:
    """Return the shortest of an expression and its multiplied and factored forms."""
    forms = [tidy(expression)]
    for item in (expression, _apply(expression, {"sigmoid": _of_positive})):
        multiplied = tidy(_apply(item, {"multiply": _multiplied_out}))
        forms += [multiplied, tidy(_factored(multiplied))]
    found = min(forms, key=lambda item: len(named_text(item)))
    return in_order(found)


def in_order(expression: Expression) -> Expression:
    """Write numbers and parameters first in products, negative terms last in sums.

    What is printed alike comes out alike: ``log1p(x)`` is the logarithm of 1 + x.
    """
    found = _apply(expression, {
        "log1p": lambda x: node("log", 1 + x),
        "less": _compared,
        "multiply": lambda a, b: _ordered_product(a * b),
        "divide": lambda a, b: _ordered_product(a / b),
    })  # fmt: skip
    return _apply(found, {
        "add": lambda a, b: _ordered_sum(a + b),
        "subtract": lambda a, b: _ordered_sum(a - b),
        "negative": lambda x: _ordered_sum(-x),
    })  # fmt: skip


def _of_positive(x: Expression) -> Expression:
    return 1 - node("sigmoid", -x) if x.operation == "negative" else node("sigmoid", x)


def _multiplied_out(a: Expression, b: Expression) -> Expression:
    for one, other in ((a, b), (b, a)):
        if one.operation in {"add", "subtract"}:
            parts = (_multiplied_out(part, other) for part in one.arguments)
            return node(one.operation, *parts)
        if one.operation == "negative":
            return -_multiplied_out(one.arguments[0], other)
        if one.operation == "where":
            condition, *branches = one.arguments
            return node("where", condition, *(_multiplied_out(item, other) for item in branches))
        if one.operation == "divide":
            return _multiplied_out(one.arguments[0], other) / one.arguments[1]
        if one.operation == "absolute" and other is node("sign", one.arguments[0]):
            return one.arguments[0]
    return a * b


def _factored(item: Expression) -> Expression:
    """Take the factor that most terms have out of these terms."""
    terms = [(sign, *_factors(term)) for sign, term in _terms(item)]
    counts = Counter(key for _, above, _ in terms for key in {id(factor) for factor in above})
    factors = {id(factor): factor for _, above, _ in terms for factor in above}
    key = max(counts, key=lambda key: (number(factors[key]) is None) * counts[key])
    if counts[key] < 2 or number(factors[key]) is not None:
        return item
    inside, outside = literal(0), literal(0)
    for sign, above, below in terms:
        keys = [id(factor) for factor in above]
        if key in keys:
            del above[keys.index(key)]
            inside = inside + sign * _quotient(above, below)
        else:
            outside = outside + sign * _quotient(above, below)
    return outside + factors[key] * inside


def _terms(item: Expression, sign: int = 1) -> list[tuple[int, Expression]]:
    if item.operation == "negative":
        return _terms(item.arguments[0], -sign)
    if item.operation in {"add", "subtract"}:
        second = sign if item.operation == "add" else -sign
        return [*_terms(item.arguments[0], sign), *_terms(item.arguments[1], second)]
    return [(sign, item)]


def _compared(low: Expression, high: Expression) -> Expression:
    """Compare two values instead of their difference with 0."""
    if number(low) == 0.0 and high.operation == "subtract":
        high, low = high.arguments
    return node("less", low, high)


def _ordered_product(item: Expression) -> Expression:
    above, below = _factors(item)
    above.sort(key=lambda item: (number(item) is None, item.kind))
    return _quotient(above, below)


def _ordered_sum(item: Expression) -> Expression:
    parts = _parts(item)
    for place, (sign, term) in enumerate(parts):
        turned = _turned(term)
        others = [part for other, part in enumerate(parts) if other != place and part[0] > 0]
        # -(x - 1) y is (1 - x) y; beside a term to start with, (x - 1) y is -(1 - x) y.
        if turned is not None and (sign < 0 or others):
            parts[place] = (-sign, turned)
    total = literal(0)
    for sign, term in sorted(parts, key=lambda part: -part[0]):
        total = total + term if sign > 0 else total - term
    return total


def _turned(term: Expression) -> Expression | None:
    """Return the opposite of a product with a factor x - 1 or the like."""
    above, below = _factors(term)
    for place, factor in enumerate(above):
        if factor.operation in {"add", "subtract"}:
            value = number(factor.arguments[1])
            less = None if value is None else value if factor.operation == "subtract" else -value
            if less is not None and less > 0:
                above[place] = less - factor.arguments[0]
                return _quotient(above, below)
    return None


def _parts(item: Expression) -> list[tuple[int, Expression]]:
    """Take a sum apart; a sum that is subtracted stays together."""
    if item.operation == "add":
        return [part for child in item.arguments for part in _parts(child)]
    if item.operation == "subtract":
        return [*_parts(item.arguments[0]), (-1, item.arguments[1])]
    return [(-1, item.arguments[0])] if item.operation == "negative" else [(1, item)]
