r"""Formulas of a loss's page: lines of LaTeX in short symbols, and what the symbols stand for.

Arguments are printed as letters (``logits`` as z), and for losses of classes with the index of
the class: z_k in a sum over k, z_y at the label y. In a derivative, which varies with the class k,
sums run over j.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from formula_fit import ROOM, Named, fitted
from formula_notes import notes_on
from formula_width import width
from known_losses import is_of_pairs
from pair_definitions import SYMBOLS as OF_PAIRS
from shorter_forms import in_order
from textbook import HIT, Textbook, textbook, variant, with_label, with_log_softmax

from lossary import Loss
from lossary.definition.docstring import is_readable, shown_gradient
from lossary.formula.expression import (
    Expression,
    Kind,
    argument,
    label,
    node,
    number,
    parameter,
    walk,
)
from lossary.formula.printing import name_parts, tidy, to_latex
from lossary.formula.rewrite import replace, rewrite
from lossary.formula.table import PRIMITIVES

#: What is printed for the names of arguments and parameters; the rest are printed as they are.
SYMBOLS = {
    "inputs": "z", "logits": "z", "predictions": "z", "targets": "y", "vars": "v",
    "inputs1": "z1", "inputs2": "z2", "anchors": "a", "positives": "p", "negatives": "n",
    "times": "t", "events": "d",
    "eps": "epsilon", "margin": "m", "label_smoothing": "s", "class_weights": "c",
    "class_scales": "w",
    "temperature": "T",
}  # fmt: skip
_WHOLE_ROWS = {"softmax", "negative_log_softmax", "negative_log_softmax_at", "norm"}
_WITH_INDEX = {"index", "negative_log_softmax"}
_ELEMENTWISE_FORMS = {"softplus", "sigmoid"}  # those of others are long series
_SHORT = {"absolute", "softmax", "norm"}  # they are printed with one sign
_WORTH = 16  # printed characters that a name must save
_LEAST = 1.9  # ems of a part that gets a name

VALUE = r"\ell"
SLOPE = r"\frac{\partial \ell}{\partial FIRST}"


class Lines(NamedTuple):
    """Formulas, what abbreviates their parts, the names of symbols, and what other signs mean."""

    formulas: tuple[str, ...]
    parts: tuple[str, ...]
    symbols: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()


def textbook_lines(loss: Loss, structure: Mapping[str, object]) -> Lines:
    """Return a loss and its derivative, if that is readable, as a textbook has them."""
    found = textbook(loss, structure)
    if is_readable(found.gradient):
        return _lines(loss, {VALUE: found.formula, SLOPE: found.gradient}, found)
    lines = _lines(loss, {VALUE: found.formula}, found)
    slope = SLOPE.replace("FIRST", spelled(_symbols(loss)[loss.arguments[0]]))
    return lines._replace(notes=(*lines.notes, f":math:`{slope}` is too long to be printed"))


def value_lines(loss: Loss, structure: Mapping[str, object], room: float = ROOM) -> Lines:
    """Return a loss alone as a textbook has it, in a column of some ems."""
    found = textbook(loss, structure)
    return _lines(loss, {VALUE: found.formula}, found, room)


def slope_lines(loss: Loss, structure: Mapping[str, object]) -> Lines:
    """Return the derivative alone as a textbook has it."""
    found = textbook(loss, structure)
    return _lines(loss, {SLOPE: found.gradient}, found)


def computed_lines(loss: Loss, structure: Mapping[str, object]) -> list[Lines]:
    """Return what the code computes where it is not the textbook's form.

    First formula and derivative, then each function that is computed by a form of its own.
    """
    plain = textbook(loss, structure)
    labels = variant(loss, structure).symbols.get("targets")
    written = tidy(variant(loss, structure).unexpanded)
    slope = shown_gradient(loss, structure)
    differing = {}
    if in_order(with_log_softmax(written)) is not plain.formula:
        differing[VALUE] = written
    if is_readable(slope) and in_order(slope) is not in_order(
        tidy(with_label(plain.gradient, labels))
    ):
        differing[SLOPE] = slope
    found = [_lines(loss, differing)] if differing else []
    return found + [_identity(item) for item in _own_forms(written, slope)]


# --- lines ------------------------------------------------------------------------------------
def _lines(
    loss: Loss,
    outputs: Mapping[str, Expression],
    defined: Textbook | None = None,
    room: float = ROOM,
) -> Lines:
    known = _symbols(loss)
    printer = _Printer(known.get("targets", ""), rows=loss.axis is not None, room=room)
    first = printer.latex(argument(known[loss.arguments[0]], Kind.ELEMENT))
    titles = [title.replace("FIRST", first) for title in outputs]
    parts = _needed(defined.parts, *outputs.values()) if defined else {}
    given = [Named(name, _renamed(item, known)) for name, item in parts.items()]
    found = printer.lines(titles, [_renamed(item, known) for item in outputs.values()], given)
    whole = (*outputs.values(), *parts.values())
    used = {str(item.value) for item in walk(*whole)}
    meanings = ((spelled(symbol), name) for name, symbol in known.items() if name in used)
    symbols = tuple(pair for pair in meanings if pair[0] != pair[1])
    notes = [*notes_on(loss, *whole), *(_said(defined.notes, parts) if defined else ())]
    return found._replace(symbols=symbols, notes=tuple(notes))


def _needed(parts: Mapping[str, Expression], *outputs: Expression) -> dict[str, Expression]:
    """Return the parts that formulas use, themselves or through others."""
    used = {str(item.value) for item in walk(*outputs) if item.operation == "argument"}
    for name, item in reversed(parts.items()):
        if name in used:
            used |= {str(one.value) for one in walk(item) if one.operation == "argument"}
    return {name: item for name, item in parts.items() if name in used}


def _said(notes: Sequence[str], parts: Mapping[str, Expression]) -> Iterator[str]:
    """Return the notes on parts that are shown: a note begins with the letter of its part."""
    return (note for note in notes if re.match(r":math:`(\w)", note)[1] in parts)


def _identity(operation: str) -> Lines:
    """Return how the package computes a function: of x, of the label y, of the number c."""
    row = PRIMITIVES[operation]
    x, c = argument("x"), parameter("c")
    others = {"label": [label("y")], "condition": [c < x, x <= c]}.get(row.operands[-1].kind, [c])
    operands = (x, *others)[: len(row.operands)]
    form = row.expand(*operands) if row.expand else row.compute(_SymbolicOperations(), *operands)
    (form,) = rewrite((form,), _ZEROS)
    printer = _Printer("y", rows=row.expand is not None)
    return printer.lines([printer.latex(node(operation, *operands))], [form])


_ZEROS: dict[str, Callable[..., Expression]] = {
    "divide": lambda a, b: a if number(a) == 0.0 else a / b,
    "multiply": lambda a, b: a if number(a) == 0.0 else a * b,
}


def _own_forms(*outputs: Expression) -> list[str]:
    """Return the functions in formulas that have a form of their own, those of classes first.

    Not those of long series, whose meaning the textbook's form shows, nor those of three operands,
    which have none here.
    """
    used = {item.operation for item in walk(*outputs)} - _SOLVED
    return [name for name, row in PRIMITIVES.items() if name in used and not row.approximate
            and (row.expand is not None or name in _ELEMENTWISE_FORMS)
            and len(row.operands) <= 2]  # fmt: skip


#: What solves an equation step by step: the notes give the equation.
_SOLVED = {"sparsemax_threshold", "multiclass_sparsemax"}


class _SymbolicOperations:
    """The array library that a primitive's spelling is printed with."""

    def __getattr__(self, name: str) -> Callable[..., Expression]:
        operation = {"abs": "absolute"}.get(name, name)
        return lambda *operands: node(operation, *operands)


