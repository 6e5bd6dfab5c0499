"""Names for the parts that a long formula repeats: ``r * r, with r = a - b``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection
from typing import NamedTuple

from lossary.formula.expression import Expression, argument, walk
from lossary.formula.printing.printer import to_latex, to_text
from lossary.formula.rewrite import replace
from lossary.formula.table import PRIMITIVES

_LETTERS = "rsuvwabdfghmnq"  # e is Euler's number, k the class, C the number of classes
_SHORT = 10  # printed characters that are not worth a name


class Named(NamedTuple):
    """An expression with names in it, and the parts that they stand for.

    A part may use the names of the parts before it.
    """

    body: Expression
    parts: tuple[tuple[str, Expression], ...]


def name_parts(
    expression: Expression,
    taken: Collection[str] = (),
    worth: Callable[[Expression, str], bool] | None = None,
) -> Named:
    """Return an expression with a letter for each part that is repeated and long.

    Parameters
    ----------
    expression : Expression
        What is to be printed.
    taken : collection of str, optional
        Letters not to use, besides the names of its arguments and parameters.
    worth : callable, optional
        From a repeated part and the text that a name would replace to whether it gets a name. By
        default a part of more than a few characters does.

    Examples
    --------
    >>> from lossary.formula.expression import argument
    >>> difference = argument("inputs") - argument("targets")
    >>> name_parts(difference * difference)
    Named(body=multiply(r, r), parts=(('r', subtract(inputs, targets)),))
    """
    taken = {*taken, *(str(item.value) for item in walk(expression) if item.value is not None)}
    letters = [letter for letter in _LETTERS if letter not in taken]
    uses = Counter(id(child) for item in walk(expression) for child in item.arguments)
    parts: list[tuple[str, Expression]] = []
    names: dict[int, Expression] = {}
    for item in walk(expression):
        if uses[id(item)] < 2 or not item.arguments or PRIMITIVES[item.operation].boolean:
            continue
        if len(parts) == len(letters):
            break
        part = replace(item, names)
        text = to_text(part)
        if worth(item, text) if worth else len(text) > _SHORT:
            letter = letters[len(parts)]
            parts.append((letter, part))
            names[id(item)] = argument(letter, item.kind)
    return Named(replace(expression, names), tuple(parts))


def named_text(expression: Expression) -> str:
    """Return an expression as plain text on one line: ``BODY, with r = PART; s = PART``."""
    body, parts = name_parts(expression)
    meanings = "; ".join(f"{name} = {to_text(part)}" for name, part in parts)
    return f"{to_text(body)}, with {meanings}" if parts else to_text(body)


def named_latex(expression: Expression) -> str:
    """Return an expression as LaTeX on one line, with its parts as :func:`named_text` does."""
    body, parts = name_parts(expression)
    meanings = r";\; ".join(f"{name} = {to_latex(part)}" for name, part in parts)
    return rf"{to_latex(body)} \quad\text{{with }} {meanings}" if parts else to_latex(body)
