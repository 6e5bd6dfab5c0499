"""What exponentials and logarithms exceed their tangents by, and logarithms of quotients."""

from __future__ import annotations

from lossary.formula.expression import node
from lossary.formula.special.excess import (
    expm1_excess,
    log1mexp,
    log1p_excess,
    log1p_excess_slope,
    log1p_square,
    log1p_square_slope,
    log_quotient,
)
from lossary.formula.table import POSITIVE, REAL, OperandSpec, composite

_ABOVE_MINUS_1 = OperandSpec(low=-1.0)
_BELOW_0 = OperandSpec(high=0.0)

TABLE = (
    composite(
        "log1p_excess",
        (_ABOVE_MINUS_1,),
        log1p_excess,
        partials=lambda x: (log1p_excess_slope(x),),
        approximate=True,
        latex=r"\left({0:5} - \log\left(1 + {0:5}\right)\right)",
    ),
    composite(
        "expm1_excess",
        (REAL,),
        expm1_excess,
        partials=lambda x: (node("expm1", x),),
        approximate=True,
        latex=r"\left(e^{{{0}}} - 1 - {0:6}\right)",
    ),
    composite(
        "log1mexp",
        (_BELOW_0,),
        log1mexp,
        partials=lambda x: (node("exp", x) / node("expm1", x),),
        latex=r"\log\left(1 - e^{{{0}}}\right)",
        latex_precedence=9,
    ),
    composite(
        "log1p_square",
        (REAL,),
        log1p_square,
        partials=lambda x: (log1p_square_slope(x),),
        text="log1p({0:9} ** 2)",
        latex=r"\log\left(1 + {0:10}^{{2}}\right)",
        latex_precedence=9,
    ),
    composite(
        "log_quotient",
        (POSITIVE, POSITIVE),
        log_quotient,
        partials=lambda a, b: (1 / a, -1 / b),
        text="log({0:7} / {1:8})",
        latex=r"\log\left(\frac{{{0}}}{{{1}}}\right)",
        latex_precedence=9,
    ),
)
