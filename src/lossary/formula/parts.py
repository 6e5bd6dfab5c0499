"""Long formulas with names for the parts that they repeat: ``r * r, with r = a - b``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection
from typing import NamedTuple

from lossary.formula.expression import Expression, argument, walk
from lossary.formula.primitives import PRIMITIVES
from lossary.formula.printing import to_latex, to_text
from lossary.formula.rewrite import replace

_LETTERS = "rsuvwabdfghmnq"  # e is Euler's number, k the class, C the number of classes
_SHORT = 10  # printed characters that are not worth a name


class Named(NamedTuple):
    """An expression with names in it, and what they stand for, in the order of their use."""

    body: Expression
    parts: tuple[tuple[str, Expression], ...]


def name_parts(
    expression: Expression,
    taken: Collection[str] = (),
    worth: Callable[[Expression, str], bool] | None = None,
) -> Named:
    """Give a letter to every part that is repeated and long.

    Later parts may be written with the letters of earlier ones. A letter that is taken, or the
    name of an argument or a parameter, is left out. ``worth`` says whether a repeated part gets a
    name; it is asked with the part and with the text that the name would replace.
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
        written = replace(item, names)
        text = to_text(written)
        if worth(item, text) if worth else len(text) > _SHORT:
            letter = letters[len(parts)]
            parts.append((letter, written))
            names[id(item)] = argument(letter, item.kind)
    return Named(replace(expression, names), tuple(parts))


def named_text(expression: Expression) -> str:
    """Print an expression as plain text on one line: ``BODY, with r = PART; s = PART``."""
    body, parts = name_parts(expression)
    spelled = "; ".join(f"{name} = {to_text(part)}" for name, part in parts)
    return f"{to_text(body)}, with {spelled}" if parts else to_text(body)


def named_latex(expression: Expression) -> str:
    """Print an expression as LaTeX on one line, with its parts as :func:`named_text` does."""
    body, parts = name_parts(expression)
    spelled = r";\; ".join(f"{name} = {to_latex(part)}" for name, part in parts)
    return rf"{to_latex(body)} \quad\text{{with }} {spelled}" if parts else to_latex(body)
