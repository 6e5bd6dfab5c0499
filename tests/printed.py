"""Printed formulas, text and LaTeX, read as a reader does and evaluated in 60 digits."""

from __future__ import annotations

import ast
import operator
from functools import partial
from typing import Any

import mpmath as mp
import numpy as np
from exact import ExactOperations, evaluate, exact
from latex import to_python

from lossary.formula.evaluate import tape
from lossary.formula.expression import Expression, argument, node
from lossary.formula.printing import named_latex, named_text, to_latex, to_text
from lossary.formula.table import PRIMITIVES, Primitive

ROWS, CLASSES = 3, 4
FOLDED = 1e-13  # tidying multiplies a formula's numbers in float64
_RNG = np.random.default_rng(0)
_LABELS = _RNG.integers(0, CLASSES, (ROWS, 1))
VALUES: dict[str, Any] = {
    "x": exact(_RNG.normal(size=(ROWS, CLASSES))),
    "y_2": exact(_RNG.uniform(0.1, 0.9, size=(ROWS, CLASSES))),
    "labels": exact(_LABELS),
    "delta": exact(0.75),
}


class _Words(dict[str, Any]):
    """The words that may stand in a printed formula."""

    def __init__(self, values: dict[str, Any]) -> None:
        xp = ExactOperations(CLASSES)
        super().__init__()
        self |= {"inf": exact(np.inf), "nan": exact(np.nan), "pi": +mp.pi, "__builtins__": {}}
        self |= {item.name: _function(item, xp) for item in PRIMITIVES.values() if _is_word(item)}
        self |= {
            "k": xp.index(),
            "C": xp.class_count(),
            "abs": xp.abs,
            "sin": xp.sin,
            "cos": xp.cos,
        }
        self |= {"min": xp.minimum}
        self["max"] = lambda *a: xp.maximum(*a) if len(a) == 2 else xp.max_classes(*a)
        # Straight from their definitions, not from the forms that do not cancel.
        self["softmax"] = lambda z: xp.exp(z) / xp.sum_classes(xp.exp(z))
        self["negative_log_softmax"] = lambda z: -xp.log(self["softmax"](z))
        self["norm"] = lambda z: xp.sqrt(xp.sum_classes(z * z))
        self["logsumexp"] = lambda z: xp.log(xp.sum_classes(xp.exp(z)))
        for prefix, reverse in (("", False), ("reverse_", True)):
            self[f"{prefix}cumulative_average"] = partial(_average, xp, reverse)
            self[f"{prefix}cumulative_share"] = partial(_share, xp, reverse)
        self |= values  # a parameter may have the name of a function, which no formula then uses


def _average(xp: Any, reverse: bool, values: Any, x: Any) -> Any:
    weights = xp.exp(x)
    return xp.running_sum(weights * values, reverse) / xp.running_sum(weights, reverse)


def _share(xp: Any, reverse: bool, values: Any, x: Any) -> Any:
    weights = xp.exp(x)
    return weights * xp.running_sum(values / xp.running_sum(weights, reverse), not reverse)


def _is_word(primitive: Primitive) -> bool:
    """Return whether a primitive may be printed as a function of its name."""
    return bool(primitive.operands) and not primitive.kernel_only and not primitive.expands_first


def _function(primitive: Primitive, xp: Any) -> Any:
    if primitive.expand is None:
        return partial(primitive.compute, xp)
    names = [f"operand{index}" for index in range(len(primitive.operands))]

    def function(*given: Any) -> Any:
        steps = tape(node(primitive.name, *map(argument, names)))
        return steps.run(dict(zip(names, given, strict=True)), xp)[0]

    return function


