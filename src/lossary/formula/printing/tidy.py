"""Shorter forms of an expression, for reading: equal over the real numbers, not in rounding.

A derivative from the reverse sweep is a sum of many products, which a reader would collect:
``r + r`` becomes ``2 * r``, two choices with the same condition become one, an exponential over the
sum of exponentials becomes a softmax.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import reduce

from lossary.formula.expression import Expression, Kind, literal, node, number, walk
from lossary.formula.printing.forms import VALUE_OF_FIRST, without_nan_branch
from lossary.formula.rewrite import replace
from lossary.formula.table import PRIMITIVES

_SUMS = {"add", "subtract", "difference_or_zero", "negative"}
_PRODUCTS = {"multiply", "safe_product", "scale", "divide", "negative", "square_over"}

_ACROSS_CLASSES = {name for name, p in PRIMITIVES.items() if p.reduces or p.mixes}
_ACROSS_CLASSES |= {"softmax", "negative_log_softmax"}


@dataclass(slots=True)
class _Product:
    """A number times powers of factors; those with negative powers are divided by."""

    number: float = 1.0
    powers: Counter[Expression] = field(default_factory=Counter)

    def times(self, other: _Product, power: int = 1) -> None:
        """Multiply by another product, or divide by it."""
        if power < 0 and other.number == 0.0:
            self.powers[literal(0)] -= 1
        else:
            self.number *= other.number**power
        for factor, count in other.powers.items():
            self.powers[factor] += power * count

    def key(self) -> frozenset[tuple[int, int]]:
        """Return a key that is equal for products that differ in their numbers alone."""
        return frozenset((id(item), count) for item, count in self.powers.items() if count)


def tidy(expression: Expression) -> Expression:
    """Return an expression of the same values over the real numbers that is shorter to read.

    Examples
    --------
    >>> from lossary.formula.expression import argument
    >>> from lossary.formula.printing import to_text
    >>> r = argument("inputs") - argument("targets")
    >>> to_text(tidy(r + r))
    '2 * (inputs - targets)'
    """
    uses = Counter(id(child) for item in walk(expression) for child in item.arguments)
    done: dict[int, Expression] = {}
    whole: set[int] = set()  # sums that are used more than once stay together, to get a name
    for item in walk(expression):
        done[id(item)] = found = _tidied(item, [done[id(child)] for child in item.arguments], whole)
        if uses[id(item)] > 1 and found.operation in _SUMS:
            whole.add(id(found))
    return done[id(expression)]


def _tidied(item: Expression, arguments: list[Expression], whole: set[int]) -> Expression:
    """Return a node's operation on tidied arguments, tidied itself."""
    primitive = PRIMITIVES.get(item.operation)
    if primitive is None or not arguments:
        return item
    reduces = primitive.reduces or primitive.expand is not None
    if reduces and max(child.kind for child in arguments) < Kind.ELEMENT:
        return item  # tidied, its argument does not vary along the class axis
    if item.operation in VALUE_OF_FIRST:
        return arguments[0]
    if item.operation == "where":
        return _choice(*arguments)
    if item.operation == "is_finite" and arguments[0].operation != "max":
        return literal(1)  # a maximum gets a name with its guard, in _choice
    if item.operation == "log1p":
        return _log1p(arguments[0])
    if item.operation == "log1p_ratio":
        surprise = _label_surprise(*arguments)
        return node("log1p_ratio", *arguments) if surprise is None else surprise
    if item.operation == "sum" and arguments[0].operation == "exp_difference_or_zero":
        a, b = arguments[0].arguments
        ties = node("where", node("equal", a, b), 1, 0)
        share = node("exp_difference_or_one", a, b)
        return node("subtract", node("sum", share), node("sum", ties))
    found = node(item.operation, *arguments)
    if found.operation in _SUMS:
        return _sum(_terms(found, whole))
    return _built(_product(found)) if found.operation in _PRODUCTS else found


def _log1p(x: Expression) -> Expression:
    """Return log1p(y - 1) as the logarithm of y."""
    less_one = x.operation == "add" and number(x.arguments[1]) == -1.0
    return node("log", x.arguments[0]) if less_one else node("log1p", x)


def _choice(condition: Expression, a: Expression, b: Expression) -> Expression:
    b = without_nan_branch(b)
    if condition.operation == "is_finite" and a.operation == "max" and number(b) == 0.0:
        return node("finite_maximum", a.arguments[0])
    if condition.operation in {"less", "less_equal"}:
        low, high = condition.arguments
        a, b = _decided(a, low, high), _decided(b, high, low)
    return node("where", condition, _chosen(a, condition, 1), _chosen(b, condition, 2))


