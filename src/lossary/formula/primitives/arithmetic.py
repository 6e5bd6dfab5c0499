"""Sums, products, powers and roots."""

from __future__ import annotations

import operator
from typing import Any

from lossary.formula import folding
from lossary.formula.expression import Expression, literal, node
from lossary.formula.simplification import (
    simpler_difference,
    simpler_negative,
    simpler_power,
    simpler_product,
    simpler_quotient,
    simpler_safe_product,
    simpler_scale,
    simpler_sum,
)
from lossary.formula.table import POSITIVE, REAL, composite, kernel_primitive, primitive


def _power_partials(a: Expression, b: Expression) -> tuple[Expression, Expression]:
    # A power with exponent 0 is 1, at base 0 too. The derivative along the exponent counts as 0 at
    # negative bases, where nearby exponents give no real number, and at base 0, where they give 0.
    logarithm = node("where", 0 < a, node("log", a), 0)
    along_exponent = node("safe_product", node("power", a, b), logarithm)
    return node("safe_product", b, node("power", a, b - 1)), along_exponent


def _power(xp: Any, a: Any, b: Any) -> Any:
    # The base does not matter for exponent 0. With base 1 the derivative of JAX's and MLX's power
    # is 0 there; with base 0 it is NaN.
    return (a if isinstance(b, float) else xp.where(b == 0, 1.0, a)) ** b


def _scale(xp: Any, c: Any, x: Any) -> Any:
    return c * xp.where((c == 0) & ~xp.isfinite(x), 0.0 * c, x)


def _safe_product(xp: Any, a: Any, b: Any) -> Any:
    undefined = ((a == 0) & ~xp.isfinite(b)) | ((b == 0) & ~xp.isfinite(a))
    return xp.where(undefined, 0.0, a) * xp.where(undefined, 0.0, b)


def _share(part: Expression, rest: Expression) -> Expression:
    return part / _divisor(part, rest)


def _share_partials(part: Expression, rest: Expression) -> tuple[Expression, Expression]:
    # Each share has its own part above the line: 1 - part / whole would cancel.
    return node("share_slope", rest, part), -node("share_slope", part, rest)


def _share_slope(part: Expression, rest: Expression) -> Expression:
    # XLA makes a / (b b) of (a / b) / b, so the inverse of b is a factor, in range in units of
    # 2^-56; so are their squares, which JAX divides by where it differentiates.
    divisor = _divisor(part, rest)
    unit = node("where", divisor < 1, 2.0**56, 1)
    return (unit * _share(part, rest)) * (1 / (unit * divisor))


def _share_slope_partials(part: Expression, rest: Expression) -> tuple[Expression, Expression]:
    divisor = _divisor(part, rest)
    difference = node("share_slope", rest, part) - node("share_slope", part, rest)
    return difference / divisor, -2 * (node("share_slope", part, rest) / divisor)


def _divisor(part: Expression, rest: Expression) -> Expression:
    """Return the whole, and 1 where nothing is there."""
    whole = part + rest
    return node("where", node("equal", whole, 0), 1, whole)


