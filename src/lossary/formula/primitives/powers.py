"""Roots of sums of squares, and powers of 1 + d less their tangents."""

from __future__ import annotations

from lossary.formula.expression import Expression, node
from lossary.formula.special.derived import derivative_of
from lossary.formula.special.hypotenuse import (
    hypot,
    hypot_excess,
    hypot_excess_slope,
    hypot_share,
)
from lossary.formula.special.powers import box_cox, power_gap
from lossary.formula.table import REAL, OperandSpec, composite

_ABOVE_MINUS_1 = OperandSpec(low=-1.0)


def _hypot_share_partials(a: Expression, b: Expression) -> tuple[Expression, Expression]:
    # b^2 / h^3 and -a b / h^3: products, where 1 / h - a^2 / h^3 would cancel.
    size = node("hypot", a, b)
    other = node("hypot_share", b, a)
    per_size = other / node("where", node("equal", size, 0), 1, size)
    return other * per_size, -(node("hypot_share", a, b) * per_size)


TABLE = (
    composite(
        "hypot",
        (REAL, REAL),
        hypot,
        partials=lambda a, b: (node("hypot_share", a, b), node("hypot_share", b, a)),
        text="sqrt({0:9} ** 2 + {1:9} ** 2)",
        latex=r"\sqrt{{{0:10}^{{2}} + {1:10}^{{2}}}}",
    ),
    composite(
        "hypot_excess",
        (REAL, REAL),
        hypot_excess,
        partials=lambda a, b: (node("hypot_share", a, b), hypot_excess_slope(a, b)),
        text="(sqrt({0:9} ** 2 + {1:9} ** 2) - abs({1}))",
        latex=r"\left(\sqrt{{{0:10}^{{2}} + {1:10}^{{2}}}} - \left|{1}\right|\right)",
    ),
    composite(
        # a / hypot(a, b)
        "hypot_share",
        (REAL, REAL),
        hypot_share,
        partials=_hypot_share_partials,
        bounded=True,
        text="{0:7} / sqrt({0:9} ** 2 + {1:9} ** 2)",
        latex=r"\frac{{{0}}}{{\sqrt{{{0:10}^{{2}} + {1:10}^{{2}}}}}}",
        precedence=7,
    ),
    composite(
        "box_cox",
        (_ABOVE_MINUS_1, REAL),
        box_cox,
        partials=lambda d, exponent: (
            node("power", 1 + d, exponent - 1),
            derivative_of(box_cox, (d, exponent), 1),
        ),
        approximate=True,
    ),
    composite(
        "power_gap",
        (_ABOVE_MINUS_1, REAL),
        power_gap,
        partials=lambda d, q: (
            node("box_cox", d, q - 1),
            derivative_of(power_gap, (d, q), 1),
        ),
        approximate=True,
    ),
)
