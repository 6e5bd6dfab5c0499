"""Exponentials, logarithms and functions derived from them, as arithmetic on lanes.

Each function is written once for float32 and float64, without branches: range reduction, a
polynomial, and scaling through the bits of the result. They cover the whole range, including
subnormal results, infinities and NaN. A product and a sum are fused exactly where ``fma`` is
written, so results have the same bits on every processor that has that instruction.

The reductions follow Tang (1989, 1990), "Table-driven implementation of the exponential function"
and "... of the logarithm function", doi:10.1145/63522.214389 and doi:10.1145/98267.98294, without
the tables.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import zip_longest

from lossary.formula.lower import LIFT
from lossary.kernels.coefficients import PRECISIONS, Precision
from lossary.kernels.lanes import Lanes, Number

_PER_LOG2 = 1 / math.log(2)


# --- arithmetic -------------------------------------------------------------------------------
def fma(a: Lanes, b: Lanes | Number, c: Lanes | Number) -> Lanes:
    """Return a b + c, rounded once."""
    return a.call("fma", b, c)


def absolute(x: Lanes) -> Lanes:
    """Return x without its sign."""
    return x.call("fabs")


def larger(a: Lanes, b: Lanes | Number) -> Lanes:
    """Return the larger number; b where either is NaN."""
    return (a > b).select(a, b)


def smaller(a: Lanes, b: Lanes | Number) -> Lanes:
    """Return the smaller number; b where either is NaN."""
    return (a < b).select(a, b)


def within(x: Lanes, least: Number, most: Number) -> Lanes:
    """Clamp x to [least, most]; NaN stays NaN."""
    x = (x > most).select(most, x)
    return (x < least).select(least, x)


def polynomial(x: Lanes, coefficients: Sequence[float]) -> Lanes:
    """Return the polynomial with these coefficients, lowest degree first.

    The constant term is added last, as its rounding dominates the error. The rest is evaluated in
    pairs, pairs of pairs and so on (Estrin's scheme), whose chain of dependent instructions is
    shorter than that of Horner's rule.
    """
    first, *rest = coefficients
    terms: list[Lanes | float] = [*rest]
    power = x
    while len(terms) > 1:
        pairs = zip_longest(terms[::2], terms[1::2])
        terms = [low if high is None else fma(power, high, low) for low, high in pairs]
        if len(terms) > 1:
            power = power * power
    return fma(x, terms[0], first)


# --- exponentials -----------------------------------------------------------------------------
def exp(x: Lanes) -> Lanes:
    """Return the exponential of x."""
    p = PRECISIONS[x.type]
    return _exp_of_sum(within(x, p.least, p.most))


def exp_is_finite(x: Lanes) -> Lanes:
    """Return the mask of numbers whose exponential is finite, without computing that."""
    return x <= PRECISIONS[x.type].last


def exp_difference(a: Lanes, b: Lanes) -> Lanes:
    """Return exp(a - b), corrected for the rounding error of the difference."""
    # Knuth's TwoSum (The Art of Computer Programming 2, 4.2.2): a - b = s + error, exactly.
    s = a - b
    back = s - a
    error = (a - (s - back)) - (b + back)
    return exp_of_pair(s, error)


def exp_of_pair(s: Lanes, error: Lanes) -> Lanes:
    """Return exp(s + error) for an ``error`` of a few ulp of s, ignored where s is out of range."""
    p = PRECISIONS[s.type]
    error = (absolute(s) < 1 - p.least).select(error, 0.0)
    return _exp_of_sum(within(s, p.least, p.most), error)


def _exp_of_sum(x: Lanes, small: Lanes | None = None) -> Lanes:
    """Return exp(x + small) for x within the limits."""
    p = PRECISIONS[x.type]
    power, less_one = _reduced(x, small, 2 * p.bias)
    # Split 2^n into two powers: only the last multiplication rounds subnormal results or
    # overflows to infinity.
    half = power >> 1
    first = (half << p.digits).real()
    second = ((power - half) << p.digits).real()
    return fma(first, less_one, first) * second


def decay(x: Lanes) -> Lanes:
    """Return exp(-|x|)."""
    p = PRECISIONS[x.type]
    x = -absolute(x)
    # One power of two suffices: scaled by 2^LIFT it is a normal number, and the last
    # multiplication rounds subnormal results.
    power, less_one = _reduced((x < p.least).select(p.least, x), None, p.bias + LIFT)
    lifted = (power << p.digits).real()
    return fma(lifted, less_one, lifted) * 2.0**-LIFT


def _reduced(x: Lanes, small: Lanes | None, bias: int) -> tuple[Lanes, Lanes]:
    """Return bits that end in n + bias, and exp(r) - 1, where x + small = n log(2) + r."""
    p = PRECISIONS[x.type]
    shift = p.rounder + bias
    shifted = fma(x, _PER_LOG2, shift)
    n = shifted - shift
    # The first part of the difference is exact; the correction is added last.
    main = fma(n, -p.ln2[0], x)
    rest = n * -p.ln2[1] if small is None else fma(n, -p.ln2[1], small)
    r = main + rest
    return shifted.bits(), main + fma(r * r, polynomial(r, p.exp), rest)


def expm1(x: Lanes) -> Lanes:
    """Return exp(x) - 1."""
    p = PRECISIONS[x.type]
    shift = p.rounder + p.bias - 1
    y = within(x, -40.0, p.most)
    shifted = fma(y, _PER_LOG2, shift)
    n = shifted - shift
    r = fma(n, -p.ln2[1], fma(n, -p.ln2[0], y))
    # Use half the power of two, so that the largest finite results do not overflow early.
    half = (shifted.bits() << p.digits).real()
    value = 2.0 * fma(half, r * r * polynomial(r, p.exp), fma(half, r, half - 0.5))
    return (absolute(x) < p.smallest).select(x, value)


# --- exponentials below a row's largest element -----------------------------------------------
# 2^LIFT exp(x - top) for x <= top. What depends on the row alone is computed once for it, in
# float64: top = origin + most, where the origin is 0 unless top is so far from 0 that elements
# must be subtracted from it first, and exp(-most) = 2^-n factor with n an integer.
def below_origin(top: Lanes, precision: str) -> Lanes:
    """Return what is subtracted from elements: 0, or a row's largest element far from 0."""
    # Elements that matter beside a top twice this far from 0 differ from it by less than half.
    far = 2 * _lowest(precision) * math.log(2)
    return (absolute(top) < far).select(0.0, top)


def below_least(most: Lanes, precision: str) -> Lanes:
    """Return the argument at and below which results are 0."""
    return (_in_log2(most) - float(_lowest(precision))) * math.log(2)


def below_shift(most: Lanes, precision: str) -> Lanes:
    """Return the summand that rounds x / log(2) to an integer and stores exponents in last bits."""
    return PRECISIONS[precision].rounder + _lowest(precision) - _in_log2(most)


def below_factor(most: Lanes, precision: str) -> Lanes:
    """Return 2^n exp(-most), near 1."""
    high, low = PRECISIONS["f64"].ln2
    n = _in_log2(most)
    r = fma(n, low, fma(n, high, -most))
    return 1.0 + fma(r * r, polynomial(r, PRECISIONS["f64"].exp), r)


def exp_below(
    x: Lanes, origin: Lanes, most: Lanes, least: Lanes, shift: Lanes, factor: Lanes
) -> Lanes:
    """Return 2^LIFT exp(x - origin - most), where the last four belong to ``most``."""
    p = PRECISIONS[x.type]
    # inf - inf is NaN, for which smaller() returns its second argument.
    s = larger(smaller(x - origin, most), least)
    shifted = fma(s, _PER_LOG2, shift)
    n = shifted - shift
    r = fma(n, -p.ln2[1], fma(n, -p.ln2[0], s))
    power = (shifted.bits() << p.digits).real() * factor
    return fma(power, fma(r * r, polynomial(r, p.exp), r), power)


def _lowest(precision: str) -> int:
    # The exponent field of a result holds bias + LIFT + n; where that is 0, so is the result.
    return PRECISIONS[precision].bias + LIFT


def _in_log2(most: Lanes) -> Lanes:
    return (most * _PER_LOG2).call("rint")


# --- logarithms -------------------------------------------------------------------------------
def log(x: Lanes) -> Lanes:
    """Return the natural logarithm of x."""
    m, e = parts(x)
    value = _log_of_parts(m - 1.0, e)
    return _with_limits(value, x)


def log1p(x: Lanes) -> Lanes:
    """Return log(1 + x)."""
    p = PRECISIONS[x.type]
    u = 1.0 + x
    measured = u.bits() - _split_point(p)
    # f = (1 + x) 2^-e - 1 without the rounding of 1 + x: with m from 3/4 to 3/2 the sum of
    # x 2^-e and 2^-e - 1 is exact (Sterbenz). Times 4, as 2^-e alone may be subnormal.
    exponent_bits = measured & -(1 << p.digits)
    four_over = ((2 * p.bias + 2 << p.digits) - exponent_bits).real()
    f = 0.25 * fma(x, four_over, four_over - 4.0)
    value = _log_of_parts(f, _exponent(measured, p)).call("copysign", x)
    return _with_limits(value, u)


def log1p_unit(y: Lanes) -> Lanes:
    """Return log(1 + y) for y from 0 to 1."""
    return fma(y * y, polynomial(y - 0.5, PRECISIONS[y.type].log1p), y)


def parts(x: Lanes) -> tuple[Lanes, Lanes]:
    """Return m from 3/4 to 3/2 and e with x = m 2^e, for positive finite numbers."""
    p = PRECISIONS[x.type]
    subnormal = x < p.smallest
    measured = subnormal.select(x * 2.0**p.digits, x).bits() - _split_point(p)
    e = _exponent(measured, p)
    m = ((measured & (1 << p.digits) - 1) + _split_bits(p)).real()
    return m, subnormal.select(e - float(p.digits), e)


def _split_bits(p: Precision) -> int:
    """Return the bits of 3/4."""
    return (p.bias << p.digits) - (1 << p.digits - 1)


def _split_point(p: Precision) -> int:
    """Return the bits of 3/4 minus the bias; relative to them, exponent fields hold e + bias."""
    return -(1 << p.digits - 1)


def _exponent(measured: Lanes, p: Precision) -> Lanes:
    # Convert integers to floating point by inserting them as the last bits of the rounder.
    rounder_bits = (p.bias + p.digits << p.digits) + (1 << p.digits - 1)
    return ((measured >> p.digits) | rounder_bits).real() - (p.rounder + p.bias)


def _with_limits(value: Lanes, x: Lanes) -> Lanes:
    """Return log(x), given a ``value`` that is correct for positive finite numbers."""
    nan = x.code.constant(math.nan, x.type)
    value = (x > 0.0).select(value, (x == 0.0).select(-math.inf, nan))
    return (x == math.inf).select(x, value)


def _log_of_parts(f: Lanes, e: Lanes) -> Lanes:
    # log(1 + f) = f - (h - s (h + R)), h = f^2 / 2, s = f / (2 + f), R = s^2 p(s^2): the form
    # in which the leading term is added last.
    p = PRECISIONS[f.type]
    s = f / (2.0 + f)
    z = s * s
    h = 0.5 * f * f
    rest = fma(-s, fma(z, polynomial(z, p.log), h), h)
    return fma(e, p.ln2[0], f - fma(e, -p.ln2[1], rest))


# --- sigmoids ---------------------------------------------------------------------------------
def softplus(x: Lanes) -> Lanes:
    """Return log(1 + exp(x))."""
    return (x < 0.0).select(0.0, x) + log1p_unit(decay(x))


def sigmoid(x: Lanes) -> Lanes:
    """Return 1 / (1 + exp(-x))."""
    small = decay(x)
    total = 1.0 + small
    lost = small - (total - 1.0)
    share = 1.0 / total
    # A Newton step corrects the rounding errors of the sum and of the quotient.
    rest = fma(-share, lost, fma(-share, total, 1.0))
    share = fma(share, rest, share)
    return (x < 0.0).select(small * share, share)


def tanh(x: Lanes) -> Lanes:
    """Return the hyperbolic tangent of x."""
    size = absolute(x)
    square = size * size
    near = fma(-size, square * polynomial(square, PRECISIONS[x.type].tanh), size)
    small = decay(2.0 * size)
    far = 1.0 - 2.0 * small / (1.0 + small)
    return (size < 0.55).select(near, far).call("copysign", x)


def log_cosh(x: Lanes) -> Lanes:
    """Return log(cosh(x))."""
    p = PRECISIONS[x.type]
    size = absolute(x)
    square = size * size
    near = fma(square * square, polynomial(square - 0.5, p.log_cosh), 0.5 * square)
    far = (size - p.ln2[0]) + (log1p_unit(decay(2.0 * size)) - p.ln2[1])
    return (size < 1.0).select(near, far)


def log_cosh_conjugate(x: Lanes) -> Lanes:
    """Return x tanh(x) - log(cosh(x)) for x from -1 to 1."""
    square = x * x
    rest = polynomial(square - 0.5, PRECISIONS[x.type].log_cosh_conjugate)
    return fma(square * square, rest, 0.5 * square)


def log1p_ratio(s: Lanes, d: Lanes) -> Lanes:
    """Return log(s + exp(d)) - d, for s >= 0."""
    return log1p(s + expm1(d)) - d
