"""Comparisons, conditions and choices."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from lossary.formula import folding
from lossary.formula.expression import Expression, Kind, node
from lossary.formula.simplification import (
    simpler_and,
    simpler_choice,
    simpler_not,
    simpler_or,
)
from lossary.formula.table import CONDITION, REAL, Primitive, primitive


def _maximum_partials(a: Expression, b: Expression) -> tuple[Expression, Expression]:
    first, second = (b < a, a <= b) if _is_limit(b, a) else (b <= a, a < b)
    return _one_or_zero(first, second), _one_or_zero(second, first)


def _minimum_partials(a: Expression, b: Expression) -> tuple[Expression, Expression]:
    first, second = (a < b, b <= a) if _is_limit(b, a) else (a <= b, b < a)
    return _one_or_zero(first, second), _one_or_zero(second, first)


def _is_limit(b: Expression, a: Expression) -> bool:
    """Return whether b is a constant that limits a; then b gets the derivative at a tie."""
    return b.kind is Kind.CONSTANT and a.kind is not Kind.CONSTANT


def _one_or_zero(one: Expression, zero: Expression) -> Expression:
    """Return 1 where the first condition holds, 0 where the second does, else NaN: at a NaN."""
    return node("where", one, 1, node("where", zero, 0, math.nan))


def _comparison(name: str, compute: Callable[..., Any], sign: str, latex: str) -> Primitive:
    return primitive(
        name,
        (REAL, REAL),
        compute,
        boolean=True,
        bounded=True,
        text=f"{{0:4}} {sign} {{1:4}}",
        latex=f"{{0:4}} {latex} {{1:4}}",
        precedence=3,
    )


TABLE = (
    primitive(
        "maximum",
        (REAL, REAL),
        lambda xp, a, b: xp.maximum(a, b),
        partials=_maximum_partials,
        fold=folding.larger,
        bounded_by_operands=True,
        text="max({0}, {1})",
        latex=r"\max\left({0}, {1}\right)",
    ),
    primitive(
        "minimum",
        (REAL, REAL),
        lambda xp, a, b: xp.minimum(a, b),
        partials=_minimum_partials,
        fold=folding.smaller,
        bounded_by_operands=True,
        text="min({0}, {1})",
        latex=r"\min\left({0}, {1}\right)",
    ),
    primitive(
        "where",
        (CONDITION, REAL, REAL),
        lambda xp, c, a, b: xp.where(c, a, b),
        partials=lambda c, a, b: (None, node("where", c, 1, 0), node("where", c, 0, 1)),
        simplify=simpler_choice,
        bounded_by_operands=True,
        text="where({0}, {1}, {2})",
        latex=r"\begin{{cases}} {1} & \text{{if }} {0} \\ {2} & \text{{otherwise}} \end{{cases}}",
        latex_precedence=7,  # an exponent beside the last line would seem to belong to that
    ),
    _comparison("less", lambda xp, a, b: a < b, "<", "<"),
    _comparison("less_equal", lambda xp, a, b: a <= b, "<=", r"\le"),
    _comparison("equal", lambda xp, a, b: a == b, "==", "="),
    primitive(
        "logical_and",
        (CONDITION, CONDITION),
        lambda xp, a, b: a & b,
        simplify=simpler_and,
        boolean=True,
        bounded=True,
        text="{0:2} and {1:2}",
        latex=r"{0:2} \wedge {1:2}",
        precedence=2,
    ),
    primitive(
        "logical_or",
        (CONDITION, CONDITION),
        lambda xp, a, b: a | b,
        simplify=simpler_or,
        boolean=True,
        bounded=True,
        text="{0:1} or {1:1}",
        latex=r"{0:1} \vee {1:1}",
        precedence=1,
    ),
    primitive(
        "logical_not",
        (CONDITION,),
        # A comparison of two parameters may be a Python bool, and ~True is -2.
        lambda xp, a: not a if isinstance(a, bool) else ~a,
        simplify=simpler_not,
        boolean=True,
        bounded=True,
        text="not {0:4}",
        latex=r"\neg {0:4}",
        precedence=4,
    ),
    primitive(
        "is_finite",
        (REAL,),
        lambda xp, a: xp.isfinite(a),
        boolean=True,
        bounded=True,
        text="is_finite({0})",
        latex=r"\left|{0}\right| < \infty",
        latex_precedence=3,
    ),
)
