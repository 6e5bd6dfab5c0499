"""Names for the parts of formulas that are too wide for their column: "a / b with a = ...".

A browser breaks a formula between the terms of a sum; what lies between two breaks must fit. Where
it does not, the part whose name leaves the least wide rest becomes a formula of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import NamedTuple

from formula_width import width
from mathml import terms

from lossary.formula.expression import Expression, argument, number, walk
from lossary.formula.rewrite import replace
from lossary.formula.table import PRIMITIVES

#: Ems that a column has room for, less what the estimate of a width may be wrong by.
ROOM = 37.0
_LETTERS = "rsuvwabdfghmnqABDFGHLMNPQRSUVWXYZ"  # E and I are expectation and identity, C a count


class Named(NamedTuple):
    """A formula: what is on its left, and the expression on its right."""

    name: str
    value: Expression


Printer = Callable[[Expression], str]


def fitted(
    formulas: Sequence[Named], parts: Sequence[Named], taken: Collection[str], latex: Printer,
    room: float = ROOM,
) -> tuple[list[Named], list[Named]]:  # fmt: skip
    """Return formulas, and parts in the order in which they use one another, that fit a column.

    Parameters
    ----------
    formulas, parts : sequence of Named
        What is printed; the names of parts are letters, those of formulas LaTeX.
    taken : collection of str
        Letters that stand for something.
    latex : callable
        Prints an expression.
    room : float
        The width of the column, in ems.
    """
    used = {*taken, *(part.name for part in parts)}
    letters = iter([letter for letter in _LETTERS if letter not in used])
    titles = [formula.name for formula in formulas]
    waiting = [*parts, *formulas]
    done: list[Named] = []
    while waiting:
        current = waiting[0]
        found = _part(current, latex, room)
        letter = next(letters, None) if found is not None else None
        if found is None or letter is None:
            done.append(waiting.pop(0))
            continue
        name = {id(found): argument(letter, found.kind)}
        waiting = [Named(letter, found), *(item._replace(value=replace(item.value, name))
                                           for item in waiting)]  # fmt: skip
    return _in_order(done, titles, taken)


def _in_order(
    named: Sequence[Named], titles: Collection[str], taken: Collection[str]
) -> tuple[list[Named], list[Named]]:
    """Return formulas and parts, these with letters in the order in which they are read."""
    parts = [item for item in named if item.name not in titles and item.name not in taken]
    free = [letter for letter in _LETTERS if letter not in taken]
    letters = dict(zip((part.name for part in parts), free, strict=False))
    names = {
        id(argument(part.name, part.value.kind)): argument(letters[part.name], part.value.kind)
        for part in parts
    }
    renamed = [Named(letters.get(name, name), replace(value, names)) for name, value in named]
    return (
        [item for item in renamed if item.name in titles],
        [item for item in renamed if item.name not in titles],
    )


def widest(text: str) -> float:
    """Return the width of the widest piece of a formula between two breaks."""
    return max(map(width, terms(text)))


def _part(formula: Named, latex: Printer, room: float) -> Expression | None:
    """Return the part of a formula that gets a name first, or None where the formula fits."""
    opening = r"\text{with } " if formula.name in _LETTERS else ""

    def printed(value: Expression) -> str:
        return f"{opening}{formula.name} = {latex(value)}"

    if widest(printed(formula.value)) <= room:
        return None
    rated = []
    for part in _candidates(formula.value):
        own = widest(rf"\text{{with }} x = {latex(part)}")
        rest = printed(replace(formula.value, {id(part): argument("x", part.kind)}))
        if own <= room or len(latex(part)) < len(printed(formula.value)) / 2:
            rated.append((max(own, widest(rest)), len(rest), len(rated), part))
    return min(rated)[-1] if rated else None


def _candidates(expression: Expression) -> Iterator[Expression]:
    """Yield the parts that are worth a name; conditions have none."""
    for item in walk(expression):
        boolean = item.arguments and PRIMITIVES[item.operation].boolean
        if item is not expression and item.arguments and not boolean and number(item) is None:
            yield item
