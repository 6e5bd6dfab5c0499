"""The table of primitives: one row each, with everything the package knows about it.

A row gives the partial derivatives, the spelling, and the LaTeX and plain text. The conventions at
kinks live here and nowhere else:

* the derivative of ``max(0, z)`` is 0 at z = 0 (a tie goes to the constant, else to the first);
* the derivative of ``|r|`` is 0 at r = 0;
* a tie in a maximum over classes goes to the first class;
* ``scale(c, x)`` is ``c * x`` with a zero c winning over an infinite x; ``join(c, x)``, which
  multiplies derivatives, lets a zero win on either side.

A primitive is spelled once, with the operations of a machine ``xp``: an array library, seen through
its backend, or the registers of a compiled kernel. In text and LaTeX ``{0:6}`` is an operand that
gets parentheses if it binds less tightly than 6 (see :data:`BINDING`); ``{0}`` needs none.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from lossary.formula import special
from lossary.formula.expression import Expression, Kind, literal, node

Partials = Callable[..., tuple[Expression | None, ...]]

#: How tightly printed forms bind. A sum over classes takes the product that follows it.
BINDING = {
    "or": 1,
    "and": 2,
    "comparison": 3,
    "not": 4,
    "sum": 5,
    "sum over classes": 6,
    "product": 7,
    "power": 8,
    "function": 9,
    "atom": 10,
}


@dataclass(frozen=True, slots=True)
class Primitive:
    """One row of the table.

    One for kernels alone has no derivative, and registers have its only spelling. A kernel keeps
    the value of one that is costly rather than computing it again.
    """

    name: str
    arity: int
    array: Callable[..., Any]
    latex: str
    text: str
    partials: Partials | None = None
    precedence: int = BINDING["atom"]
    latex_precedence: int = BINDING["atom"]
    boolean: bool = False
    bounded: bool = False
    reduces: bool = False
    kernel_only: bool = False
    costly: bool = False
    kind: Kind = field(default=Kind.CONSTANT)
    expand: Callable[..., Expression] | None = None

    @property
    def early(self) -> bool:
        """Whether it is expanded before it is differentiated."""
        return self.expand is not None and self.partials is None


def _slope_of_maximum(a: Expression, b: Expression) -> tuple[Expression, Expression]:
    first, second = (b < a, a <= b) if _is_bound(a, b) else (b <= a, a < b)
    return _steps(first, second), _steps(second, first)


def _slope_of_minimum(a: Expression, b: Expression) -> tuple[Expression, Expression]:
    first, second = (a < b, b <= a) if _is_bound(a, b) else (a <= b, b < a)
    return _steps(first, second), _steps(second, first)


def _is_bound(a: Expression, b: Expression) -> bool:
    """Tell whether the second is a constant that bounds the first: it gets a tie."""
    return b.kind is Kind.CONSTANT and a.kind is not Kind.CONSTANT


def _steps(one: Expression, zero: Expression) -> Expression:
    """1 where the first condition holds, 0 where the second does, NaN where neither (NaN)."""
    return node("where", one, 1, node("where", zero, 0, math.nan))


def _power_partials(a: Expression, b: Expression) -> tuple[Expression, Expression]:
    # With a zero exponent it is 1, at base 0 too. Along the exponent the derivative is 0 at bases
    # where other exponents near by have no power (below 0) or the same one (0).
    logarithm = node("where", 0 < a, node("log", a), 0)
    to_exponent = node("join", node("power", a, b), logarithm)
    return node("join", b, node("power", a, b - 1)), to_exponent


def _first_of_maximum(values: Expression) -> tuple[Expression]:
    top = node("max", values)
    index = node("index")
    first = -node("max", node("where", node("equal", values, top), -index, -math.inf))
    chosen = node("where", node("equal", index, first), 1, 0)
    return (node("where", node("equal", top, top), chosen, math.nan),)


def _sigmoid(xp: Any, x: Any) -> Any:
    small = xp.exp(-xp.abs(x))
    return xp.where(x >= 0, 1.0, small) / (1.0 + small)


def _softplus(xp: Any, x: Any) -> Any:
    return xp.maximum(0.0, x) + xp.log1p(xp.exp(-xp.abs(x)))


def _log_cosh(xp: Any, x: Any) -> Any:
    size = xp.abs(x)
    # Below 1: log cosh a = log1p(2 sinh(a / 2)^2), with the series of sinh, does not cancel.
    half = 0.5 * xp.minimum(1.0, size)
    square = half * half
    series = 0.0
    for n in range(17, 1, -2):
        series = (series + 1.0 / math.factorial(n)) * square
    sinh = half + half * series
    far = size + (xp.log1p(xp.exp(-2.0 * size)) - math.log(2.0))
    return xp.where(size < 1.0, xp.log1p(2.0 * (sinh * sinh)), far)


def _gap(xp: Any, a: Any, b: Any) -> Any:
    # Only infinities need the choice; where a is b otherwise, the library differentiates a - b.
    return xp.where((a == b) & ~xp.isfinite(a), 0.0, a - b)


def _exp_difference(xp: Any, a: Any, b: Any) -> Any:
    return _exp_of_exact(xp, a, b, a - b)


def _exp_gap(xp: Any, a: Any, b: Any) -> Any:
    return _exp_of_exact(xp, a, b, _gap(xp, a, b))


def _exp_of_exact(xp: Any, a: Any, b: Any, s: Any) -> Any:
    # Knuth's TwoSum: a - b = s + lost, exactly; a unit lost in s is s units in exp(s).
    back = s - a
    lost = (a - (s - back)) - (b + back)
    return xp.exp(s) * (1.0 + xp.stop(xp.where(xp.isfinite(lost), lost, 0.0)))


def _scale(xp: Any, c: Any, x: Any) -> Any:
    return c * xp.where((c == 0) & ~xp.isfinite(x), 0.0 * c, x)


def _join(xp: Any, c: Any, x: Any) -> Any:
    bad = ((c == 0) & ~xp.isfinite(x)) | ((x == 0) & ~xp.isfinite(c))
    return xp.where(bad, 0.0, c) * xp.where(bad, 0.0, x)


def _operands(arity: int) -> str:
    return ", ".join(f"{{{i}}}" for i in range(arity))


def _row(name: str, arity: int, array: Callable[..., Any], **rest: Any) -> Primitive:
    spelled = _operands(arity)
    rest.setdefault("text", f"{name}({spelled})")
    title = name.replace("_", " ")
    rest.setdefault("latex", rf"\operatorname{{{{{title}}}}}\left({spelled}\right)")
    rest.setdefault("latex_precedence", rest.get("precedence", BINDING["atom"]))
    return Primitive(name=name, arity=arity, array=array, **rest)


def _comparison(name: str, array: Callable[..., Any], sign: str, latex: str) -> Primitive:
    return _row(
        name,
        2,
        array,
        latex=f"{{0:4}} {latex} {{1:4}}",
        text=f"{{0:4}} {sign} {{1:4}}",
        precedence=3,
        boolean=True,
    )


def _composite(name: str, arity: int, expand: Callable[..., Expression], **rest: Any) -> Primitive:
    return _row(name, arity, _unexpanded, expand=expand, **rest)


def _prepared(name: str, arity: int) -> Primitive:
    return _row(name, arity, _unexpanded, kernel_only=True, costly=True)


def _unexpanded(*_: Any) -> Any:
    message = "only what is expanded, or lowered for a kernel, can be evaluated"
    raise NotImplementedError(message)


def _peak(x: Expression) -> Expression:
    top = node("stop", node("max", x))
    return node("where", node("is_finite", top), top, 0)


def _logsumexp(x: Expression, relative_to: Expression) -> Expression:
    top = _peak(x)
    return (top - relative_to) + node("log", node("sum", node("exp_difference", x, top)))


def _softmax(x: Expression) -> Expression:
    share = node("exp_gap", x, node("stop", node("max", x)))
    return share / node("sum", share)


def _negative_log_softmax(x: Expression) -> Expression:
    # log(sum(exp(x - top))) as log1p of the sum without the term that is 1, so that nothing is
    # lost where one class dominates; of several classes at the top all but one stay in it.
    top = node("stop", node("max", x))
    others = node("sum", node("where", node("equal", x, top), 1, 0)) - 1
    return node("gap", top, x) + node("log1p", node("sum", node("exp_tail", x, top)) + others)


def _negative_log_softmax_at(x: Expression, labels: Expression) -> Expression:
    # One maximum for all classes; the label's term is left out of the sum, not subtracted.
    top = node("stop", node("max", x))
    named = node("equal", node("index"), labels)
    others = node("sum", node("where", named, 0, node("exp_gap", x, top)))
    return node("surprise", others, node("gap", node("at_label", x, labels), top))


def _norm(x: Expression) -> Expression:
    return _softened_norm(x, literal(0))


def _softened_norm(x: Expression, eps: Expression) -> Expression:
    # Measured in units of its largest part, so that no square is too large or too small.
    root = eps if eps is literal(0) else node("sqrt", eps)
    largest = node("maximum", node("max", node("absolute", x)), root)
    usable = (0 < largest) & node("is_finite", largest)
    unit = node("stop", node("where", usable, largest, 1))
    part, rest = x / unit, root / unit
    return unit * node("sqrt", node("sum", part * part) + rest * rest)


def _direction(x: Expression, norm: Expression) -> Expression:
    return node("where", node("equal", norm, 0), 0, x / norm)


def _surprise_partials(others: Expression, d: Expression) -> tuple[Expression, Expression]:
    share = 1 / (others + node("exp", d))
    return share, -(others * share)


def _call(
    name: str, partials: Partials, array: Callable[..., Any] | None = None, **rest: Any
) -> Any:
    spelled = array or (lambda xp, x: getattr(xp, name)(x))
    return _row(name, 1, spelled, partials=partials, costly=True, **rest)


# fmt: off
_TABLE = (
    # leaves of their own kind -----------------------------------------------------------------
    _row("index", 0, lambda xp: xp.index(), kind=Kind.ELEMENT, latex="k", text="k"),
    _row("class_count", 0, lambda xp: xp.class_count(), latex="C", text="C"),
    # arithmetic -------------------------------------------------------------------------------
    _row(
        "add", 2, lambda xp, a, b: a + b,
        partials=lambda a, b: (literal(1), literal(1)),
        latex="{0:5} + {1:5}", text="{0:5} + {1:5}", precedence=5,
    ),
    _row(
        "subtract", 2, lambda xp, a, b: a - b,
        partials=lambda a, b: (literal(1), literal(-1)),
        latex="{0:5} - {1:6}", text="{0:5} - {1:6}", precedence=5,
    ),
    _row(
        "multiply", 2, lambda xp, a, b: a * b,
        partials=lambda a, b: (b, a),
        latex=r"{0:7} \, {1:7}", text="{0:7} * {1:7}", precedence=7,
    ),
    _row(
        "divide", 2, lambda xp, a, b: a / b,
        partials=lambda a, b: (1 / b, -(a / b) / b),
        latex=r"\frac{{{0}}}{{{1}}}", text="{0:7} / {1:8}", precedence=7,
    ),
    _row(
        "negative", 1, lambda xp, a: -a, partials=lambda a: (literal(-1),),
        latex="-{0:6}", text="-{0:6}", precedence=5,
    ),
    _row(
        "power", 2, lambda xp, a, b: a**b, partials=_power_partials, costly=True,
        latex="{0:10}^{{{1}}}", text="{0:9} ** {1:8}", precedence=8,
    ),
    _row(
        "absolute", 1, lambda xp, a: xp.abs(a),
        partials=lambda a: (node("sign", a),), latex=r"\left|{0}\right|", text="abs({0})",
    ),
    _row(
        "sign", 1, lambda xp, a: xp.sign(a),
        partials=lambda a: (literal(0),), bounded=True,
    ),
    _row(
        "sqrt", 1, lambda xp, a: xp.sqrt(a),
        partials=lambda a: (0.5 / node("sqrt", a),), latex=r"\sqrt{{{0}}}",
    ),
    _row(
        "scale", 2, _scale,
        partials=lambda c, x: (x, c),
        latex=r"{0:7} \, {1:7}", text="{0:7} * {1:7}", precedence=7,
    ),
    _row(
        "join", 2, _join,
        partials=lambda c, x: (x, c),
        latex=r"{0:7} \, {1:7}", text="{0:7} * {1:7}", precedence=7,
    ),
    _row(
        # a^2 / b where a^2 may be beyond the dtype, or b^2 in the derivative.
        "square_over", 2, lambda xp, a, b: a * (a / b),
        partials=lambda a, b: (2 * (a / b), -(a / b) * (a / b)),
        latex=r"\frac{{{0:10}^{{2}}}}{{{1}}}", text="{0:9} ** 2 / {1:8}", precedence=7,
    ),
    # choices ----------------------------------------------------------------------------------
    _row(
        "maximum", 2, lambda xp, a, b: xp.maximum(a, b),
        partials=_slope_of_maximum, latex=r"\max\left({0}, {1}\right)", text="max({0}, {1})",
    ),
    _row(
        "minimum", 2, lambda xp, a, b: xp.minimum(a, b),
        partials=_slope_of_minimum, latex=r"\min\left({0}, {1}\right)", text="min({0}, {1})",
    ),
    _row(
        "where", 3, lambda xp, c, a, b: xp.where(c, a, b),
        partials=lambda c, a, b: (None, node("where", c, 1, 0), node("where", c, 0, 1)),
        latex=r"\begin{{cases}} {1} & \text{{if }} {0} \\ {2} & \text{{otherwise}} \end{{cases}}",
        text="where({0}, {1}, {2})",
    ),
    _comparison("less", lambda xp, a, b: a < b, "<", "<"),
    _comparison("less_equal", lambda xp, a, b: a <= b, "<=", r"\le"),
    _comparison("equal", lambda xp, a, b: a == b, "==", "="),
    _row(
        "logical_and", 2, lambda xp, a, b: a & b,
        latex=r"{0:2} \wedge {1:2}", text="{0:2} and {1:2}", precedence=2, boolean=True,
    ),
    _row(
        "logical_or", 2, lambda xp, a, b: a | b,
        latex=r"{0:1} \vee {1:1}", text="{0:1} or {1:1}", precedence=1, boolean=True,
    ),
    _row(
        # A comparison of two parameters is a Python bool, and ~True is -2.
        "logical_not", 1, lambda xp, a: not a if isinstance(a, bool) else ~a,
        latex=r"\neg {0:4}", text="not {0:4}", precedence=4, boolean=True,
    ),
    _row(
        "is_finite", 1, lambda xp, a: xp.isfinite(a),
        latex=r"\left|{0}\right| < \infty", text="is_finite({0})", latex_precedence=3, boolean=True,
    ),
    # functions --------------------------------------------------------------------------------
    _call("exp", lambda x: (node("exp", x),), latex=r"e^{{{0}}}", latex_precedence=8),
    _call("expm1", lambda x: (node("exp", x),), latex=r"\left(e^{{{0}}} - 1\right)"),
    _call("log", lambda x: (1 / x,), latex=r"\log\left({0}\right)", latex_precedence=9),
    _call("log1p", lambda x: (1 / (1 + x),), latex=r"\log\left(1 + {0:5}\right)",
          latex_precedence=9),
    _row("log1p_unit", 1, lambda xp, x: xp.log1p(x), costly=True,
         partials=lambda x: (1 / (1 + x),), latex=r"\log\left(1 + {0:5}\right)", text="log1p({0})",
         latex_precedence=9),
    _call("tanh", lambda x: (4 * node("sigmoid", 2 * x) * node("sigmoid", -2 * x),), bounded=True,
          latex=r"\tanh\left({0}\right)", latex_precedence=9),
    _call("sigmoid", lambda x: (node("sigmoid", x) * node("sigmoid", -x),), _sigmoid, bounded=True,
          latex=r"\sigma\left({0}\right)", latex_precedence=9),
    _call("softplus", lambda x: (node("sigmoid", x),), _softplus,
          latex=r"\log\left(1 + e^{{{0}}}\right)", latex_precedence=9),
    _call("log_cosh", lambda x: (node("tanh", x),), _log_cosh,
          latex=r"\log\cosh\left({0}\right)", latex_precedence=9),
    _row(
        "exp_difference", 2, _exp_difference, costly=True,
        partials=lambda a, b: (node("exp_difference", a, b), -node("exp_difference", a, b)),
        latex=r"e^{{{0:5} - {1:6}}}", text="exp({0:5} - {1:6})", latex_precedence=8,
    ),
    # distances from a largest value, 0 at that value itself even if it is infinite -----------
    _row(
        "gap", 2, _gap,
        partials=lambda a, b: (literal(1), literal(-1)),
        latex="{0:5} - {1:6}", text="{0:5} - {1:6}", precedence=5,
    ),
    _row(
        "exp_gap", 2, _exp_gap, costly=True,
        partials=lambda a, b: (node("exp_gap", a, b), -node("exp_gap", a, b)),
        latex=r"e^{{{0:5} - {1:6}}}", text="exp({0:5} - {1:6})", latex_precedence=8,
    ),
    _row(
        # exp(a - b) less the 1 that it is where a is b: the derivative does not know of that.
        "exp_tail", 2, lambda xp, a, b: _exp_gap(xp, a, b) - xp.where(a == b, 1.0, 0.0),
        costly=True,
        partials=lambda a, b: (node("exp_gap", a, b), -node("exp_gap", a, b)),
        latex=r"\left(e^{{{0:5} - {1:6}}} - \begin{{cases}} 1 & \text{{if }} {0:4} = {1:4} \\ 0 & "
        r"\text{{otherwise}} \end{{cases}}\right)",
        text="(exp({0:5} - {1:6}) - where({0:4} == {1:4}, 1, 0))",
    ),
    _row(
        # log((s + e^d) / e^d), where d <= 0, and s >= 1 unless d = 0: neither term is below 0.
        "surprise", 2, lambda xp, s, d: xp.log1p(s + xp.expm1(d)) - d,
        costly=True, partials=_surprise_partials,
        latex=r"\log\left({0:5} + e^{{{1:5}}}\right) - {1:6}",
        text="log({0:5} + exp({1:5})) - {1:6}", precedence=5,
    ),
    # shares of a row's largest exponential, for compiled kernels alone (see lower.py) ----------
    _prepared("below_origin", 1),
    _prepared("below_least", 1),
    _prepared("below_shift", 1),
    _prepared("below_factor", 1),
    _prepared("exp_below", 6),
    # what the derivative passes by ------------------------------------------------------------
    _row("stop", 1, lambda xp, a: xp.stop(a), partials=lambda a: (literal(0),),
         latex="{0}", text="{0}"),
    # reductions along the class axis ----------------------------------------------------------
    _row("sum", 1, lambda xp, a: xp.sum_classes(a), partials=lambda a: (literal(1),),
         reduces=True, latex=r"\sum_k {0:6}", latex_precedence=6),
    _row("max", 1, lambda xp, a: xp.max_classes(a), partials=_first_of_maximum,
         reduces=True, latex=r"\max_k {0:6}", latex_precedence=6),
    _row(
        "at_label", 2, lambda xp, a, y: xp.sum_classes(xp.where(xp.index() == y, a, 0.0)),
        partials=lambda a, y: (node("where", node("equal", node("index"), y), 1, 0), None),
        reduces=True, latex=r"{0:10}\big|_{{k = {1}}}", text="{0:10}[{1}]", latex_precedence=9,
    ),
    # words of a formula that are printed and differentiated as such, and expanded before use ------
    _composite(
        "norm", 1, _norm, reduces=True, partials=lambda x: (_direction(x, node("norm", x)),),
        latex=r"\left\lVert {0} \right\rVert",
    ),
    _composite(
        "softened_norm", 2, _softened_norm, reduces=True,
        partials=lambda x, eps: (
            _direction(x, node("softened_norm", x, eps)), 0.5 / node("softened_norm", x, eps),
        ),
        latex=r"\sqrt{{\sum_k {0:10}^{{2}} + {1:5}}}", text="sqrt(sum({0:9} ** 2) + {1:5})",
    ),
    _composite(
        "erf", 1, special.erf, bounded=True, latex_precedence=9,
        partials=lambda x: (2 / math.sqrt(math.pi) * node("exp", -(x * x)),),
    ),
    _composite("log_gamma", 1, special.log_gamma, partials=lambda x: (node("digamma", x),),
               latex=r"\log\Gamma\left({0}\right)", latex_precedence=9),
    _composite("digamma", 1, special.digamma, partials=lambda x: (node("trigamma", x),),
               latex=r"\psi\left({0}\right)", latex_precedence=9),
    _composite("trigamma", 1, special.trigamma,
               partials=lambda x: (special.slope_of_trigamma(x),),
               latex=r"\psi'\left({0}\right)", latex_precedence=9),
    # words that are printed as such, and expanded before they are differentiated -----------------
    _composite("peak", 1, _peak, reduces=True, latex=r"\max_k {0:6}", text="max({0})",
               latex_precedence=6),
    _composite(
        "logsumexp", 2, _logsumexp, reduces=True, precedence=5,
        latex=r"\log \sum_k e^{{{0}}} - {1:6}", text="logsumexp({0}) - {1:6}",
    ),
    _composite("softmax", 1, _softmax, latex=r"\operatorname{{softmax}}_k\left({0}\right)",
               latex_precedence=9),
    _composite(
        "negative_log_softmax", 1, _negative_log_softmax,
        latex=r"-\log\operatorname{{softmax}}_k\left({0}\right)", latex_precedence=5,
    ),
    _composite(
        "negative_log_softmax_at", 2, _negative_log_softmax_at, reduces=True,
        latex=r"-\log\operatorname{{softmax}}_k\left({0}\right)\big|_{{k = {1}}}",
        text="negative_log_softmax({0})[{1}]", latex_precedence=5,
    ),
)

# fmt: on

PRIMITIVES: dict[str, Primitive] = {row.name: row for row in _TABLE}
