"""The words of formulas in JavaScript, for the page where a reader writes a formula.

Each word and each operator is a function of numbers that returns its value and its first and
second partial derivatives. They are printed from the table of primitives, so what they are at
kinks is what the package has there.
"""

from __future__ import annotations

import inspect
import itertools
import json
from collections.abc import Callable
from typing import Any

from lossary import formula
from lossary.errors import LossaryError
from lossary.formula.expression import Expression, argument, node, parameter, walk
from lossary.formula.gradient import gradient
from lossary.formula.printing.javascript import to_javascript
from lossary.formula.rewrite import expand, expand_all
from lossary.formula.table import FUNCTIONS, PRIMITIVES

#: What the page's own language makes of conditions.
CHOICES = {"where", "is_finite"}
_OPERATORS = {
    "+": "add", "-": "subtract", "*": "multiply", "/": "divide", "**": "power",
    "negative": "negative", "abs": "absolute",
}  # fmt: skip
_LETTERS = "abcdef"
_LONGEST = 13_000  # characters; longer words are those of losses that the package has


def words() -> str:
    """Return the script of the words of numbers, and the names of those that it leaves out."""
    found = {
        name: _word(lambda *x, word=word: node(word, *x), len(PRIMITIVES[word].operands))
        for name, word in _OPERATORS.items()
    }
    for name, (word, count) in elementwise_words().items():
        text = _word(word, count)
        if len(text) <= _LONGEST:
            found[name] = text
    others = sorted(FUNCTIONS - found.keys() - CHOICES - {"Expression", "Kind"})
    lines = ",\n".join(f'"{name}": {text}' for name, text in found.items())
    return f"lossary.words = {{\n{lines}\n}};\nlossary.otherWords = {json.dumps(others)};\n"


def elementwise_words() -> dict[str, tuple[Callable[..., Any], int]]:
    """Return the functions of numbers by their names, with how many numbers they take."""
    found = {}
    for name in sorted(FUNCTIONS - CHOICES):
        word = getattr(formula, name)
        if not inspect.isfunction(word):
            continue
        taken = inspect.signature(word).parameters.values()
        count = sum(one.default is one.empty for one in taken)
        try:
            value = word(*map(argument, _LETTERS[:count]))
        except LossaryError:  # takes conditions, or labels
            continue
        if count and all(map(_is_elementwise, walk(*expand_all(value)))):
            found[name] = (word, count)
    return found


def _is_elementwise(item: Expression) -> bool:
    row = PRIMITIVES.get(item.operation)
    return row is None or not (row.reduces or row.mixes or row.per_class or not row.operands)


def _word(word: Callable[..., Any], count: int) -> str:
    """Return a word; where constants after its first operand matter at ties, both forms."""
    elements = [argument(letter) for letter in _LETTERS[:count]]
    constants = [elements[0], *(parameter(letter) for letter in _LETTERS[1:count])]
    forms = [_function(word(*elements), elements, count)]
    of_first = [_function(word(*x), x, 1) for x in (elements, constants)]
    if of_first[0] != of_first[1]:
        forms.append(of_first[1])
    return f"{{count: {count}, forms: [{', '.join(forms)}]}}"


def _function(value: Expression, operands: list[Expression], varying: int) -> str:
    """Return a function of operands: value, first derivatives, second ones of every pair.

    The derivatives are those of the operands that vary, the first ones.
    """
    value = expand(value)
    first = [expand(gradient(value, x)) for x in operands[:varying]]
    pairs = itertools.combinations_with_replacement(range(varying), 2)
    second = [gradient(first[i], operands[j]) for i, j in pairs]
    program = to_javascript(value, *first, *second)
    result, *slopes = program.outputs
    given = ", ".join(str(x.value) for x in operands)
    lines = " ".join((*program.helpers, *program.statements))
    returned = f"[{result}, [{', '.join(slopes[:varying])}], [{', '.join(slopes[varying:])}]]"
    return f"({given}) => {{ {lines} return {returned}; }}"
