"""Numbers as a reader knows them: ``log(2)`` for 0.6931471805599453, one half as a fraction."""

from __future__ import annotations

import math
from typing import Literal

from lossary.formula.table import BINDING

# Numbers that have a name: their text and their LaTeX.
_NAMED = {
    math.pi: ("pi", r"\pi"),
    math.log(2): ("log(2)", r"\log\left(2\right)"),
    math.log(2 * math.pi): ("log(2 * pi)", r"\log\left(2 \, \pi\right)"),
    0.5 * math.log(2 * math.pi): (
        "0.5 * log(2 * pi)",
        r"\frac{1}{2} \, \log\left(2 \, \pi\right)",
    ),
}
_NAMED |= {k * math.pi: (f"{k} * pi", rf"{k} \, \pi") for k in range(2, 17)}
_LARGEST_DENOMINATOR = 16
_SHORT_DECIMAL = 6  # characters


def printed_number(value: float, kind: Literal["text", "latex"]) -> tuple[str, int]:
    r"""Return a number as text or as LaTeX, and how tightly that binds.

    Examples
    --------
    >>> from lossary.formula.printing.numbers import printed_number
    >>> printed_number(0.5, "text"), printed_number(0.5, "latex")
    (('0.5', 10), ('\\frac{1}{2}', 7))
    """
    if math.isnan(value):
        return ("nan" if kind == "text" else r"\mathrm{NaN}"), BINDING["atom"]
    printed, precedence = _printed_size(abs(value), kind)
    return (f"-{printed}", BINDING["sum"]) if value < 0 else (printed, precedence)


def _printed_size(size: float, kind: Literal["text", "latex"]) -> tuple[str, int]:
    if math.isinf(size):
        return ("inf" if kind == "text" else r"\infty"), BINDING["atom"]
    if size in _NAMED:
        return _NAMED[size][kind == "latex"], BINDING["product"]
    fraction = _fraction(size) if kind == "latex" else None
    if fraction is not None:
        return fraction, BINDING["product"]
    return (str(int(size)) if size.is_integer() else repr(size)), BINDING["atom"]


def _fraction(value: float) -> str | None:
    """Return the LaTeX of a simple fraction below 1, or None.

    Halves, quarters and so on are fractions, others only where the decimal number is long.
    """
    if not 0 < value < 1:
        return None
    for denominator in range(2, _LARGEST_DENOMINATOR + 1):
        numerator = round(value * denominator)
        if numerator / denominator == value:
            power_of_two = denominator & (denominator - 1) == 0
            if power_of_two or len(repr(value)) > _SHORT_DECIMAL:
                return rf"\frac{{{numerator}}}{{{denominator}}}"
            return None
    return None
