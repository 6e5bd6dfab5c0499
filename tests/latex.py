r"""A reader of the LaTeX that formulas are printed in: it returns Python source.

Binding, from loose to tight: ``\vee``, ``\wedge``, ``\neg``, comparisons, sums, products and
negation, powers. ``\sum_k`` and ``\max_k`` take the product that follows them. The index of a class
is part of a name: ``z_{k}`` is read as ``z_k``, ``x_{1,k}`` as ``x1_k``.
"""

from __future__ import annotations

import re

_TOKEN = re.compile(
    r"\s*(\\mathrm\{[^}]*\}|\\mathbf\{[^}]*\}|\\operatorname\{[^}]*\}|\\text\{[^}]*\}|\\begin\{cases\}|\\end\{cases\}"
    r"|\\left\\lVert|\\right\\rVert|\\left\W|\\right\W|\\[a-zA-Z]+|\\.|\d+(?:\.\d+)?(?:e[+-]?\d+)?|\S)"
)
_GREEK = {"alpha", "beta", "delta", "epsilon", "gamma", "pi", "tau"}
_UNARY = {r"\tanh": "tanh", r"\sigma": "sigmoid", r"\log\cosh": "log_cosh", r"\log": "log",
          r"\sin": "sin", r"\cos": "cos", r"\arctan": "arctan"}  # fmt: skip


def to_python(printed: str) -> str:
    """Return Python source for a printed formula; raise ``SyntaxError`` if it does not parse."""
    reader = _Reader(_TOKEN.findall(printed))
    found = reader.either()
    reader.expect("")
    return found


class _Reader:
    def __init__(self, tokens: list[str]) -> None:
        self.tokens = [*tokens, ""]
        self.place = 0

    # --- tokens -------------------------------------------------------------------------------
    def next(self) -> str:
        return self.tokens[self.place]

    def take(self) -> str:
        self.place += 1
        return self.tokens[self.place - 1]

    def skip(self, *tokens: str) -> bool:
        found = self.tokens[self.place] == tokens[0]
        if found and len(tokens) > 1:
            found = self.tokens[self.place : self.place + len(tokens)] == list(tokens)
        self.place += len(tokens) * found
        return found

    def expect(self, *tokens: str) -> None:
        if not self.skip(*tokens):
            message = f"expected {tokens} at {self.tokens[self.place :]}"
            raise SyntaxError(message)

    # --- from loose to tight ------------------------------------------------------------------
    def either(self) -> str:
        found = self.both()
        while self.skip(r"\vee"):
            found = f"({found} | {self.both()})"
        return found

    def both(self) -> str:
        found = self.denied()
        while self.skip(r"\wedge"):
            found = f"({found} & {self.denied()})"
        return found

    def denied(self) -> str:
        return f"~({self.denied()})" if self.skip(r"\neg") else self.compared()

    def compared(self) -> str:
        found = self.total()
        for sign, spelled in (("<", "<"), (r"\le", "<="), ("=", "==")):
            if self.skip(sign):
                return f"({found} {spelled} {self.total()})"
        return found

    def total(self) -> str:
        found = f"-({self.product()})" if self.skip("-") else self.product()
        while self.next() in {"+", "-"}:
            sign = self.take()
            # A negative number may follow a plus.
            other = f"-({self.product()})" if self.skip("-") else self.product()
            found = f"({found} {sign} {other})"
        return found

    def product(self) -> str:
        found = self.power()
        while self.skip(r"\,"):
            found = f"({found} * {self.power()})"
        return found

    def power(self) -> str:
        plain = self.next() not in {"e", r"\frac", r"\psi", *_UNARY}
        found = self.atom()
        while True:
            if plain and self.skip("^"):
                found = f"({found} ** {self.group()})"
                plain = False
            elif self.skip(r"\big", "|", "_"):
                self.expect("{", "k", "=")
                found = f"({found})[{self.either()}]"
                self.expect("}")
            else:
                return found

    def group(self) -> str:
        self.expect("{")
        found = self.either()
        self.expect("}")
        return f"({found})"

    # --- atoms --------------------------------------------------------------------------------
    def atom(self) -> str:
        for index in ("k", "j"):
            if self.skip(r"\sum", "_", index):
                return f"sum({self.product()})"
            if self.skip(r"\max", "_", index):
                return f"max({self.product()})"
        if self.skip(r"\mathbf{1}", "_"):
            return f"where({self.group()}, 1, 0)"
        if self.skip(r"\left("):
            found = self.either()
            self.expect(r"\right)")
            return f"({found})"
        if self.skip(r"\left|"):
            found = self.either()
            self.expect(r"\right|")
            return f"abs({found})"
        if self.skip(r"\left\lVert"):
            found = self.either()
            self.expect(r"\right\rVert")
            return f"norm({found})"
        if self.skip(r"\begin{cases}"):
            return self.cases()
        if self.skip("e", "^"):
            return f"exp{self.group()}"
        if self.skip(r"\frac"):
            return f"({self.group()} / {self.group()})"
        if self.skip(r"\sqrt"):
            return f"sqrt{self.group()}"
        return self.call() or self.symbol()

    def cases(self) -> str:
        value = self.either()
        if self.skip("&", r"\text{otherwise}", r"\end{cases}"):
            return value
        self.expect("&", r"\text{if }")
        condition = self.either()
        self.expect(r"\\")
        return f"where({condition}, {value}, {self.cases()})"

    def call(self) -> str | None:
        token = self.next()
        if token in {r"\max", r"\min"}:
            self.take()
            return token[1:] + self.arguments()
        if token == r"\log":
            self.take()
            if self.skip(r"\sum", "_", "k") or self.skip(r"\sum", "_", "j"):
                return f"log(sum({self.product()}))"
            if self.skip(r"\Gamma"):
                return "log_gamma" + self.arguments()
            name = r"\log\cosh" if self.skip(r"\cosh") else r"\log"
            if name == r"\log" and self.next().startswith(r"\operatorname"):
                return f"log({self.call()})"
            return _UNARY[name] + self.arguments()
        if self.skip(r"\psi"):
            return ("trigamma" if self.skip("'") else "digamma") + self.arguments()
        if token in _UNARY:
            return _UNARY[self.take()] + self.arguments()
        if token.startswith(r"\operatorname"):
            name = self.take()[len(r"\operatorname{") : -1].replace(" ", "_")
            if self.skip("_", "k") or self.skip("_", "j") or not self.skip("_"):
                return name + self.arguments()
            place = self.group()
            return f"({name + self.arguments()})[{place}]"
        return None

    def arguments(self) -> str:
        self.expect(r"\left(")
        found = [self.either()]
        while self.skip(","):
            found.append(self.either())
        self.expect(r"\right)")
        return f"({', '.join(found)})"

    def symbol(self) -> str:
        token = self.take()
        if token == r"\infty":
            return "inf"
        if token.startswith(r"\mathrm"):
            return token[len(r"\mathrm{") : -1].replace(r"\_", "_").replace("NaN", "nan")
        if re.fullmatch(r"\d.*|[a-zA-Z]", token) or token[1:] in _GREEK:
            return token.lstrip("\\") + self.subscript()
        message = f"unexpected {token!r}"
        raise SyntaxError(message)

    def subscript(self) -> str:
        """Return the end of a name: a number, and the index of a class."""
        if not self.skip("_", "{"):
            return ""
        found = []
        while not self.skip("}"):
            token = self.take()
            found += [] if token == "," else [token if token.isdigit() else f"_{token}"]
        return "".join(found)
