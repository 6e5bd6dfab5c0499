"""Exponentials, logarithms and what is made of them."""

from __future__ import annotations

import math
from typing import Any

from lossary.formula.expression import node
from lossary.formula.table import POSITIVE, REAL, OperandSpec, kernel_primitive, primitive

_ABOVE_MINUS_1 = OperandSpec(low=-1.0)
_FROM_0_TO_1 = OperandSpec(low=0.0, high=1.0)


def _sigmoid(xp: Any, x: Any) -> Any:
    small = xp.exp(-xp.abs(x))
    return xp.where(x >= 0, 1.0, small) / (1.0 + small)


def _softplus(xp: Any, x: Any) -> Any:
    return xp.maximum(0.0, x) + xp.log1p(xp.exp(-xp.abs(x)))


def _log_cosh(xp: Any, x: Any) -> Any:
    size = xp.abs(x)
    # Below 1, log1p(2 sinh(size / 2)^2) with the series of sinh does not cancel.
    half = 0.5 * xp.minimum(1.0, size)
    square = half * half
    series = 0.0
    for n in range(17, 1, -2):
        series = (series + 1.0 / math.factorial(n)) * square
    sinh = half + half * series
    far = size + (xp.log1p(xp.exp(-2.0 * size)) - math.log(2.0))
    return xp.where(size < 1.0, xp.log1p(2.0 * (sinh * sinh)), far)


TABLE = (
    # exp(-|x|), whether exp(x) is finite, x tanh(x) - log(cosh(x)) up to 1: see lower.py.
    kernel_primitive("decay", (REAL,)),
    kernel_primitive("exp_is_finite", (REAL,), costly=False, boolean=True),
    kernel_primitive("log_cosh_conjugate", (REAL,)),
    primitive(
        "exp",
        (REAL,),
        lambda xp, x: xp.exp(x),
        partials=lambda x: (node("exp", x),),
        costly=True,
        latex=r"e^{{{0}}}",
        latex_precedence=8,
    ),
    primitive(
        "expm1",
        (REAL,),
        lambda xp, x: xp.expm1(x),
        partials=lambda x: (node("exp", x),),
        costly=True,
        latex=r"\left(e^{{{0}}} - 1\right)",
    ),
    primitive(
        "log",
        (POSITIVE,),
        lambda xp, x: xp.log(x),
        partials=lambda x: (1 / x,),
        costly=True,
        latex=r"\log\left({0}\right)",
        latex_precedence=9,
    ),
    primitive(
        "log1p",
        (_ABOVE_MINUS_1,),
        lambda xp, x: xp.log1p(x),
        partials=lambda x: (1 / (1 + x),),
        costly=True,
        latex=r"\log\left(1 + {0:5}\right)",
        latex_precedence=9,
    ),
    primitive(
        # log1p for an x from 0 to 1, where kernels need no exponent.
        "log1p_unit",
        (_FROM_0_TO_1,),
        lambda xp, x: xp.log1p(x),
        partials=lambda x: (1 / (1 + x),),
        costly=True,
        text="log1p({0})",
        latex=r"\log\left(1 + {0:5}\right)",
        latex_precedence=9,
    ),
    primitive(
        "tanh",
        (REAL,),
        lambda xp, x: xp.tanh(x),
        # 1 - tanh(x)^2 would cancel for large x.
        partials=lambda x: (4 * node("sigmoid", 2 * x) * node("sigmoid", -2 * x),),
        bounded=True,
        costly=True,
        latex=r"\tanh\left({0}\right)",
        latex_precedence=9,
    ),
    primitive(
        "sigmoid",
        (REAL,),
        _sigmoid,
        partials=lambda x: (node("sigmoid", x) * node("sigmoid", -x),),
        bounded=True,
        costly=True,
        latex=r"\sigma\left({0}\right)",
        latex_precedence=9,
    ),
    primitive(
        "softplus",
        (REAL,),
        _softplus,
        partials=lambda x: (node("sigmoid", x),),
        costly=True,
        latex=r"\log\left(1 + e^{{{0}}}\right)",
        latex_precedence=9,
    ),
    primitive(
        "log_cosh",
        (REAL,),
        _log_cosh,
        partials=lambda x: (node("tanh", x),),
        approximate=True,
        costly=True,
        latex=r"\log\cosh\left({0}\right)",
        latex_precedence=9,
    ),
)
