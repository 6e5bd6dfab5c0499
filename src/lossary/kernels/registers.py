"""The machine whose arrays are vector registers; it writes kernels from the primitives.

Each primitive is defined once, with the operations of a machine (``xp.where``, ``xp.exp``,
operators). Array libraries are machines, and so are registers: the same definition, evaluated on
registers inside a loop, writes the kernel. ``native`` holds better implementations for registers.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from lossary.formula.expression import Expression
from lossary.formula.table import PRIMITIVES
from lossary.kernels import functions
from lossary.kernels.code import Code
from lossary.kernels.lanes import Lanes, Number
from lossary.kernels.power import power

Value = Lanes | Number


class Registers:
    """Operations on registers of one floating-point type.

    Parameters
    ----------
    code : Code
        The kernel under construction.
    type_ : {"f32", "f64"}
        Type of the registers; Python numbers are converted to it.
    elements : {"f32", "f64"}
        Type in which elements are computed; row values, which are float64, may depend on it.
    """

    def __init__(self, code: Code, type_: str, elements: str) -> None:
        self.code = code
        self.type = type_
        self.native: dict[str, Callable[..., Any]] = {
            **_FUNCTIONS,
            "exp_difference_or_one": self._exp_difference_or_one,
            "exp_difference_or_zero": self._exp_difference_or_zero,
            "difference_or_zero": lambda a, b: self.where(a == b, 0.0, a - b),
            "scale": lambda c, x: (c == 0).select(c, c * x),
            "safe_product": lambda a, b: self.where((a == 0) | (b == 0), 0.0, a * b),
            **{
                name: self._prepared(function, elements) for name, function in _PREPARATIONS.items()
            },
        }

    def spell(self, item: Expression, arguments: list[Any]) -> Any:
        """Write the instructions of a node, preceded by a comment with its name."""
        self.code.comment(item.operation)
        native = self.native.get(item.operation)
        if native is not None:
            return native(*map(self.lift, arguments))
        return PRIMITIVES[item.operation].compute(self, *arguments)

    def lift(self, x: Value) -> Lanes:
        """Return a register: numbers become constants."""
        return x if isinstance(x, Lanes) else self.code.constant(x, self.type)

    # --- operations of a machine ----------------------------------------------------------
    def where(self, condition: Any, a: Value, b: Value) -> Any:
        """Choose by a condition."""
        if isinstance(condition, bool):
            return a if condition else b
        return condition.select(self.lift(a), b)

    def maximum(self, a: Value, b: Value) -> Lanes:
        """Larger of two numbers, NaN if either is NaN. Of two zeros it is the second one."""
        return self._chosen(a, b, functions.larger)

    def minimum(self, a: Value, b: Value) -> Lanes:
        """Smaller of two numbers, NaN if either is NaN. Of two zeros it is the second one."""
        return self._chosen(a, b, functions.smaller)

    def _chosen(self, a: Value, b: Value, choose: Callable[..., Lanes]) -> Lanes:
        if not isinstance(a, Lanes) and not isinstance(b, Lanes):
            a = self.lift(a)
        if not isinstance(b, Lanes):  # numbers are never NaN: pass the register second
            a, b = b, a
        chosen = choose(self.lift(a), b)
        return (a != a).select(a, chosen) if isinstance(a, Lanes) else chosen

    def abs(self, x: Value) -> Lanes:
        """Absolute value."""
        return functions.absolute(self.lift(x))

    def sign(self, x: Value) -> Lanes:
        """-1, 0 or 1."""
        x = self.lift(x)
        return self.where(x > 0, 1.0, self.where(x < 0, -1.0, x))

    def sqrt(self, x: Value) -> Lanes:
        """Square root."""
        return self.lift(x).call("sqrt")

    def floor(self, x: Value) -> Lanes:
        """Largest integer that is not greater."""
        return self.lift(x).call("floor")

    def fma(self, a: Value, b: Value, c: Value) -> Lanes:
        """Return a b + c, rounded once."""
        return functions.fma(self.lift(a), b, c)

    def isfinite(self, x: Value) -> Lanes:
        """Return the mask of numbers that are neither infinite nor NaN."""
        return self.abs(x) < math.inf

    def number(self, value: float) -> Lanes:
        """Return a number in all lanes."""
        return self.lift(value)

    def stop(self, x: Any) -> Any:
        """Return the value unchanged; kernels are not differentiated."""
        return x

    def __getattr__(self, name: str) -> Callable[..., Lanes]:
        function = _FUNCTIONS.get(name)
        if function is None:
            raise AttributeError(name)
        return lambda *given: function(*map(self.lift, given))

    # --- native implementations -----------------------------------------------------------
    def _exp_difference_or_one(self, a: Lanes, b: Lanes) -> Lanes:
        return (a == b).select(1.0, functions.exp_difference(a, b))

    def _exp_difference_or_zero(self, a: Lanes, b: Lanes) -> Lanes:
        return (a == b).select(0.0, functions.exp_difference(a, b))

    def _prepared(self, function: Callable[..., Lanes], elements: str) -> Callable[..., Lanes]:
        return lambda x: function(x, elements)


_FUNCTIONS: dict[str, Callable[..., Lanes]] = {
    "power": power,
    **{
        name: getattr(functions, name)
        for name in (
            "exp",
            "expm1",
            "log",
            "log1p",
            "log1p_unit",
            "tanh",
            "sigmoid",
            "softplus",
            "log_cosh",
            "log_cosh_conjugate",
            "decay",
            "exp_is_finite",
            "exp_difference",
            "exp_below",
            "log1p_ratio",
        )
    },
    "multiply_add": functions.fma,
}
_PREPARATIONS: dict[str, Callable[..., Lanes]] = {
    name: getattr(functions, name)
    for name in ("below_origin", "below_least", "below_shift", "below_factor")
}