def _chosen(branch: Expression, condition: Expression, position: int) -> Expression:
    """Replace choices inside a branch that have its own condition by what they choose there.

    Inside what looks at other elements of the row the condition is that of another class.
    """
    if any(item.operation in _ACROSS_CLASSES for item in walk(branch)):
        return branch
    known = {
        id(item): item.arguments[position]
        for item in walk(branch)
        if item.operation == "where" and item.arguments[0] is condition
    }
    return tidy(replace(branch, known)) if known else branch


def _decided(branch: Expression, low: Expression, high: Expression) -> Expression:
    """Replace maxima and minima of two values, where ``high`` is known to be the larger one."""
    known = {
        id(node(name, *pair)): found
        for name, found in (("maximum", high), ("minimum", low))
        for pair in ((low, high), (high, low))
    }
    if not any(id(item) in known for item in walk(branch)):
        return branch
    return tidy(replace(branch, known))


# --- products ---------------------------------------------------------------------------------
def _product(item: Expression) -> _Product:
    """Return the factors of a product; any other node is its own only factor."""
    value = number(item)
    if value is not None:
        return _Product(value)
    found = _Product()
    if item.operation == "negative":
        found.number = -1.0
        found.times(_product(item.arguments[0]))
    elif item.operation == "square_over":
        found.times(_product(item.arguments[0]), 2)
        found.times(_product(item.arguments[1]), -1)
    elif item.operation in _PRODUCTS:
        found.times(_product(item.arguments[0]))
        found.times(_product(item.arguments[1]), -1 if item.operation == "divide" else 1)
    else:
        base, exponent = _base(item)
        found.powers[base] = exponent
    return found


def _base(item: Expression) -> tuple[Expression, int]:
    """Return base and exponent of a power with a small whole exponent, else the node and 1."""
    if item.operation == "power":
        exponent = number(item.arguments[1])
        if exponent is not None and exponent.is_integer() and 0 < exponent < 10:
            return item.arguments[0], int(exponent)
    return item, 1


def _built(product: _Product) -> Expression:
    """Return the expression of a product, a fraction where factors have negative powers."""
    if product.number == 0.0:
        return literal(0)
    chosen = _into_choice(product)
    if chosen is not None:
        return chosen
    powers = _with_softmax(product.powers)
    below = _multiplied(_power(item, -count) for item, count in powers.items() if count < 0)
    factors = [_power(item, count) for item, count in powers.items() if count > 0]
    size = abs(product.number)
    above = _multiplied([literal(size), *factors] if size != 1.0 else factors)
    found = above if below is literal(1) else node("divide", above, below)
    return -found if product.number < 0 else found


def _power(item: Expression, count: int) -> Expression:
    return item if count == 1 else node("power", item, count)


def _multiplied(factors: Iterable[Expression]) -> Expression:
    return reduce(lambda a, b: node("multiply", a, b), factors, literal(1))


def _into_choice(product: _Product) -> Expression | None:
    """Return a product inside the choice among its factors in which one branch is 0, or None."""
    for item, count in product.powers.items():
        if item.operation == "where" and count == 1 and 0.0 in map(number, item.arguments[1:]):
            condition, *branches = item.arguments
            rest = _Product(product.number, Counter(product.powers))
            del rest.powers[item]
            if product.number == 1.0 and not rest.key():
                return None
            moved = []
            for branch in branches:
                whole = _Product(rest.number, Counter(rest.powers))
                whole.times(_product(branch))
                moved.append(_built(whole))
            return node("where", condition, *moved)
    return None


def _with_softmax(powers: Counter[Expression]) -> Counter[Expression]:
    """Replace exponentials over their sum by a softmax."""
    powers = _with_label_softmax(powers)
    found: Counter[Expression] = Counter()
    for item, count in powers.items():
        total = node("sum", item) if _is_share(item) else None
        if total is not None and count == 1 and powers.get(total) == -1:
            found[node("softmax", item.arguments[0])] += 1
        elif not (item.operation == "sum" and powers.get(item.arguments[0]) == 1 and count == -1
                  and _is_share(item.arguments[0])):  # fmt: skip
            found[item] += count
    return found


