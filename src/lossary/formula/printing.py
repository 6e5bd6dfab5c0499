"""Formulas as plain text and as LaTeX, from the rows of the table."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from lossary.formula.expression import LEAVES, Expression, literal, node, number
from lossary.formula.primitives import BINDING, PRIMITIVES

_ATOM, _SUM, _PRODUCT = BINDING["atom"], BINDING["sum"], BINDING["product"]

# Numbers that are known by another name: their text and their LaTeX.
_CONSTANTS = {
    math.pi: ("pi", r"\pi"),
    math.log(2): ("log(2)", r"\log\left(2\right)"),
    math.log(2 * math.pi): ("log(2 * pi)", r"\log\left(2 \, \pi\right)"),
    0.5 * math.log(2 * math.pi): (
        "0.5 * log(2 * pi)",
        r"\frac{1}{2} \, \log\left(2 \, \pi\right)",
    ),
}
_LARGEST_DENOMINATOR = 16
_SHORT_DECIMAL = 6  # characters


class Style(NamedTuple):
    """What is printed, and what symbols are called there if not by their names."""

    kind: Literal["text", "latex"]
    names: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Printed:
    """A printed form that knows how tightly it binds; a template may ask for parentheses."""

    text: str
    precedence: int
    style: Style

    def __format__(self, limit: str) -> str:
        if self.precedence >= int(limit or 0):
            return self.text
        return f"({self.text})" if self.style.kind == "text" else rf"\left({self.text}\right)"


def to_text(expression: Expression) -> str:
    """Print an expression as plain text, close to Python."""
    return _print(expression, Style("text", {})).text


def to_latex(expression: Expression, names: Mapping[str, str] | None = None) -> str:
    r"""Print an expression as LaTeX.

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
    return _print(expression, Style("latex", names or {})).text


def _print(item: Expression, style: Style) -> _Printed:
    if item.operation == "literal":
        return _number(float(item.value), style)  # type: ignore[arg-type]
    if item.operation in LEAVES or item.operation == "parameter":
        name = str(item.value)
        known = style.names.get(name)
        return _Printed(known or (name if style.kind == "text" else _symbol(name)), _ATOM, style)
    special = _SPECIAL.get(item.operation, _nothing)(item, style)
    return special or _filled(item.operation, item.arguments, style)


def _filled(operation: str, operands: tuple[Expression, ...], style: Style) -> _Printed:
    """Print operands into the template of an operation's row."""
    row = PRIMITIVES[operation]
    parts = [_print(operand, style) for operand in operands]
    if style.kind == "text":
        return _Printed(row.text.format(*parts), row.precedence, style)
    return _Printed(row.latex.format(*parts), row.latex_precedence, style)


def _number(value: float, style: Style) -> _Printed:
    sign, size = ("-" if value < 0 else ""), abs(value)
    if math.isnan(value):
        return _Printed("nan" if style.kind == "text" else r"\mathrm{NaN}", _ATOM, style)
    if math.isinf(value):
        printed, precedence = ("inf", r"\infty"), _ATOM
    elif size in _CONSTANTS:
        printed, precedence = _CONSTANTS[size], _PRODUCT
    else:
        plain = str(int(size)) if value.is_integer() else repr(size)
        fraction = _fraction(size) if style.kind == "latex" else None
        printed, precedence = (plain, fraction or plain), _PRODUCT if fraction else _ATOM
    text = sign + printed[style.kind == "latex"]
    return _Printed(text, _SUM if sign else precedence, style)


def _fraction(value: float) -> str | None:
    """Return the LaTeX of a simple fraction below 1 that no short decimal number is."""
    from fractions import Fraction  # it loads decimal arithmetic too

    near = Fraction(value).limit_denominator(_LARGEST_DENOMINATOR)
    if float(near) != value or not 0 < near < 1:
        return None
    power_of_two = near.denominator & (near.denominator - 1) == 0
    if not power_of_two and len(repr(value)) <= _SHORT_DECIMAL:
        return None
    return rf"\frac{{{near.numerator}}}{{{near.denominator}}}"


_GREEK = {
    "alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "kappa", "lambda", "mu",
    "nu", "xi", "pi", "rho", "sigma", "tau", "phi", "chi", "psi", "omega",
}  # fmt: skip


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
    if style.kind == "text":
        return _Printed(f"logsumexp({inner})", _ATOM, style)
    return _Printed(rf"\log \sum_k e^{{{inner}}}", BINDING["sum over classes"], style)


def _negative_log_softmax_at(item: Expression, style: Style) -> _Printed | None:
    """Print the label as the index of the softmax."""
    if style.kind == "text":
        return None
    values, labels = (_print(one, style) for one in item.arguments)
    share = rf"\operatorname{{softmax}}_{{{labels}}}\left({values}\right)"
    return _Printed(rf"-\log{share}", _SUM, style)


def _at_label(item: Expression, style: Style) -> _Printed | None:
    """Print the softmax at a label with the label as its index."""
    values, labels = item.arguments
    if style.kind == "text" or values.operation != "softmax":
        return None
    logits, place = _print(values.arguments[0], style), _print(labels, style)
    share = rf"\operatorname{{softmax}}_{{{place}}}\left({logits}\right)"
    return _Printed(share, BINDING["function"], style)


def _log(item: Expression, style: Style) -> _Printed | None:
    """Print the logarithm of a softmax, at a label too, without parentheses."""
    of = item.arguments[0]
    share = of.arguments[0] if of.operation == "at_label" else of
    if style.kind == "text" or share.operation != "softmax":
        return None
    return _Printed(rf"\log{_print(of, style)}", BINDING["function"], style)


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


def _divide(item: Expression, style: Style) -> _Printed | None:
    """Print what a numerator is divided by below the line: (x / 2) / y is x / (2 y)."""
    above, below = item.arguments
    if style.kind == "text" or above.operation != "multiply":
        return None
    coefficient, rest = above.arguments
    value = number(coefficient)
    if value is None or not 0 < value < 1 or not (1 / value).is_integer():
        return None
    if 1 / (1 / value) != value:
        return None
    return _filled("divide", (rest, node("multiply", literal(1 / value), below)), style)


def _log1p(item: Expression, style: Style) -> _Printed | None:
    """Print log(1 + x) of a negative term as the logarithm of a difference."""
    if style.kind == "text":
        return None
    return _filled("log", (node("add", literal(1), item.arguments[0]),), style)


_SPECIAL: dict[str, Callable[[Expression, Style], _Printed | None]] = {
    "where": _where,
    "logsumexp": _logsumexp,
    "negative_log_softmax_at": _negative_log_softmax_at,
    "at_label": _at_label,
    "log": _log,
    "stop": _stop,
    "add": _add,
    "subtract": _subtract,
    "divide": _divide,
    "log1p": _log1p,
}
