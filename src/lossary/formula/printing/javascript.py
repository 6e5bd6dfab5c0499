"""Expressions as JavaScript: one more machine that evaluates the table of primitives.

What JavaScript has itself is printed as that. Every other elementwise primitive becomes a helper
that is printed from the primitive's own ``compute``, called with symbols; so no function is written
a second time. Only what runs along the class axis is written here, as plain loops.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from lossary.formula.expression import SYMBOLS, Expression, Kind, argument, node, number, walk
from lossary.formula.lower import share
from lossary.formula.table import NUMBER, PRIMITIVES

#: A longer text gets a name.
_LONGEST = 72
_ATOM = 9

#: Templates, and how tightly they bind; ``{0:5}`` gets parentheses if it binds less than 5.
_NATIVE: dict[str, tuple[str, int]] = {
    "add": ("{0:5} + {1:6}", 5),
    "subtract": ("{0:5} - {1:6}", 5),
    "multiply": ("{0:6} * {1:7}", 6),
    "divide": ("{0:6} / {1:7}", 6),
    "negative": ("-{0:8}", 7),
    "where": ("{0:1} ? {1:1} : {2:0}", 0),
    "less": ("{0:5} < {1:5}", 4),
    "less_equal": ("{0:5} <= {1:5}", 4),
    "equal": ("{0:4} === {1:4}", 3),
    "logical_and": ("{0:2} && {1:2}", 2),
    "logical_or": ("{0:1} || {1:1}", 1),
    "logical_not": ("!{0:8}", 7),
    "is_finite": ("Number.isFinite({0})", _ATOM),
    "stop": ("{0:9}", _ATOM),
    "absolute": ("Math.abs({0})", _ATOM),
    "maximum": ("Math.max({0}, {1})", _ATOM),
    "minimum": ("Math.min({0}, {1})", _ATOM),
    "log1p_unit": ("Math.log1p({0})", _ATOM),
    **{
        name: (f"Math.{name}({{0}})", _ATOM)
        for name in ("exp", "expm1", "floor", "log", "log1p", "sign", "sqrt", "tanh")
    },
}

#: What reads a whole row: templates in the row's length ``n`` and functions of the class ``k``.
_REDUCING = {
    "sum": "sum(n, (k) => {0})",
    "max": "max(n, (k) => {0})",
    "at_label": "at(n, (k) => {0}, {1})",
}
_MIXING = {
    "preceding": "neighbour({0}, {1}, false)",
    "following": "neighbour({0}, {1}, true)",
    "cumulative_sum": "running({0}, (y, x) => y + x, false)",
    "reverse_cumulative_sum": "running({0}, (y, x) => y + x, true)",
    "cumulative_max": "running({0}, Math.max, false)",
    "reverse_cumulative_max": "running({0}, Math.max, true)",
    "recurrence": "recurrence({0}, {1}, false)",
    "reverse_recurrence": "recurrence({0}, {1}, true)",
    "sorted_by": "sorted({0}, {1})",
    "unsorted_by": "unsorted({0}, {1})",
}
#: The functions that these templates call; each may call those before it.
_LOOPS = {
    "power": "(a, b) => (a === 1 || b === 0 ? 1 : a ** b)",
    "each": "(n, f) => Array.from({length: n}, (_, k) => f(k))",
    "sum": """(n, f) => {
  let y = 0;
  for (let k = 0; k < n; k++) y += f(k);
  return y;
}""",
    "max": """(n, f) => {
  let y = -Infinity;
  for (let k = 0; k < n; k++) y = Math.max(y, f(k));
  return y;
}""",
    "at": "(n, f, k) => (Number.isInteger(k) && 0 <= k && k < n ? f(k) : 0)",
    "neighbour": """(x, fill, reverse) =>
  reverse ? [...x.slice(1), fill] : [fill, ...x.slice(0, -1)]""",
    "running": """(x, f, reverse) => {
  const y = [...x];
  if (reverse) for (let k = y.length - 2; k >= 0; k--) y[k] = f(y[k + 1], y[k]);
  else for (let k = 1; k < y.length; k++) y[k] = f(y[k - 1], y[k]);
  return y;
}""",
    "recurrence": """(x, a, reverse) => {
  const y = [...x];
  const n = y.length;
  let last = 0;
  for (let i = 0; i < n; i++) {
    const k = reverse ? n - 1 - i : i;
    last = a[k] === 0 ? x[k] : x[k] + a[k] * last;
    y[k] = last;
  }
  return y;
}""",
    "order": """(key) => [...key.keys()].sort((i, j) =>
  Number.isNaN(key[i]) - Number.isNaN(key[j]) || (key[i] > key[j]) - (key[i] < key[j]))""",
    "sorted": "(x, key) => order(key).map((k) => x[k])",
    "unsorted": """(x, key) => {
  const y = [...x];
  order(key).forEach((k, i) => { y[k] = x[i]; });
  return y;
}""",
}
_NEEDS = {"sorted": ("order",), "unsorted": ("order",)}
#: Names that programs must not use.
RESERVED = frozenset(
    "arguments await break case catch class const continue debugger default delete do else enum "
    "eval export extends false finally for function if implements import in instanceof interface "
    "let new null package private protected public return static super switch this throw true try "
    "typeof var void while with yield Array Infinity Math NaN Number undefined".split()
)


class Program(NamedTuple):
    """Outputs as JavaScript.

    Attributes
    ----------
    statements : tuple of str
        The constants that the outputs are made of, in the order of their computation.
    outputs : tuple of str
        An expression for each output.
    helpers : tuple of str
        Declarations of the functions that both call, each after those that it calls itself.
    """

    statements: tuple[str, ...]
    outputs: tuple[str, ...]
    helpers: tuple[str, ...]


def to_javascript(*outputs: Expression, rows: bool = False) -> Program:
    """Return expressions as JavaScript.

    Parameters
    ----------
    *outputs : Expression
        The results of the program.
    rows : bool
        Whether elements are those of a row: arrays of a length ``n``, which the program is given.
        Otherwise they are numbers.

    Examples
    --------
    >>> from lossary.formula.expression import argument
    >>> r = argument("inputs") - argument("targets")
    >>> program = to_javascript(r * r)
    >>> program.statements, program.outputs
    (('const t0 = inputs - targets;',), ('t0 * t0',))
    """
    printer = _Printer(share(*outputs), rows)
    helpers: dict[str, str] = {}
    for name in printer.called:
        _declare(name, helpers)
    return Program(tuple(printer.statements), printer.outputs, tuple(helpers.values()))


def spelled(name: str) -> str:
    """Return a symbol's name as one that JavaScript allows and nothing else in a program has.

    Examples
    --------
    >>> spelled("delta"), spelled("power"), spelled("default")
    ('delta', 'power_', 'default_')
    """
    is_taken = name in RESERVED or name in {"k", "n"} or name in _LOOPS or name in PRIMITIVES
    return f"{name}_" if is_taken or (name[0] == "t" and name[1:].isdecimal()) else name


def written_number(value: float) -> str:
    """Return a number as JavaScript.

    Examples
    --------
    >>> written_number(1.0), written_number(-float("inf")), written_number(0.1)
    ('1', '-Infinity', '0.1')
    """
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    is_short = value.is_integer() and abs(value) < 1e15 and repr(value) != "-0.0"
    return str(int(value)) if is_short else repr(value)


class _Piece(NamedTuple):
    """A part of the program, and how tightly it binds."""

    text: str
    precedence: int

    def __format__(self, least: str) -> str:
        return self.text if self.precedence >= int(least or 0) else f"({self.text})"


class _Printer:
    """Prints the nodes below outputs: what is used twice, or is long, becomes a constant."""

    def __init__(self, outputs: tuple[Expression, ...], rows: bool) -> None:
        self.rows = rows
        self.statements: list[str] = []
        self.called: dict[str, None] = {}
        nodes = list(walk(*outputs))
        self._results = {id(item) for item in outputs}
        self._uses = Counter(id(child) for item in nodes for child in item.arguments)
        self._inside = {
            id(child)
            for item in nodes
            for child in item.arguments
            if self._varies(item) or item.operation in _REDUCING
        }
        self._pieces: dict[int, _Piece] = {}
        for item in nodes:
            self._pieces[id(item)] = self._piece(item)
        self.outputs = tuple(self._whole(item) for item in outputs)

    def _varies(self, item: Expression) -> bool:
        return self.rows and item.kind is Kind.ELEMENT

    def _piece(self, item: Expression) -> _Piece:
        value = number(item)
        if value is not None:
            return _Piece(written_number(value), 7 if value < 0 else _ATOM)
        if item.operation in SYMBOLS:
            name = spelled(str(item.value))
            return _Piece(f"{name}[k]" if self._varies(item) else name, _ATOM)
        if item.operation in {"index", "class_count"}:
            return _Piece("k" if item.operation == "index" else "n", _ATOM)
        piece = self._operation(item)
        return self._named(item, piece) if self._deserves_name(item, piece) else piece

    def _operation(self, item: Expression) -> _Piece:
        """Return an operation on pieces that are known."""
        name = item.operation
        if name in _MIXING:
            pairs = zip(item.arguments, PRIMITIVES[name].operands, strict=True)
            text = _MIXING[name].format(
                *(self._pieces[id(x)].text if y is NUMBER else self._array(x) for x, y in pairs)
            )
        elif name in _REDUCING:
            text = _REDUCING[name].format(*(self._pieces[id(x)] for x in item.arguments))
        else:
            template, precedence = _NATIVE.get(name) or _call(name)
            pieces = (self._pieces[id(x)] for x in item.arguments)
            if name not in _NATIVE:
                self._call(name)
            return _Piece(template.format(*pieces), precedence)
        self._call(text.partition("(")[0])
        return _Piece(text, _ATOM)

    def _call(self, name: str) -> None:
        for needed in (*_NEEDS.get(name, ()), name):
            self.called[needed] = None

    def _deserves_name(self, item: Expression, piece: _Piece) -> bool:
        if item.operation in _MIXING or item.operation in _REDUCING:
            return True
        if piece.text.removesuffix("[k]").isidentifier():
            return False
        is_outside_loop = self.rows and not self._varies(item) and id(item) in self._inside
        is_long = len(piece.text) > _LONGEST and id(item) not in self._results
        return self._uses[id(item)] > 1 or is_outside_loop or is_long

    def _named(self, item: Expression, piece: _Piece) -> _Piece:
        """Make a node a constant of the program, an array where it varies along a row."""
        name = f"t{len(self.statements)}"
        is_made = item.operation in _MIXING  # an array already
        text = piece.text if is_made or not self._varies(item) else self._each(piece.text)
        self.statements.append(f"const {name} = {text};")
        return _Piece(f"{name}[k]" if self._varies(item) else name, _ATOM)

    def _whole(self, item: Expression) -> str:
        """Return a row as an array, anything else as it is."""
        piece = self._pieces[id(item)]
        if not self._varies(item):
            return piece.text
        is_array = piece.text.endswith("[k]") and piece.text[:-3].isidentifier()
        return piece.text[:-3] if is_array else self._each(piece.text)

    def _array(self, item: Expression) -> str:
        """Return anything as an array."""
        return self._whole(item) if self._varies(item) else self._each(self._pieces[id(item)].text)

    def _each(self, text: str) -> str:
        self._call("each")
        return f"each(n, (k) => {text})"


def _call(name: str) -> tuple[str, int]:
    """Return the template of a helper's call."""
    operands = ", ".join(f"{{{index}}}" for index in range(len(PRIMITIVES[name].operands)))
    return f"{name}({operands})", _ATOM


def _declare(name: str, helpers: dict[str, str]) -> None:
    """Add the declaration of a helper after those that it calls."""
    if name in helpers:
        return
    if name in _LOOPS:
        helpers[name] = f"const {name} = {_LOOPS[name]};"
        return
    letters = [argument(letter) for letter in "abcdef"[: len(PRIMITIVES[name].operands)]]
    made = PRIMITIVES[name].compute(_Symbols(), *letters)
    program = to_javascript(made)
    for helper in program.helpers:
        helpers[helper.split(" ", 2)[1]] = helper
    given = ", ".join(str(letter.value) for letter in letters)
    (result,) = program.outputs
    body = "\n".join(f"  {line}" for line in (*program.statements, f"return {result};"))
    text = f"{{\n{body}\n}}" if program.statements else f"({result})"
    helpers[name] = f"const {name} = ({given}) => {text};"


class _Symbols:
    """The array library that a primitive's ``compute`` is printed with."""

    _OTHER: Mapping[str, str] = {"abs": "absolute", "isfinite": "is_finite"}

    def __getattr__(self, name: str) -> Callable[..., Any]:
        operation = self._OTHER.get(name, name)
        return lambda *operands: node(operation, *operands)