TABLE = (
    primitive(
        "add",
        (REAL, REAL),
        lambda xp, a, b: a + b,
        partials=lambda a, b: (literal(1), literal(1)),
        fold=operator.add,
        simplify=simpler_sum,
        bounded_by_operands=True,
        text="{0:5} + {1:5}",
        latex="{0:5} + {1:5}",
        precedence=5,
    ),
    primitive(
        "subtract",
        (REAL, REAL),
        lambda xp, a, b: a - b,
        partials=lambda a, b: (literal(1), literal(-1)),
        fold=operator.sub,
        simplify=simpler_difference,
        bounded_by_operands=True,
        text="{0:5} - {1:6}",
        latex="{0:5} - {1:6}",
        precedence=5,
    ),
    primitive(
        "multiply",
        (REAL, REAL),
        lambda xp, a, b: a * b,
        partials=lambda a, b: (b, a),
        fold=operator.mul,
        simplify=simpler_product,
        bounded_by_operands=True,
        text="{0:7} * {1:7}",
        latex=r"{0:7} \, {1:7}",
        precedence=7,
    ),
    primitive(
        "divide",
        (REAL, REAL),
        lambda xp, a, b: a / b,
        partials=lambda a, b: (1 / b, -(a / b) / b),
        fold=folding.quotient,
        simplify=simpler_quotient,
        text="{0:7} / {1:8}",
        latex=r"\frac{{{0}}}{{{1}}}",
        precedence=7,
    ),
    primitive(
        "negative",
        (REAL,),
        lambda xp, a: -a,
        partials=lambda a: (literal(-1),),
        fold=operator.neg,
        simplify=simpler_negative,
        bounded_by_operands=True,
        text="-{0:6}",
        latex="-{0:6}",
        precedence=5,
    ),
    primitive(
        "power",
        (POSITIVE, REAL),
        _power,
        partials=_power_partials,
        simplify=simpler_power,
        costly=True,
        text="{0:9} ** {1:8}",
        latex="{0:10}^{{{1}}}",
        precedence=8,
    ),
    primitive(
        "absolute",
        (REAL,),
        lambda xp, a: xp.abs(a),
        partials=lambda a: (node("sign", a),),
        fold=abs,
        bounded_by_operands=True,
        text="abs({0})",
        latex=r"\left|{0}\right|",
    ),
    primitive(
        "sign",
        (REAL,),
        lambda xp, a: xp.sign(a),
        partials=lambda a: (literal(0),),
        fold=folding.sign,
        bounded=True,
    ),
    primitive(
        "floor",
        (REAL,),
        lambda xp, a: xp.floor(a),
        partials=lambda a: (literal(0),),
        bounded_by_operands=True,
    ),
    primitive(
        "sqrt",
        (POSITIVE,),
        lambda xp, a: xp.sqrt(a),
        partials=lambda a: (0.5 / node("sqrt", a),),
        fold=folding.square_root,
        latex=r"\sqrt{{{0}}}",
    ),
    primitive(
        "scale",
        (REAL, REAL),
        _scale,
        partials=lambda c, x: (x, c),
        simplify=simpler_scale,
        text="{0:7} * {1:7}",
        latex=r"{0:7} \, {1:7}",
        precedence=7,
    ),
    primitive(
        "safe_product",
        (REAL, REAL),
        _safe_product,
        partials=lambda a, b: (b, a),
        simplify=simpler_safe_product,
        text="{0:7} * {1:7}",
        latex=r"{0:7} \, {1:7}",
        precedence=7,
    ),
    primitive(
        # For an a^2, or a b^2 in the derivative, beyond the range of the dtype.
        "square_over",
        (REAL, REAL),
        lambda xp, a, b: a * (a / b),
        partials=lambda a, b: (2 * (a / b), -(a / b) * (a / b)),
        fold=folding.square_over,
        text="{0:9} ** 2 / {1:8}",
        latex=r"\frac{{{0:10}^{{2}}}}{{{1}}}",
        precedence=7,
    ),
    composite(
        "share",
        (POSITIVE, POSITIVE),
        _share,
        partials=_share_partials,
        text="{0:7} / ({0:5} + {1:5})",
        latex=r"\frac{{{0}}}{{{0:5} + {1:5}}}",
        precedence=7,
    ),
    composite(
        # part / (part + rest)^2, whose square may be beyond the range of the dtype.
        "share_slope",
        (POSITIVE, POSITIVE),
        _share_slope,
        partials=_share_slope_partials,
        text="{0:7} / ({0:5} + {1:5}) ** 2",
        latex=r"\frac{{{0}}}{{\left({0:5} + {1:5}\right)^{{2}}}}",
        precedence=7,
    ),
    primitive(
        # The same value, a constant for derivatives.
        "stop",
        (REAL,),
        lambda xp, a: xp.stop(a),
        partials=lambda a: (literal(0),),
        text="{0}",
        latex="{0}",
    ),
    composite(
        # The value of a; its derivatives are those of b.
        "with_derivatives_of",
        (REAL, REAL),
        lambda a, b: a,
        partials=lambda a, b: (None, literal(1)),
        text="{0}",
        latex="{0}",
    ),
    # a b + c, rounded once; see lower.py.
    kernel_primitive("multiply_add", (REAL,) * 3, costly=False),
)
