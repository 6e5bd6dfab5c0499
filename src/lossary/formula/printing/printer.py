"""Expressions as plain text and as LaTeX."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from lossary.formula.expression import SYMBOLS, Expression, number
from lossary.formula.printing.forms import VALUE_OF_FIRST, PrintKind, form_of
from lossary.formula.printing.numbers import printed_number
from lossary.formula.table import BINDING

_BEGIN, _END = r"\begin{cases}", r"\end{cases}"
_GREEK = {
    "alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "kappa", "lambda", "mu",
    "nu", "xi", "pi", "rho", "sigma", "tau", "phi", "chi", "psi", "omega",
}  # fmt: skip


def to_text(expression: Expression) -> str:
    """Return an expression as plain text, close to Python.

    Examples
    --------
    >>> from lossary.formula.expression import argument
    >>> to_text(0.5 * (argument("inputs") - 1) ** 2)
    '0.5 * (inputs - 1) * (inputs - 1)'
    """
    return _Printer("text", {}).printed(expression).text


def to_latex(expression: Expression, names: Mapping[str, str] | None = None) -> str:
    r"""Return an expression as LaTeX.

    Parameters
    ----------
    expression : Expression
        What is printed.
    names : mapping of str to str, optional
        LaTeX for the names of arguments and parameters, where it is not the name itself.

    Examples
    --------
    >>> from lossary.formula.expression import argument
    >>> to_latex(0.5 * argument("inputs"), {"inputs": "z"})
    '\\frac{1}{2} \\, z'
    """
    return _Printer("latex", names or {}).printed(expression).text


class _Printed(NamedTuple):
    """A printed form. It gets parentheses where a template asks for one that binds tighter."""

    text: str
    precedence: int
    kind: PrintKind

    def __format__(self, least: str) -> str:
        if self.precedence >= int(least or 0):
            return self.text
        return f"({self.text})" if self.kind == "text" else rf"\left({self.text}\right)"


class _Printer:
    """Prints in one way; ``names`` has what symbols are called if not by their names."""

    def __init__(self, kind: PrintKind, names: Mapping[str, str]) -> None:
        self.kind = kind
        self.names = names

    def printed(self, item: Expression) -> _Printed:
        while item.operation in VALUE_OF_FIRST:
            item = item.arguments[0]
        value = number(item)
        if value is not None:
            return _Printed(*printed_number(value, self.kind), self.kind)
        if item.operation in SYMBOLS:
            return _Printed(self._symbol(str(item.value)), BINDING["atom"], self.kind)
        form = form_of(item, self.kind)
        printed = [self.printed(operand) for operand in form.operands]
        if self.kind == "latex" and item.operation == "where" and _is_choice(printed[2]):
            return _joined(*printed)
        return _Printed(form.template.format(*printed), form.precedence, self.kind)

    def _symbol(self, name: str) -> str:
        if name in self.names:
            return self.names[name]
        return name if self.kind == "text" else _latex_name(name)


def _is_choice(printed: _Printed) -> bool:
    """Return whether a printed form is one list of cases and nothing else."""
    begun = printed.text.startswith(_BEGIN) and printed.text.endswith(_END)
    return begun and printed.text.count(_BEGIN) == 1


def _joined(condition: _Printed, value: _Printed, others: _Printed) -> _Printed:
    """Print a choice that leads to another one otherwise as one list of cases."""
    rest = others.text.removeprefix(_BEGIN)
    text = rf"{_BEGIN} {value} & \text{{if }} {condition} \\{rest}"
    return _Printed(text, others.precedence, others.kind)


def _latex_name(name: str) -> str:
    if name in _GREEK:
        return f"\\{name}"
    if len(name) == 1:
        return name
    escaped = name.replace("_", r"\_")
    return rf"\mathrm{{{escaped}}}"
