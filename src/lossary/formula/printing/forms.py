"""What an operation is printed as: its primitive's template, or one that depends on its operands.

A form is a template and the expressions that go into it. ``a + (-b)`` has the form of a difference;
a softmax at a label has one with the label as its index.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal, NamedTuple

from lossary.formula.expression import Expression, is_number, literal, node, number
from lossary.formula.table import BINDING, PRIMITIVES

PrintKind = Literal["text", "latex"]
#: Operations that only derivatives treat differently from their first operand.
VALUE_OF_FIRST = frozenset({"stop", "with_derivatives_of"})


class Form(NamedTuple):
    """A template, how tightly the printed form binds, and the operands in the template."""

    template: str
    precedence: int
    operands: tuple[Expression, ...]


def form_of(item: Expression, kind: PrintKind) -> Form:
    """Return the form that an operation is printed in."""
    special = _FORMS.get(item.operation)
    found = special(kind, *item.arguments) if special is not None else None
    return found or form_of_primitive(item.operation, item.arguments, kind)


def form_of_primitive(operation: str, operands: tuple[Expression, ...], kind: PrintKind) -> Form:
    """Return the form of an operation's template in the table."""
    primitive = PRIMITIVES[operation]
    if kind == "text":
        return Form(primitive.text, primitive.precedence, operands)
    return Form(primitive.latex, primitive.latex_precedence, operands)


def without_nan_branch(otherwise: Expression) -> Expression:
    """Return the second branch of a choice without the choice in it that only passes NaN on."""
    if otherwise.operation == "where":
        last = number(otherwise.arguments[2])
        if last is not None and math.isnan(last):
            return otherwise.arguments[1]
    return otherwise


# --- forms that depend on the operands ------------------------------------------------------
def _where(
    kind: PrintKind, condition: Expression, chosen: Expression, otherwise: Expression
) -> Form:
    return form_of_primitive("where", (condition, chosen, without_nan_branch(otherwise)), kind)


def _add(kind: PrintKind, first: Expression, second: Expression) -> Form | None:
    """Print a sum with a negative term as a difference."""
    value = number(second)
    if value is not None and value < 0:
        return form_of_primitive("subtract", (first, literal(-value)), kind)
    if second.operation == "negative":
        return form_of_primitive("subtract", (first, second.arguments[0]), kind)
    return None


def _subtract(kind: PrintKind, first: Expression, second: Expression) -> Form | None:
    """Print the difference from a negative number as a sum."""
    value = number(second)
    if value is not None and value < 0:
        return form_of_primitive("add", (first, literal(-value)), kind)
    return None


def _divide(kind: PrintKind, above: Expression, below: Expression) -> Form | None:
    """Print (x / 2) / y as x / (2 y)."""
    if kind == "text" or above.operation != "multiply":
        return None
    coefficient, rest = above.arguments
    value = number(coefficient)
    if value is None or not 0 < value < 1:
        return None
    divisor = 1 / value
    if not divisor.is_integer() or 1 / divisor != value:
        return None
    return form_of_primitive("divide", (rest, node("multiply", literal(divisor), below)), kind)


def _log1p(kind: PrintKind, x: Expression) -> Form | None:
    """Print log(1 + x) of a negative x as the logarithm of a difference."""
    if kind == "text":
        return None
    return form_of_primitive("log", (node("add", literal(1), x),), kind)


def _log(kind: PrintKind, of: Expression) -> Form | None:
    """Print the logarithm of a softmax, at a label too, without parentheses."""
    share = of.arguments[0] if of.operation == "at_label" else of
    if kind == "text" or share.operation != "softmax":
        return None
    return Form(r"\log{0}", BINDING["function"], (of,))


def _logsumexp(kind: PrintKind, values: Expression, relative_to: Expression) -> Form | None:
    """Leave out the difference from 0."""
    if not is_number(relative_to, 0.0):
        return None
    if kind == "text":
        return Form("logsumexp({0})", BINDING["atom"], (values,))
    return Form(r"\log \sum_k e^{{{0}}}", BINDING["sum over classes"], (values,))


def _at_label(kind: PrintKind, values: Expression, labels: Expression) -> Form | None:
    """Print the softmax at a label with the label as its index."""
    if kind == "text" or values.operation != "softmax":
        return None
    share = r"\operatorname{{softmax}}_{{{1}}}\left({0}\right)"
    return Form(share, BINDING["function"], (values.arguments[0], labels))


def _negative_log_softmax_at(
    kind: PrintKind, values: Expression, labels: Expression
) -> Form | None:
    """Print the label as the index of the softmax."""
    if kind == "text":
        return None
    template = r"-\log\operatorname{{softmax}}_{{{1}}}\left({0}\right)"
    return Form(template, BINDING["sum"], (values, labels))


_FORMS: dict[str, Callable[..., Form | None]] = {
    "where": _where,
    "add": _add,
    "subtract": _subtract,
    "divide": _divide,
    "log1p": _log1p,
    "log": _log,
    "logsumexp": _logsumexp,
    "at_label": _at_label,
    "negative_log_softmax_at": _negative_log_softmax_at,
}
