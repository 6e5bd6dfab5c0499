"""Shorter forms of formulas for reading: multiplied out or factored, terms in a fixed order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping

from lossary.formula.expression import Expression, Kind, literal, node, number
from lossary.formula.printing import named_text, tidy
from lossary.formula.rewrite import rewrite


def applied(expression: Expression, rules: Mapping[str, Callable[..., Expression]]) -> Expression:
    """Return an expression in which operations are replaced by what rules make of them."""
    (found,) = rewrite((expression,), rules)
    return found


def shortest(expression: Expression) -> Expression:
    """Return the shortest of an expression and its multiplied and factored forms."""
    forms = [tidy(expression)]
    for item in (expression, applied(expression, {"sigmoid": _of_positive})):
        multiplied = tidy(applied(item, {"multiply": _multiplied_out}))
        forms += [multiplied, tidy(_factored(multiplied))]
    found = min(forms, key=lambda item: len(named_text(item)))
    return in_order(found)


def in_order(expression: Expression) -> Expression:
    """Write numbers and parameters first in products, negative terms last in sums.

    What is printed alike comes out alike: ``log1p(x)`` is the logarithm of 1 + x.
    """
    found = applied(expression, {
        "log1p": lambda x: node("log", 1 + x),
        "less": _compared,
        "multiply": lambda a, b: _ordered_product(a * b),
        "divide": lambda a, b: _ordered_product(a / b),
    })  # fmt: skip
    return applied(found, {
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
    terms = [(sign, *factors_of(term)) for sign, term in _terms(item)]
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
            inside = inside + sign * quotient(above, below)
        else:
            outside = outside + sign * quotient(above, below)
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
    above, below = factors_of(item)
    above.sort(key=lambda item: (number(item) is None, item.kind))
    return quotient(above, below)


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
    above, below = factors_of(term)
    for place, factor in enumerate(above):
        if factor.operation in {"add", "subtract"}:
            value = number(factor.arguments[1])
            less = None if value is None else value if factor.operation == "subtract" else -value
            if less is not None and less > 0:
                above[place] = less - factor.arguments[0]
                return quotient(above, below)
    return None


def _parts(item: Expression) -> list[tuple[int, Expression]]:
    """Take a sum apart; a sum that is subtracted stays together."""
    if item.operation == "add":
        return [part for child in item.arguments for part in _parts(child)]
    if item.operation == "subtract":
        return [*_parts(item.arguments[0]), (-1, item.arguments[1])]
    return [(-1, item.arguments[0])] if item.operation == "negative" else [(1, item)]


# --- products and shares -------------------------------------------------------------------
def factors_of(item: Expression) -> tuple[list[Expression], list[Expression]]:
    """Take a product apart: its factors, and what it is divided by."""
    if item.operation == "negative":
        above, below = factors_of(item.arguments[0])
        return [literal(-1), *above], below
    if item.operation == "multiply":
        (above, below), (more, divided) = map(factors_of, item.arguments)
        return [*above, *more], [*below, *divided]
    if item.operation == "divide":
        (above, below), (more, divided) = map(factors_of, item.arguments)
        return [*above, *divided], [*below, *more]
    return [item], []


def quotient(above: Iterable[Expression], below: Iterable[Expression]) -> Expression:
    """Return the product of some factors over that of others."""
    numerator, denominator = literal(1), literal(1)
    for item in above:
        numerator = numerator * item
    for item in below:
        denominator = denominator * item
    return numerator / denominator


def share_of(part: Expression, rest: Expression) -> Expression:
    """Return part / (part + rest) as 1 minus the rest's share, if what both add up to is short."""
    joined = _joined(applied(part + rest, {"sigmoid": _of_positive}))
    whole = min(part + rest, joined, key=lambda item: len(named_text(item)))
    forms = node("share", part, rest), 1 - rest / whole
    return min(forms, key=lambda item: len(named_text(item)))


def _joined(total: Expression) -> Expression:
    """Return a sum in which the sums over a row are one, multiplied out."""
    inner, outer = literal(0), literal(0)
    for sign, term in _terms(total):
        factors, below = factors_of(term)
        row = next((item for item in factors if item.operation == "sum"), None)
        if row is None:
            outer = outer + sign * term
            continue
        others = [item for item in factors if item is not row]
        inner = inner + sign * quotient([*others, row.arguments[0]], below)
    multiplied = tidy(applied(inner, {"multiply": _multiplied_out}))
    return tidy(node("sum", multiplied) + outer) if multiplied.kind is Kind.ELEMENT else total