def _with_label_softmax(powers: Counter[Expression]) -> Counter[Expression]:
    """Replace what is divided by the sum of the label's and the others' exponentials.

    The others' sum over it is 1 minus the label's softmax, written without that difference.
    """
    for total, count in powers.items():
        if count != -1 or total.operation != "add" or total.arguments[1].operation != "exp":
            continue
        others, difference = total.arguments[0], total.arguments[1].arguments[0]
        surprise = _label_surprise(others, difference)
        if surprise is None:
            continue
        share = others.arguments[0].arguments[2]
        shorter = {
            others: -node("expm1", -surprise),
            share: node("softmax", surprise.arguments[0]),
        }
        for factor, ratio in shorter.items():
            if powers.get(factor) == 1:
                replaced = (id(total), id(factor))
                rest = Counter({x: n for x, n in powers.items() if id(x) not in replaced})
                rest[ratio] += 1
                return rest
    return powers


def _label_surprise(others: Expression, difference: Expression) -> Expression | None:
    """Return the negative logarithm of the softmax at a label whose parts these are, or None."""
    if others.operation != "sum" or difference.operation != "subtract":
        return None
    own, top = difference.arguments
    choice = others.arguments[0]
    if own.operation != "at_label" or choice.operation != "where":
        return None
    values, labels = own.arguments
    share = choice.arguments[2]
    is_label = node("equal", node("index"), labels)
    expected = node("where", is_label, 0, share)
    if choice is not expected or not _is_share(share) or share.arguments[0] is not values:
        return None
    if share.arguments[1] is not top:
        return None
    return node("negative_log_softmax_at", values, labels)


def _is_share(item: Expression) -> bool:
    """Return whether a node is the exponential of the difference from a row's maximum."""
    if item.operation not in {"exp_difference_or_one", "exp_difference"}:
        return False
    values, top = item.arguments
    return top.operation in {"max", "finite_maximum"} and top.arguments[0] is values


# --- sums -------------------------------------------------------------------------------------
def _terms(item: Expression, whole: set[int], sign: float = 1.0) -> list[_Product]:
    """Return the terms of a sum; the sums in ``whole`` stay together, unless they are x - 1."""
    less_one = item.operation == "add" and number(item.arguments[1]) == -1.0
    if item.operation not in _SUMS or (id(item) in whole and not less_one):
        product = _product(item)
        product.number *= sign
        return [product]
    signs = {"add": (1, 1), "negative": (-1,)}.get(item.operation, (1, -1))
    return [
        term
        for child, own in zip(item.arguments, signs, strict=True)
        for term in _terms(child, whole, sign * own)
    ]


def _sum(terms: list[_Product]) -> Expression:
    """Return the expression of a sum, with like terms and choices of one condition collected."""
    like: dict[frozenset[tuple[int, int]], _Product] = {}
    for term in terms:
        if term.key() in like:
            like[term.key()].number += term.number
        else:
            like[term.key()] = term
    parts = [_built(term) for term in like.values() if term.number != 0.0]
    parts = _with_logsumexp(_with_exp(_joined_choices(parts)))
    parts.sort(key=lambda part: part.operation == "negative")
    return reduce(lambda a, b: node("add", a, b), parts, literal(0))


def _joined_choices(parts: list[Expression]) -> list[Expression]:
    """Add choices with the same condition branch by branch."""
    found: list[Expression] = []
    known: dict[int, int] = {}  # from a condition to the index in ``found``
    for part in parts:
        index = known.get(id(part.arguments[0])) if part.operation == "where" else None
        if index is None:
            if part.operation == "where":
                known[id(part.arguments[0])] = len(found)
            found.append(part)
            continue
        pairs = zip(found[index].arguments[1:], part.arguments[1:], strict=True)
        sums = (_sum([*_terms(a, set()), *_terms(b, set())]) for a, b in pairs)
        found[index] = node("where", part.arguments[0], *sums)
    return found


def _with_exp(parts: list[Expression]) -> list[Expression]:
    """Replace 1 + expm1(x) by exp(x)."""
    one = next((part for part in parts if number(part) == 1.0), None)
    expm1 = next((part for part in parts if part.operation == "expm1"), None)
    if one is None or expm1 is None:
        return parts
    exp = node("exp", expm1.arguments[0])
    return [exp if part is expm1 else part for part in parts if part is not one]


def _with_logsumexp(parts: list[Expression]) -> list[Expression]:
    """Replace a row's maximum plus the logarithm of a sum of exponentials by logsumexp."""
    for part in parts:
        inner = part.arguments[0] if part.operation == "log" else part
        share = inner.arguments[0] if inner.operation == "sum" else inner
        if part.operation == "log" and _is_share(share):
            values, top = share.arguments
            if any(other is top for other in parts):
                rest = [other for other in parts if other is not part and other is not top]
                return [node("logsumexp", values, 0), *rest]
    return parts
