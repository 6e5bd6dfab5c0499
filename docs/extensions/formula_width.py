r"""How wide a formula is when it is printed, in ems, estimated from its LaTeX.

Browsers scroll or cut what is wider than its column, so parts get names until a formula fits. The
estimate follows the layout: a fraction is as wide as the wider of its halves, cases have columns,
exponents are small.
"""

from __future__ import annotations

import re

_TOKEN = re.compile(r"\\(?:begin|end)\{cases\}|\\\\|\\[a-zA-Z]+|\\.|[^\s]")
_NAMES = {r"\operatorname", r"\mathrm", r"\text", r"\mathbf"}
_WORDS = {r"\log", r"\max", r"\min", r"\tanh", r"\cosh", r"\sin", r"\cos", r"\arctan"}
_WIDTHS = {
    "+": 1.25, "-": 1.25, "=": 1.35, "<": 1.35, r"\le": 1.35, r"\neg": 0.7, r"\wedge": 1.1,
    r"\vee": 1.1, r"\sum": 1.5, r"\infty": 1.0, r"\partial": 0.6, ",": 0.45, "(": 0.42, ")": 0.42,
    "[": 0.35, "]": 0.35, "|": 0.3, r"\lVert": 0.5, r"\rVert": 0.5, r"\,": 0.17, r"\;": 0.28,
    r"\left": 0.0, r"\right": 0.0, r"\Big": 0.1, r"\quad": 1.0, "&": 0.0,
}  # fmt: skip
_LETTER = 0.53
_SMALL = 0.72  # the size of exponents and indices
_BRACE = 0.9  # before cases, and between their columns


def width(latex: str) -> float:
    r"""Return how wide a formula is, in ems.

    Examples
    --------
    >>> width(r"\frac{x + y}{2}") == width(r"\frac{2}{x + y}") < width("x + y + 2")
    True
    """
    return _Ruler(_TOKEN.findall(latex)).until("")


class _Ruler:
    """Reads tokens from left to right and adds up their widths."""

    def __init__(self, tokens: list[str]) -> None:
        self.tokens = [*tokens, ""]
        self.place = 0

    def take(self) -> str:
        self.place += 1
        return self.tokens[self.place - 1]

    def until(self, *ends: str) -> float:
        """Return the width up to one of some tokens, which is taken."""
        total = 0.0
        while (token := self.take()) not in ends:
            total += self.after(token)
        return total

    def after(self, token: str) -> float:
        """Return the width of what a token begins."""
        if token == r"\frac":
            return max(self.one(), self.one()) + 0.25
        if token == r"\sqrt":
            return self.one() + 0.9
        if token in {"^", "_"}:
            return _SMALL * self.one()
        if token == "{":
            return self.until("}")
        if token == r"\begin{cases}":
            return self.cases()
        if token in _NAMES:
            return self.name()
        if token in _WORDS:
            return _LETTER * (len(token) - 1) + 0.17
        return _WIDTHS.get(token, _LETTER)

    def one(self) -> float:
        """Return the width of an operand: a group, or one sign."""
        return self.after(self.take())

    def name(self) -> float:
        self.take()  # the opening brace
        count = 0
        while self.take() != "}":
            count += 1
        return _LETTER * count + 0.17

    def cases(self) -> float:
        columns: list[float] = []
        column, total = 0, 0.0
        while True:
            token = self.take()
            if token in {"&", r"\\", r"\end{cases}"}:
                columns += [0.0] * (column + 1 - len(columns))
                columns[column] = max(columns[column], total)
                column, total = (column + 1 if token == "&" else 0), 0.0
                if token == r"\end{cases}":
                    return sum(columns) + _BRACE * len(columns)
            else:
                total += self.after(token)
