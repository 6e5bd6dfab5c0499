"""Exponentials and logarithms that LLVM can vectorise: polynomials in plain arithmetic.

Numba's wheels have no vector mathematics library, so a call of ``math.exp`` in a loop is a call
of the scalar C library. These functions are branch-free instead: range reduction, a polynomial,
and scaling through the bits of the result. They hold over the whole range, subnormal results,
infinities and NaN included. Each exists for float32 and float64, with the suffix ``_f32`` or
``_f64``. The constants are those that ``tools/minimax.py`` prints.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit

from lossary.formula.lower import LIFT
from lossary.kernels import intrinsics as ops

_options = {"nogil": True, "error_model": "numpy", "forceinline": True}
_plain = njit(**_options)
# A product and a sum may become one fused instruction; nothing is reordered.
_fused = njit(**_options, fastmath={"contract"})

# fmt: off
# log(2) in two parts, the first so short that its products with exponents are exact.
_LN2_F32 = (0.69311523, 3.1946183e-05)
_EXP_F32 = (0.49999994, 0.1666652, 0.041668393, 0.00836878, 0.0013814466)
_LOG_F32 = (0.6666695, 0.3995791, 0.30359063)
_LOG1P_F32 = (
    -0.37813956,
    0.1792249,
    -0.09323024,
    0.05108643,
    -0.02895115,
    0.016742269,
    -0.009778339,
    0.00616086,
    -0.0043555466,
    0.0020376933,
)
_TANH_F32 = (0.3333332, -0.13332625, 0.05385165, -0.021055806, 0.0062388475)
_LOG_COSH_F32 = (
    -0.07367471,
    0.01681319,
    -0.0043207146,
    0.0011788551,
    -0.00033520453,
    9.991092e-05,
    -2.5766272e-05,
)
_LN2_F64 = (0.6931471805601177, -1.7239444525614835e-13)
_EXP_F64 = (
    0.500000000000001,
    0.16666666666666674,
    0.04166666666652095,
    0.008333333333322129,
    0.0013888888948139428,
    0.00019841269886830716,
    2.4801486965921907e-05,
    2.755724206493601e-06,
    2.763279138806238e-07,
    2.5110152436801193e-08,
)
_LOG_F64 = (
    0.6666666666667268,
    0.39999999996176905,
    0.2857142939282357,
    0.22222138685142037,
    0.181863491622773,
    0.15250316392005464,
    0.15367266348086606,
)
_LOG1P_F64 = (
    -0.37813956756734246,
    0.17922493693603656,
    -0.09323036636366942,
    0.051083446105587516,
    -0.028943183164575823,
    0.016788742475481785,
    -0.009909900746187708,
    0.0059290121575090015,
    -0.003585665692290398,
    0.0021876355271538738,
    -0.0013445110799967727,
    0.0008314844339522555,
    -0.0005167863887472748,
    0.00032247248840745795,
    -0.00020308729742586282,
    0.00012956244686019116,
    -7.866827205752149e-05,
    4.349967443955683e-05,
    -3.3818742772949017e-05,
    3.4022625503144154e-05,
    -1.6465187933801387e-05,
)
_TANH_F64 = (
    0.33333333333333315,
    -0.1333333333332903,
    0.053968253964813855,
    -0.02186948840816637,
    0.00886323286342558,
    -0.003592093819869686,
    0.0014555497889672316,
    -0.0005884572416047516,
    0.00023337992704706715,
    -8.327233463240348e-05,
    1.9445253720021715e-05,
)
_LOG_COSH_F64 = (
    -0.0736747111666162,
    0.01681318782756009,
    -0.00432080458946892,
    0.0011790639536050002,
    -0.00033405817950192063,
    9.714259130876265e-05,
    -2.879524416824604e-05,
    8.662144132112611e-06,
    -2.6363392528891747e-06,
    8.100452787166906e-07,
    -2.50757254983137e-07,
    7.798109105836651e-08,
    -2.474165307835138e-08,
    8.386520018778324e-09,
    -2.2911014679015472e-09,
)


@dataclass(frozen=True)
class _Format:
    """A floating-point format and the constants that the functions need in it.

    Below ``least`` an exponential rounds to 0, above ``most`` it is infinite.
    """

    real: Any
    word: Any
    bits: Callable[..., Any]
    unbits: Callable[..., Any]
    digits: int
    bias: int
    least: float
    most: float
    ln2: tuple[float, float]
    exp: Sequence[float]
    log: Sequence[float]
    log1p: Sequence[float]
    tanh: Sequence[float]
    log_cosh: Sequence[float]


_F32 = _Format(
    np.float32, np.uint32, ops.bits_of_f32, ops.f32_of_bits, 23, 127, -104.0, 89.0,
    _LN2_F32, _EXP_F32, _LOG_F32, _LOG1P_F32, _TANH_F32, _LOG_COSH_F32,
)
_F64 = _Format(
    np.float64, np.uint64, ops.bits_of_f64, ops.f64_of_bits, 52, 1023, -746.0, 710.0,
    _LN2_F64, _EXP_F64, _LOG_F64, _LOG1P_F64, _TANH_F64, _LOG_COSH_F64,
)
# fmt: on


def _exponentials(form: _Format) -> tuple[Callable[..., Any], ...]:
    """Return exp, exp_difference and expm1 of a format."""
    # Numba widens integer arithmetic to 64 bits: every step is brought back with word().
    real, word, bits, unbits = form.real, form.word, form.bits, form.unbits
    per_log2 = real(1 / math.log(2))
    high, low = map(real, form.ln2)
    # Adding and subtracting this rounds to an integer n, and leaves n + 2 bias in the last bits.
    shift = real(1.5 * 2.0**form.digits + 2 * form.bias)
    digits, single = word(form.digits), word(1)
    least, most, beyond = real(form.least), real(form.most), real(1 - form.least)
    zero = real(0)
    tail = ops.polynomial(form.exp)

    @_plain
    def clamped(x: Any) -> Any:
        x = ops.select(x > most, most, x)
        return ops.select(x < least, least, x)

    @_fused
    def exp_of_sum(x: Any, small: Any) -> Any:
        shifted = x * per_log2 + shift
        n = shifted - shift
        # x + small - n log(2): the first part is exact, and what follows is added last.
        main = x - n * high
        rest = small - n * low
        r = main + rest
        less_one = main + (rest + r * r * tail(r))
        # 2^n as a product of two powers: a result below the normal range is rounded by the last
        # multiplication alone, and one above the range becomes infinite there.
        both = bits(shifted)
        half = word(both >> single)
        first = unbits(word(half << digits))
        second = unbits(word(word(both - half) << digits))
        return (first + first * less_one) * second

    @_plain
    def exp(x: Any) -> Any:
        return exp_of_sum(clamped(x), zero)

    @_plain
    def exp_difference(a: Any, b: Any) -> Any:
        # Knuth's TwoSum (The Art of Computer Programming 2, 4.2.2): a - b = s + error, exactly.
        s = a - b
        back = s - a
        error = (a - (s - back)) - (b + back)
        return exp_of_sum(clamped(s), ops.select(abs(s) < beyond, error, zero))

    one_less = real(1.5 * 2.0**form.digits + form.bias - 1)
    lowest, half, two = real(-40), real(0.5), real(2)
    smallest = real(2.0 ** (1 - form.bias))

    @_fused
    def expm1(x: Any) -> Any:
        y = ops.select(x > most, most, x)
        y = ops.select(y < lowest, lowest, y)
        shifted = y * per_log2 + one_less
        n = shifted - one_less
        r = (y - n * high) - n * low
        # Half the power of two, so that the largest does not overflow before it must.
        scale = unbits(word(bits(shifted) << digits))
        value = two * (scale * (r * r * tail(r)) + (scale * r + (scale - half)))
        return ops.select(abs(x) < smallest, x, value)

    return exp, exp_difference, expm1


def _shares(form: _Format) -> tuple[Callable[..., Any], ...]:
    """Return exp_below of a format, and the four functions that prepare it for a row."""
    real, word, bits, unbits = form.real, form.word, form.bits, form.unbits
    per_log2 = real(1 / math.log(2))
    high, low = map(real, form.ln2)
    digits = word(form.digits)
    tail, wide_tail = ops.polynomial(form.exp), ops.polynomial(_EXP_F64)
    wide_high, wide_low = _LN2_F64
    # The exponent field of a result holds bias + LIFT + n; where that is 0, so is the result.
    lowest = form.bias + LIFT
    shift = 1.5 * 2.0**form.digits + lowest
    # What counts beside a number twice this far from 0 differs from it by less than half of it.
    far = 2 * lowest * math.log(2)

    @_plain
    def nearest(most: Any) -> Any:
        return np.rint(most * (1 / math.log(2)))

    @_plain
    def below_origin(top: Any) -> Any:
        return ops.select(abs(top) < far, 0.0, top)

    @_plain
    def below_least(most: Any) -> Any:
        return (nearest(most) - lowest) * math.log(2)

    @_plain
    def below_shift(most: Any) -> Any:
        return shift - nearest(most)

    @_fused
    def below_factor(most: Any) -> Any:
        n = nearest(most)
        r = n * wide_low - (most - n * wide_high)
        return 1.0 + (r + r * r * wide_tail(r))

    @_fused
    def exp_below(x: Any, origin: Any, most: Any, least: Any, moved: Any, factor: Any) -> Any:
        s = x - origin
        # An infinity less itself is NaN, for which the first choice takes the second number.
        s = ops.select(s < most, s, most)
        s = ops.select(s > least, s, least)
        shifted = s * per_log2 + moved
        n = shifted - moved
        r = (s - n * high) - n * low
        power = unbits(word(bits(shifted) << digits)) * factor
        return power + power * (r + r * r * tail(r))

    return exp_below, below_origin, below_least, below_shift, below_factor


def _logarithms(form: _Format) -> tuple[Callable[..., Any], ...]:
    """Return log, log1p and log1p_unit of a format."""
    real, word, bits, unbits = form.real, form.word, form.bits, form.unbits
    high, low = map(real, form.ln2)
    digits = word(form.digits)
    fraction = (1 << form.digits) - 1
    every = int(np.iinfo(word).max)
    fraction_bits, exponent_bits = word(fraction), word(every - fraction)
    # A number is split as m 2^e with m in [3/4, 3/2). Measured from the bits of 3/4 less the bias,
    # the exponent field holds e + bias.
    lowest = int(real(0.75).view(word))
    lowest_bits = word(lowest)
    origin = word((lowest - (form.bias << form.digits)) & every)
    # Integers become floating-point numbers as the last bits of this one.
    shift = real(1.5 * 2.0**form.digits)
    shift_bits, shift_and_bias = shift.view(word), shift + real(form.bias)
    four_over_one = word((2 * form.bias + 2) << form.digits)
    smallest = real(2.0 ** (1 - form.bias))
    lift, lifted = real(2.0**form.digits), real(form.digits)
    infinity, nan = real(math.inf), real(math.nan)
    zero, quarter, half, one, two, four = map(real, (0, 0.25, 0.5, 1, 2, 4))
    tail, unit = ops.polynomial(form.log), ops.polynomial(form.log1p)

    @_plain
    def exponent(measured: Any) -> Any:
        return unbits(word(word(measured >> digits) | shift_bits)) - shift_and_bias

    @_fused
    def log_of_parts(f: Any, e: Any) -> Any:
        # log(1 + f) = f - (h - s (h + R)), h = f^2 / 2, s = f / (2 + f), R = s^2 p(s^2): the form
        # in which the leading term is added last.
        s = f / (two + f)
        z = s * s
        h = half * f * f
        rest = h - s * (h + z * tail(z))
        return e * high + (f - (rest - e * low))

    @_plain
    def log(x: Any) -> Any:
        subnormal = x < smallest
        measured = word(bits(ops.select(subnormal, x * lift, x)) - origin)
        e = exponent(measured)
        e = ops.select(subnormal, e - lifted, e)
        m = unbits(word(word(measured & fraction_bits) + lowest_bits))
        value = log_of_parts(m - one, e)
        value = ops.select(x > zero, value, ops.select(x == zero, -infinity, nan))
        return ops.select(x == infinity, x, value)

    @_fused
    def log1p(x: Any) -> Any:
        u = one + x
        measured = word(bits(u) - origin)
        # f = (1 + x) 2^-e - 1 without the rounding of 1 + x: with m from 3/4 to 3/2 the sum of
        # x 2^-e and 2^-e - 1 is exact (Sterbenz). Times 4, as 2^-e alone may be subnormal.
        four_over = unbits(word(four_over_one - word(measured & exponent_bits)))
        f = quarter * (x * four_over + (four_over - four))
        value = math.copysign(log_of_parts(f, exponent(measured)), x)
        value = ops.select(u > zero, value, ops.select(u == zero, -infinity, nan))
        return ops.select(u == infinity, u, value)

    @_fused
    def log1p_unit(y: Any) -> Any:
        return y + y * y * unit(y - half)

    return log, log1p, log1p_unit


def _sigmoids(
    form: _Format, exp: Callable[..., Any], log1p_unit: Callable[..., Any]
) -> tuple[Callable[..., Any], ...]:
    """Return softplus, sigmoid, tanh and log_cosh of a format."""
    real = form.real
    zero, half, one, two = map(real, (0, 0.5, 1, 2))
    high, low = map(real, form.ln2)
    tanh_edge, tanh_tail = real(0.55), ops.polynomial(form.tanh)
    log_cosh_edge, log_cosh_tail = real(1), ops.polynomial(form.log_cosh)

    @_plain
    def softplus(x: Any) -> Any:
        return ops.maximum(zero, x) + log1p_unit(exp(-abs(x)))

    @_plain
    def sigmoid(x: Any) -> Any:
        small = exp(-abs(x))
        total = one + small
        value = ops.select(x < zero, small, one) / total
        # What rounding the sum lost, over the sum: 1 - small / 2 is close enough to 1 / total.
        lost = (small - (total - one)) * (one - half * small)
        return value - value * lost

    @_fused
    def tanh(x: Any) -> Any:
        size = abs(x)
        square = size * size
        near = size - size * (square * tanh_tail(square))
        far = one - two / (one + exp(two * size))
        return math.copysign(ops.select(size < tanh_edge, near, far), x)

    @_fused
    def log_cosh(x: Any) -> Any:
        size = abs(x)
        square = size * size
        near = half * square + square * square * log_cosh_tail(square - half)
        far = (size - high) + (log1p_unit(exp(-two * size)) - low)
        return ops.select(size < log_cosh_edge, near, far)

    return softplus, sigmoid, tanh, log_cosh


exp_f32, exp_difference_f32, expm1_f32 = _exponentials(_F32)
exp_f64, exp_difference_f64, expm1_f64 = _exponentials(_F64)
exp_below_f32, *_prepare_f32 = _shares(_F32)
exp_below_f64, *_prepare_f64 = _shares(_F64)
below_origin_f32, below_least_f32, below_shift_f32, below_factor_f32 = _prepare_f32
below_origin_f64, below_least_f64, below_shift_f64, below_factor_f64 = _prepare_f64
log_f32, log1p_f32, log1p_unit_f32 = _logarithms(_F32)
log_f64, log1p_f64, log1p_unit_f64 = _logarithms(_F64)
softplus_f32, sigmoid_f32, tanh_f32, log_cosh_f32 = _sigmoids(_F32, exp_f32, log1p_unit_f32)
softplus_f64, sigmoid_f64, tanh_f64, log_cosh_f64 = _sigmoids(_F64, exp_f64, log1p_unit_f64)