def _symbols(loss: Loss) -> dict[str, str]:
    """Return a symbol for every name; none stands for two of them."""
    found: dict[str, str] = {}
    known = OF_PAIRS if is_of_pairs(loss) else SYMBOLS
    for name in (*loss.arguments, *loss.parameters, *loss.prepare, "class_weights"):
        symbol = known.get(name, name)
        found[name] = name if symbol in found.values() else symbol
    return found


def _renamed(expression: Expression, symbols: Mapping[str, str]) -> Expression:
    leaves = {
        id(item): _LEAVES[item.operation](symbols[str(item.value)], item.kind)
        for item in walk(expression)
        if item.operation in _LEAVES and str(item.value) in symbols
    }
    return replace(expression, leaves)


_LEAVES: dict[str, Callable[[str, Kind], Expression]] = {
    "argument": argument,
    "label": label,
    "parameter": lambda name, _: parameter(name),
}


def spelled(symbol: str, index: str = "") -> str:
    r"""Return the LaTeX of a symbol, with the index of a class.

    Examples
    --------
    >>> spelled("z"), spelled("z", "k"), spelled("x1", "k"), spelled("epsilon")
    ('z', 'z_{k}', 'x_{1,k}', '\\epsilon')
    """
    found = re.fullmatch(r"([a-zA-Z])(\d+)", symbol)
    base, number = found.groups() if found else (to_latex(argument(symbol)), "")
    subscript = ",".join(filter(None, (number, index)))
    return f"{base}_{{{subscript}}}" if subscript else base


