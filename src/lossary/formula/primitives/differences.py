"""Differences from a largest value and their exponentials, also where both are infinite.

For values with a maximum, ``a`` is a value and ``b`` the maximum, or the other way round. If the
maximum is infinite, ``a - b`` is NaN at the maximum itself, where it has to be 0.
"""

from __future__ import annotations

from typing import Any

from lossary.formula.expression import Expression, literal, node
from lossary.formula.table import REAL, OperandSpec, kernel_primitive, primitive

_AT_LEAST_1 = OperandSpec(low=1.0)
_AT_MOST_0 = OperandSpec(high=0.0)


def _difference_or_zero(xp: Any, a: Any, b: Any) -> Any:
    # Only infinities are chosen for: where finite a and b are equal the result is a - b, so that
    # the library's own derivative is that of a - b.
    return xp.where((a == b) & ~xp.isfinite(a), 0.0, a - b)


def _exp_difference(xp: Any, a: Any, b: Any) -> Any:
    return _exp_compensated(xp, a, b, a - b)


def _exp_difference_or_one(xp: Any, a: Any, b: Any) -> Any:
    return _exp_compensated(xp, a, b, _difference_or_zero(xp, a, b))


def _exp_difference_or_zero(xp: Any, a: Any, b: Any) -> Any:
    return _exp_difference_or_one(xp, a, b) - xp.where(a == b, 1.0, 0.0)


def _exp_compensated(xp: Any, a: Any, b: Any, s: Any) -> Any:
    # Knuth's TwoSum (The Art of Computer Programming 2, 4.2.2): a - b = s + lost, exactly. Without
    # it, a rounding error of one unit in s is a relative error of s units in exp(s).
    back = s - a
    lost = (a - (s - back)) - (b + back)
    return xp.exp(s) * (1.0 + xp.stop(xp.where(xp.isfinite(lost), lost, 0.0)))


def _exp_difference_partials(a: Expression, b: Expression) -> tuple[Expression, Expression]:
    slope = node("exp_difference", a, b)
    return slope, -slope


def _exp_difference_or_one_partials(a: Expression, b: Expression) -> tuple[Expression, Expression]:
    slope = node("exp_difference_or_one", a, b)
    return slope, -slope


def _log1p_ratio_partials(s: Expression, d: Expression) -> tuple[Expression, Expression]:
    share = 1 / (s + node("exp", d))
    return share, -(s * share)


TABLE = (
    primitive(
        # exp(a - b); the rounding error of the difference is compensated.
        "exp_difference",
        (REAL, REAL),
        _exp_difference,
        partials=_exp_difference_partials,
        costly=True,
        text="exp({0:5} - {1:6})",
        latex=r"e^{{{0:5} - {1:6}}}",
        latex_precedence=8,
    ),
    primitive(
        # a - b, and 0 where a and b are the same infinity.
        "difference_or_zero",
        (REAL, REAL),
        _difference_or_zero,
        partials=lambda a, b: (literal(1), literal(-1)),
        text="{0:5} - {1:6}",
        latex="{0:5} - {1:6}",
        precedence=5,
    ),
    primitive(
        # exp(a - b), and 1 where a and b are the same infinity.
        "exp_difference_or_one",
        (REAL, REAL),
        _exp_difference_or_one,
        partials=_exp_difference_or_one_partials,
        costly=True,
        text="exp({0:5} - {1:6})",
        latex=r"e^{{{0:5} - {1:6}}}",
        latex_precedence=8,
    ),
    primitive(
        # exp(a - b), minus 1 where a == b; that correction is not differentiated.
        "exp_difference_or_zero",
        (REAL, REAL),
        _exp_difference_or_zero,
        partials=_exp_difference_or_one_partials,
        costly=True,
        text="(exp({0:5} - {1:6}) - where({0:4} == {1:4}, 1, 0))",
        latex=r"\left(e^{{{0:5} - {1:6}}} - \begin{{cases}} 1 & \text{{if }} {0:4} = {1:4} \\ 0 & "
        r"\text{{otherwise}} \end{{cases}}\right)",
    ),
    primitive(
        # log1p(s / e^d) for d <= 0, and s >= 1 unless d = 0: neither term is negative.
        "log1p_ratio",
        (_AT_LEAST_1, _AT_MOST_0),
        lambda xp, s, d: xp.log1p(s + xp.expm1(d)) - d,
        partials=_log1p_ratio_partials,
        costly=True,
        text="log({0:5} + exp({1:5})) - {1:6}",
        latex=r"\log\left({0:5} + e^{{{1:5}}}\right) - {1:6}",
        precedence=5,
    ),
    # Exponentials relative to a row's largest one; see lower.py.
    kernel_primitive("below_origin", (REAL,)),
    kernel_primitive("below_least", (REAL,)),
    kernel_primitive("below_shift", (REAL,)),
    kernel_primitive("below_factor", (REAL,)),
    kernel_primitive("exp_below", (REAL,) * 6),
)
