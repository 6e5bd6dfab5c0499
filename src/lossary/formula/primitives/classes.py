"""The class axis: the index of a class, labels, reductions and norms."""

from __future__ import annotations

import math

from lossary.formula.expression import Expression, literal, node
from lossary.formula.table import LABEL, REAL, OperandSpec, composite, primitive

_POSITIVE_ROW = OperandSpec(low=0.0, kind="row")


# --- reductions -----------------------------------------------------------------------------
def _max_partials(values: Expression) -> tuple[Expression]:
    top = node("max", values)
    index = node("index")
    first = -node("max", node("where", node("equal", values, top), -index, -math.inf))
    chosen = node("where", node("equal", index, first), 1, 0)
    return (node("where", node("equal", top, top), chosen, math.nan),)


# --- norms ----------------------------------------------------------------------------------
def _norm(x: Expression) -> Expression:
    return _softened_norm(x, literal(0))


def _softened_norm(x: Expression, eps: Expression) -> Expression:
    # In units of the largest part, so that no square overflows or vanishes.
    root = eps if eps is literal(0) else node("sqrt", eps)
    largest = node("maximum", node("max", node("absolute", x)), root)
    usable = (0 < largest) & node("is_finite", largest)
    unit = node("stop", node("where", usable, largest, 1))
    part, rest = x / unit, root / unit
    return unit * node("sqrt", node("sum", part * part) + rest * rest)


def _direction(x: Expression, norm: Expression) -> Expression:
    return node("where", node("equal", norm, 0), 0, x / norm)


TABLE = (
    primitive("index", (), lambda xp: xp.index(), per_class=True, text="k", latex="k"),
    primitive("class_count", (), lambda xp: xp.class_count(), text="C", latex="C"),
    primitive(
        "sum",
        (REAL,),
        lambda xp, a: xp.sum_classes(a),
        partials=lambda a: (literal(1),),
        reduces=True,
        neutral=0.0,
        latex=r"\sum_k {0:6}",
        latex_precedence=6,
    ),
    primitive(
        "max",
        (REAL,),
        lambda xp, a: xp.max_classes(a),
        partials=_max_partials,
        reduces=True,
        neutral=-math.inf,
        latex=r"\max_k {0:6}",
        latex_precedence=6,
    ),
    primitive(
        "at_label",
        (REAL, LABEL),
        lambda xp, a, y: xp.at_label(a, y),
        partials=lambda a, y: (node("where", node("equal", node("index"), y), 1, 0), None),
        reduces=True,
        text="{0:10}[{1}]",
        latex=r"{0:10}\big|_{{k = {1}}}",
        latex_precedence=9,
    ),
    composite(
        "norm",
        (REAL,),
        _norm,
        partials=lambda x: (_direction(x, node("norm", x)),),
        reduces=True,
        neutral=0.0,
        latex=r"\left\lVert {0} \right\rVert",
    ),
    composite(
        "softened_norm",
        (REAL, _POSITIVE_ROW),
        _softened_norm,
        partials=lambda x, eps: (
            _direction(x, node("softened_norm", x, eps)),
            0.5 / node("softened_norm", x, eps),
        ),
        reduces=True,
        neutral=0.0,
        text="sqrt(sum({0:9} ** 2) + {1:5})",
        latex=r"\sqrt{{\sum_k {0:10}^{{2}} + {1:5}}}",
    ),
)