class _Printer:
    """Prints expressions; those of a loss of rows with the index of the class."""

    def __init__(self, targets: str, *, rows: bool, room: float = ROOM) -> None:
        self.targets = targets
        self.rows = rows
        self.room = room
        self.names: dict[str, str] = {}

    def lines(
        self, titles: Sequence[str], outputs: Sequence[Expression], given: Sequence[Named] = ()
    ) -> Lines:
        """Return a line for each output, and one for each part that has a name.

        The parts that are given have their names already.
        """
        # One expression, so that what they share has one name.
        whole = outputs[0] if len(outputs) == 1 else node("equal", *outputs)
        inside = walk(whole, *(part.value for part in given))
        taken = {str(item.value) for item in inside if item.value is not None}
        taken |= {part.name for part in given}
        occurrences = _occurrences(whole)

        def worth(item: Expression, text: str) -> bool:
            saved = (occurrences[id(item)] - 1) * len(text)
            if given or item.operation in _SHORT or saved < _WORTH:
                return False
            return width(self.latex(item)) >= _LEAST

        body, shared = name_parts(whole, taken, worth)
        bodies = [body] if len(outputs) == 1 else body.arguments
        formulas, parts = fitted(
            [Named(*pair) for pair in zip(titles, bodies, strict=True)],
            [*given, *(Named(*pair) for pair in shared)],
            taken,
            self.latex,
            self.room,
        )
        letters = (self.latex(argument(part.name, part.value.kind)) for part in parts)
        return Lines(
            tuple(f"{name} = {self.latex(value)}" for name, value in formulas),
            tuple(
                f"{letter} = {self.latex(part.value)}"
                for letter, part in zip(letters, parts, strict=True)
            ),
        )

    def latex(self, expression: Expression) -> str:
        """Return the LaTeX of an expression of symbols."""
        for item in walk(expression):
            if item.operation in _LEAVES:
                self.names[str(item.value)] = spelled(str(item.value))
        if not self.rows:
            return to_latex(expression, self.names)
        inner = "j" if expression.kind is Kind.ELEMENT and _runs_over_j(expression) else "k"
        printed = to_latex(self._indexed(expression, "k", inner), self.names)
        return re.sub(r"(\\sum|\\max)_k", rf"\1_{inner}", printed)

    def _indexed(self, item: Expression, index: str, inner: str) -> Expression:
        """Give elements the index that they have at their place."""
        if item.operation == "argument" and item.kind is Kind.ELEMENT:
            name = str(item.value)
            hit = rf"\mathbf{{1}}_{{{index} = {self.targets}}}"
            return self._named(f"{name}_{index}", Kind.ELEMENT,
                               hit if name == HIT else spelled(name, index))  # fmt: skip
        if item.operation == "softmax" and index != "k":
            printed = to_latex(item, self.names).replace("softmax}_k", f"softmax}}_{index}", 1)
            return self._named(f"softmax {id(item)}", Kind.ELEMENT, printed)
        if not item.arguments or item.operation in _WHOLE_ROWS:
            return item
        first = item.arguments[0]
        if item.operation == "at_label" and first.operation == "argument" and _is_place(item):
            position = number(item.arguments[1])
            place = spelled(self.targets) if position is None else f"{position:.0f}"
            name = f"{first.value} at {place}"
            return self._named(name, Kind.ROW, spelled(str(first.value), place))
        below = inner if _reduces(item) else index
        return node(item.operation, *(self._indexed(one, below, inner) for one in item.arguments))

    def _named(self, name: str, kind: Kind, latex: str) -> Expression:
        self.names[name] = latex
        return argument(name, kind)


def _occurrences(output: Expression) -> Counter[int]:
    """Return how often each node is read where nothing has a name."""
    found = Counter({id(output): 1})
    for item in reversed(list(walk(output))):
        for child in item.arguments:
            found[id(child)] += found[id(item)]
    return found


def _runs_over_j(expression: Expression) -> bool:
    """Return whether nothing inside a sum has an index of its own."""
    reduced = [item.arguments[0] for item in walk(expression) if _reduces(item)]
    return not any(item.operation in _WITH_INDEX for item in walk(*reduced))


def _is_place(item: Expression) -> bool:
    """Return whether a value is taken at the label or at the number of a class."""
    place = item.arguments[1]
    return place.operation == "label" or number(place) is not None


def _reduces(item: Expression) -> bool:
    row = PRIMITIVES.get(item.operation)
    return row is not None and row.reduces
