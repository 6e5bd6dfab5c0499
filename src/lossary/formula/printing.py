"""Formulas as plain text and as LaTeX, from the rows of the table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from lossary.formula.expression import LEAVES, Expression
from lossary.formula.primitives import PRIMITIVES

Style = Literal["text", "latex"]

_ATOM = 10
# Operations whose operands need no parentheses: the printed form encloses them.
_ENCLOSED = {"divide": "latex"}


def to_text(expression: Expression) -> str:
    """Print an expression as plain text, close to Python."""
    return _print(expression, "text")[0]


def to_latex(expression: Expression) -> str:
    """Print an expression as LaTeX."""
    return _print(expression, "latex")[0]


def _print(item: Expression, style: Style) -> tuple[str, int]:
    """Return the printed form and its precedence."""
    if item.operation == "literal":
        return _number(float(item.value), style)  # type: ignore[arg-type]
    if item.operation in LEAVES or item.operation == "parameter":
        name = str(item.value)
        return (name if style == "text" else _symbol(name)), _ATOM
    if item.operation in _SPECIAL:
        special = _SPECIAL[item.operation](item, style)
        if special is not None:
            return special
    row = PRIMITIVES[item.operation]
    template = row.text if style == "text" else row.latex
    enclosed = _ENCLOSED.get(item.operation) == style or row.precedence == _ATOM
    parts = []
    for place, child in enumerate(item.arguments):
        printed, precedence = _print(child, style)
        limit = row.precedence + (place > 0 and item.operation in {"subtract", "divide", "power"})
        if not enclosed and precedence < limit:
            printed = _parenthesised(printed, style)
        parts.append(printed)
    return template.format(*parts), row.precedence


def _parenthesised(printed: str, style: Style) -> str:
    return f"({printed})" if style == "text" else rf"\left({printed}\right)"


def _number(value: float, style: Style) -> tuple[str, int]:
    infinity = "inf" if style == "text" else r"\infty"
    if value in {float("inf"), float("-inf")}:
        return ("-" if value < 0 else "") + infinity, 5 if value < 0 else _ATOM
    if value != value:
        return ("nan" if style == "text" else r"\mathrm{NaN}"), _ATOM
    printed = str(int(value)) if value.is_integer() else repr(value)
    return printed, 5 if value < 0 else _ATOM


_GREEK = {"delta", "beta", "alpha", "gamma", "epsilon"}


def _symbol(name: str) -> str:
    if name in _GREEK:
        return f"\\{name}"
    escaped = name.replace("_", r"\_")
    return rf"\mathrm{{{escaped}}}"


def _where(item: Expression, style: Style) -> tuple[str, int] | None:
    """Leave out the branch that only passes NaN on."""
    condition, chosen, rest = item.arguments
    if rest.operation == "where" and repr(rest.arguments[2]) == "nan":
        inner = rest.arguments[1]
        row = PRIMITIVES["where"]
        template = row.text if style == "text" else row.latex
        parts = (_print(part, style)[0] for part in (condition, chosen, inner))
        return template.format(*parts), row.precedence
    return None


def _logsumexp(item: Expression, style: Style) -> tuple[str, int] | None:
    values, relative_to = item.arguments
    if repr(relative_to) != "0.0":
        return None
    inner = _print(values, style)[0]
    return (f"logsumexp({inner})", _ATOM) if style == "text" else (rf"\log \sum_k e^{{{inner}}}", 5)


_SPECIAL: dict[str, Callable[[Expression, Style], tuple[str, int] | None]] = {
    "where": _where,
    "logsumexp": _logsumexp,
}