class _Evaluation:
    """The values of the parts of a formula, with the meaning that Python's words have for arrays.

    A part that is written again, as parts of long formulas are hundreds of times, has its value
    already: parts are told apart by their operation and the numbers of their operands.
    """

    def __init__(self, words: dict[str, Any]) -> None:
        self.words = words
        self.numbers: dict[tuple[Any, ...], int] = {}
        self.values: list[Any] = []

    def of(self, part: ast.expr) -> Any:
        """Return the value of a part."""
        return self.values[self._number(part)]

    def _number(self, part: ast.expr) -> int:
        operation, operands = _operation(part)
        key = (operation, *map(self._number, operands))
        if key not in self.numbers:
            self.values.append(self._computed(*key))
            self.numbers[key] = len(self.values) - 1
        return self.numbers[key]

    def _computed(self, operation: tuple[str, Any], *operands: int) -> Any:
        kind, what = operation
        if kind == "number":
            return exact(what)
        if kind == "name":
            return self.words[what]
        function = self.words[what] if kind == "call" else getattr(operator, what)
        return function(*(self.values[operand] for operand in operands))


_SIGNS: dict[type, str] = {
    ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "truediv", ast.Pow: "pow",
    ast.BitAnd: "and_", ast.And: "and_", ast.BitOr: "or_", ast.Or: "or_",
    ast.USub: "neg", ast.UAdd: "pos",
    ast.Lt: "lt", ast.LtE: "le", ast.Gt: "gt", ast.GtE: "ge", ast.Eq: "eq", ast.NotEq: "ne",
}  # fmt: skip


def _operation(part: ast.expr) -> tuple[tuple[str, Any], list[ast.expr]]:
    """Return what a part does to which operands."""
    match part:
        case ast.Constant():
            return ("number", part.value), []
        case ast.Name():
            return ("name", part.id), []
        case ast.Call(ast.Name(name), operands, []):
            return ("call", name), operands
        case ast.Subscript():
            return ("call", "at_label"), [part.value, part.slice]
        case ast.UnaryOp(ast.Not() | ast.Invert(), operand):
            return ("call", "logical_not"), [operand]
        case ast.UnaryOp(sign, operand):
            return ("sign", _SIGNS[type(sign)]), [operand]
        case ast.BinOp(left, sign, right) | ast.Compare(left, [sign], [right]):
            return ("sign", _SIGNS[type(sign)]), [left, right]
        case ast.BoolOp(sign, [first, *others]):
            rest = ast.BoolOp(sign, others) if len(others) > 1 else others[0]
            return ("sign", _SIGNS[type(sign)]), [first, rest]
    raise SyntaxError(ast.unparse(part))


def read(source: str, values: dict[str, Any]) -> Any:
    with np.errstate(all="ignore"):
        return _Evaluation(_Words(values)).of(ast.parse(source, mode="eval").body)


def assert_reads_back(
    expression: Expression, values: dict[str, Any] = VALUES, within: float = 1e-40
) -> None:
    text, latex = to_text(expression), to_latex(expression)
    found = [(text, read(text, values)), (latex, read(to_python(latex), values))]
    assert_same_values(found, evaluate(expression, values, CLASSES), within)


def assert_named_reads_back(
    shown: Expression,
    meant: Expression,
    values: dict[str, Any] = VALUES,
    within: float = 1e-40,
) -> None:
    """Read a printed formula with named parts, as a reader would, from the parts to the body."""
    text, latex = named_text(shown), named_latex(shown)
    found = [
        (text, _read_named(text, ", with ", "; ", str, values)),
        (latex, _read_named(latex, r" \quad\text{with } ", r";\; ", to_python, values)),
    ]
    assert_same_values(found, evaluate(meant, values, CLASSES), within)


def _read_named(
    printed: str, opening: str, between: str, spelled: Any, values: dict[str, Any]
) -> Any:
    body, _, parts = printed.partition(opening)
    known = dict(values)
    for part in filter(None, parts.split(between)):
        name, _, meaning = part.partition(" = ")
        assert name not in known
        known[name] = read(spelled(meaning), known)
    return read(spelled(body), known)


def assert_same_values(found: list[tuple[str, Any]], expected: Any, within: float = 1e-40) -> None:
    for printed, read in found:
        pairs = np.broadcast_arrays(np.asarray(read), expected)
        for ours, theirs in zip(*map(np.ravel, pairs), strict=True):
            same = ours == theirs or (ours != ours and theirs != theirs)
            # Numbers alone are folded in float64, as the simplifier does; all else has 60 digits.
            bound = abs(theirs) * 1e-15 if isinstance(theirs, np.float64) else within
            assert same or abs(ours - theirs) <= bound, (printed, ours, theirs)
