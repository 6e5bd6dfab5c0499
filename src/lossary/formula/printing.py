"""Formulas as plain text and as LaTeX, from the rows of the table."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from lossary.formula.expression import LEAVES, Expression, literal, node, number
from lossary.formula.primitives import BINDING, PRIMITIVES

Style = Literal["text", "latex"]

_ATOM, _SUM = BINDING["atom"], BINDING["sum"]


@dataclass(frozen=True, slots=True)
class _Printed:
    """A printed form that knows how tightly it binds; a template may ask for parentheses."""

    text: str
    precedence: int
    style: Style

    def __format__(self, limit: str) -> str:
        if self.precedence >= int(limit or 0):
            return self.text
        return f"({self.text})" if self.style == "text" else rf"\left({self.text}\right)"


def to_text(expression: Expression) -> str:
    """Print an expression as plain text, close to Python."""
    return _print(expression, "text").text


def to_latex(expression: Expression) -> str:
    """Print an expression as LaTeX."""
    return _print(expression, "latex").text


def _print(item: Expression, style: Style) -> _Printed:
    if item.operation == "literal":
        return _number(float(item.value), style)  # type: ignore[arg-type]
    if item.operation in LEAVES or item.operation == "parameter":
        name = str(item.value)
        return _Printed(name if style == "text" else _symbol(name), _ATOM, style)
    special = _SPECIAL.get(item.operation, _nothing)(item, style)
    return special or _filled(item.operation, item.arguments, style)


def _filled(operation: str, operands: tuple[Expression, ...], style: Style) -> _Printed:
    """Print operands into the template of an operation's row."""
    row = PRIMITIVES[operation]
    parts = [_print(operand, style) for operand in operands]
    if style == "text":
        return _Printed(row.text.format(*parts), row.precedence, style)
    return _Printed(row.latex.format(*parts), row.latex_precedence, style)


def _number(value: float, style: Style) -> _Printed:
    precedence = _SUM if value < 0 else _ATOM
    if math.isinf(value):
        infinity = "inf" if style == "text" else r"\infty"
        return _Printed(("-" if value < 0 else "") + infinity, precedence, style)
    if math.isnan(value):
        return _Printed("nan" if style == "text" else r"\mathrm{NaN}", _ATOM, style)
    printed = str(int(value)) if value.is_integer() else repr(value)
    return _Printed(printed, precedence, style)


_GREEK = {"delta", "beta", "alpha", "gamma", "epsilon"}


def _symbol(name: str) -> str:
    if name in _GREEK:
        return f"\\{name}"
    if len(name) == 1:
        return name
    escaped = name.replace("_", r"\_")
    return rf"\mathrm{{{escaped}}}"


def _nothing(item: Expression, style: Style) -> None:
    """Tell that an operation is printed as its row says."""


def _where(item: Expression, style: Style) -> _Printed | None:
    """Leave out the branch that only passes NaN on."""
    condition, chosen, rest = item.arguments
    if rest.operation == "where" and repr(rest.arguments[2]) == "nan":
        return _filled("where", (condition, chosen, rest.arguments[1]), style)
    return None


def _logsumexp(item: Expression, style: Style) -> _Printed | None:
    values, relative_to = item.arguments
    if repr(relative_to) != "0.0":
        return None
    inner = _print(values, style)
    if style == "text":
        return _Printed(f"logsumexp({inner})", _ATOM, style)
    return _Printed(rf"\log \sum_k e^{{{inner}}}", BINDING["sum over classes"], style)


def _stop(item: Expression, style: Style) -> _Printed:
    """Print what is held constant: only the derivative passes it by."""
    return _print(item.arguments[0], style)


def _add(item: Expression, style: Style) -> _Printed | None:
    """Print a sum with a negative term as a difference."""
    first, second = item.arguments
    value = number(second)
    if value is not None and value < 0:
        return _filled("subtract", (first, literal(-value)), style)
    if second.operation == "negative":
        return _filled("subtract", (first, second.arguments[0]), style)
    return None


def _subtract(item: Expression, style: Style) -> _Printed | None:
    """Print a difference from a negative number as a sum."""
    first, second = item.arguments
    value = number(second)
    if value is not None and value < 0:
        return _filled("add", (first, literal(-value)), style)
    return None


def _log1p(item: Expression, style: Style) -> _Printed | None:
    """Print log(1 + x) of a negative term as the logarithm of a difference."""
    if style == "text":
        return None
    return _filled("log", (node("add", literal(1), item.arguments[0]),), style)


_SPECIAL: dict[str, Callable[[Expression, Style], _Printed | None]] = {
    "where": _where,
    "logsumexp": _logsumexp,
    "stop": _stop,
    "add": _add,
    "subtract": _subtract,
    "log1p": _log1p,
}
