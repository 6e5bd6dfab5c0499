"""Exponentials and logarithms that LLVM can vectorise: polynomials in plain arithmetic.

Numba's wheels have no vector mathematics library, so a call of ``math.exp`` in a loop is a call
of the scalar C library. These functions are branch-free instead: range reduction, a polynomial,
and scaling through the bits of the result. They hold over the whole range, subnormal results,
infinities and NaN included. The coefficients are those that ``tools/minimax.py`` prints.

Each function exists for float32 and float64, with the suffix ``_f32`` or ``_f64``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit

from lossary.kernels import intrinsics as ops

_options = {"nogil": True, "error_model": "numpy", "forceinline": True}
_plain = njit(**_options)
# A product and a sum may become one fused instruction; nothing is reordered.
_fused = njit(**_options, fastmath={"contract"})

# log(2) in two parts: the first has so few bits that its products with exponents are exact.
_LN2_F32 = (0.693145751953125, 1.42860682030941723212e-6)
_LN2_F64 = (0.693147180369123816490, 1.90821492927058770002e-10)

_EXP_F32 = (
    0.5,
    0.16666576666119928305,
    0.041666554212984150314,
    0.0083632328836826182041,
    0.0013926250831497611718,
)
_EXP_F64 = (
    0.50000000000000010314,
    0.1666666666666666746,
    0.041666666666623820532,
    0.0083333333333300381973,
    0.0013888888917367080562,
    0.00019841269863171556026,
    0.000024801521057868205199,
    2.7557268276905696187e-6,
    2.7620201591031548792e-7,
    2.5100472505694996003e-8,
)
_LOG_F32 = (0.66666685095429068746, 0.39988757716604847003, 0.29580985929974422621)
_LOG_F64 = (
    0.66666666666666697077,
    0.39999999999898890514,
    0.28571428626253837606,
    0.22222211089379496214,
    0.18182892432536871201,
    0.15331611722055007885,
    0.14617807153417324964,
)

_LOG1P_UNIT_F32 = (
    0.66666640225831427963,
    0.40007584873115865042,
    0.28235887907430434323,
    0.26856791406586009019,
)
_LOG1P_UNIT_F64 = (
    0.66666666666666658475,
    0.40000000000014722625,
    0.28571428567071667749,
    0.22222222721178221415,
    0.18181789247591536337,
    0.15385575355515837975,
    0.13314057480122863285,
    0.12001897520703771378,
    0.087965270266740575852,
    0.16172973765164871638,
)


@dataclass(frozen=True)
class _Format:
    """A floating-point format and the constants that the functions need in it."""

    real: Any
    integer: Any
    bits: Callable[..., Any]
    unbits: Callable[..., Any]
    digits: int
    bias: int
    lowest: float
    highest: float
    ln2: tuple[float, float]
    exp: Sequence[float]
    log: Sequence[float]
    log1p_unit: Sequence[float]


_F32 = _Format(
    np.float32, np.int32, ops.bits_of_f32, ops.f32_of_bits, 23, 127, -104.0, 89.0,
    _LN2_F32, _EXP_F32, _LOG_F32, _LOG1P_UNIT_F32,
)  # fmt: skip
_F64 = _Format(
    np.float64, np.int64, ops.bits_of_f64, ops.f64_of_bits, 52, 1023, -746.0, 710.0,
    _LN2_F64, _EXP_F64, _LOG_F64, _LOG1P_UNIT_F64,
)  # fmt: skip


def _polynomial(coefficients: Sequence[float], real: Any) -> Callable[..., Any]:
    """Return the polynomial (lowest degree first) by Horner's rule."""
    body = f"real({coefficients[-1]!r})"
    for coefficient in reversed(coefficients[:-1]):
        body = f"(real({coefficient!r}) + x * {body})"
    namespace: dict[str, Any] = {"real": real}
    exec(f"def polynomial(x):\n    return {body}\n", namespace)
    compiled: Callable[..., Any] = _fused(namespace["polynomial"])
    return compiled


def _exponentials(form: _Format) -> tuple[Callable[..., Any], ...]:
    """Return exp, exp_difference and expm1 of a format."""
    # Numba widens integer arithmetic to 64 bits: every step is brought back with integer().
    real, integer, unbits, bits = form.real, form.integer, form.unbits, form.bits
    per_log2 = real(1 / math.log(2))
    high, low = map(real, form.ln2)
    # Adding and subtracting this rounds to an integer, and leaves it in the lowest bits.
    magic = real(1.5 * 2.0**form.digits)
    bias, digits = integer(form.bias), integer(form.digits)
    lowest, highest, tiny = real(form.lowest), real(form.highest), real(-40.0)
    one, half, two = real(1), real(0.5), real(2)
    tail = _polynomial(form.exp, real)

    @_plain
    def power_of_two(n: Any) -> Any:
        return unbits(integer(integer(bits(n + magic) + bias) << digits))

    @_fused
    def minus_one(r: Any) -> Any:
        return r + r * r * tail(r)

    @_fused
    def reduced(x: Any, n: Any) -> Any:
        return (x - n * high) - n * low

    @_plain
    def clamped(x: Any) -> Any:
        return ops.select(x < lowest, lowest, ops.select(x > highest, highest, x))

    @_plain
    def scaled_exp(x: Any, correction: Any) -> Any:
        # Twice a half of the power: a result below the normal range is rounded once, and one
        # above the range becomes infinite.
        n = (x * per_log2 + magic) - magic
        value = one + minus_one(reduced(x, n) + correction)
        first = (n * half + magic) - magic
        return (value * power_of_two(first)) * power_of_two(n - first)

    @_plain
    def exp(x: Any) -> Any:
        return scaled_exp(clamped(x), real(0))

    @_plain
    def exp_difference(a: Any, b: Any) -> Any:
        # Knuth's TwoSum (The Art of Computer Programming 2, 4.2.2): a - b = s + error, exactly.
        s = a - b
        back = s - a
        error = (a - (s - back)) - (b + back)
        inside = (s > lowest) & (s < highest)
        return scaled_exp(clamped(s), ops.select(inside, error, real(0)))

    @_fused
    def expm1(x: Any) -> Any:
        x = ops.select(x < tiny, tiny, ops.select(x > highest, highest, x))
        n = (x * per_log2 + magic) - magic
        # Half the power of two, so that the largest does not overflow before it must.
        scale = power_of_two(n - one)
        return two * (scale * minus_one(reduced(x, n)) + (scale - half))

    return exp, exp_difference, expm1


def _logarithms(form: _Format) -> tuple[Callable[..., Any], ...]:
    """Return log and log1p of a format."""
    real, integer, bits, unbits = form.real, form.integer, form.bits, form.unbits
    high, low = map(real, form.ln2)
    digits = integer(form.digits)
    mask = integer((1 << form.digits) - 1)
    root = bits_of_root(form)
    smallest = real(2.0 ** (1 - form.bias))
    lift, lifted = real(2.0**form.digits), real(form.digits)
    magic_bits = integer(bits_of(form, 1.5 * 2.0**form.digits))
    magic = real(1.5 * 2.0**form.digits)
    infinity, nan = real(math.inf), real(math.nan)
    zero, one, half, two = real(0), real(1), real(0.5), real(2)
    bias = real(form.bias)
    # Measured from here, the exponent field is never negative, so that it can be shifted out.
    root_less_bias = integer(int(root) - (form.bias << form.digits))
    tail = _polynomial(form.log, real)

    @_plain
    def split(x: Any) -> Any:
        # x = m 2^e with m in [sqrt(1/2), sqrt(2)): the bits of x measured from those of sqrt(1/2).
        subnormal = x < smallest
        shifted = integer(bits(ops.select(subnormal, x * lift, x)) - root_less_bias)
        e = unbits(integer(integer(shifted >> digits) + magic_bits)) - (magic + bias)
        m = unbits(integer(integer(shifted & mask) + root))
        return m, ops.select(subnormal, e - lifted, e)

    @_fused
    def of_parts(f: Any, e: Any, correction: Any) -> Any:
        # log(1 + f) = f - (h - s (h + R)), h = f^2 / 2, s = f / (2 + f), R = s^2 q(s^2): the form
        # in which the leading term is added last.
        s = f / (two + f)
        z = s * s
        h = half * f * f
        rest = h - s * (h + z * tail(z))
        return e * high + (f - (rest - (e * low + correction)))

    @_plain
    def log(x: Any) -> Any:
        m, e = split(x)
        value = of_parts(m - one, e, zero)
        value = ops.select(x == infinity, x, value)
        value = ops.select(x == zero, -infinity, value)
        return ops.select(x >= zero, value, nan)

    @_plain
    def log1p(x: Any) -> Any:
        # log(1 + x) = log(u) + (what rounding u lost) / u, with u = 1 + x rounded.
        u = one + x
        lost = ops.select(x > one, one - (u - x), x - (u - one)) / u
        m, e = split(u)
        value = of_parts(m - one, e, lost)
        value = ops.select(x == infinity, x, value)
        value = ops.select(u == zero, -infinity, value)
        value = ops.select(u >= zero, value, nan)
        return ops.select(abs(x) < smallest, x, value)

    return log, log1p


def _log1p_unit(form: _Format) -> Callable[..., Any]:
    """Return log(1 + x) for x from 0 to 1: what is left of softplus, without any bits."""
    two = form.real(2)
    tail = _polynomial(form.log1p_unit, form.real)

    @_fused
    def log1p_unit(x: Any) -> Any:
        s = x / (two + x)
        z = s * s
        return two * s + s * z * tail(z)

    unit: Callable[..., Any] = log1p_unit
    return unit


def bits_of(form: _Format, value: float) -> int:
    """Return the bits of a number as an integer."""
    return int(form.real(value).view(form.integer))


def bits_of_root(form: _Format) -> Any:
    """Return the bits of sqrt(1/2)."""
    return form.integer(bits_of(form, math.sqrt(0.5)))


def _hyperbolics(
    form: _Format, expm1: Callable[..., Any], log1p: Callable[..., Any]
) -> tuple[Callable[..., Any], ...]:
    """Return tanh and log_cosh of a format."""
    real = form.real
    one, half, two, far = real(1), real(0.5), real(2), real(4)
    ln2 = real(math.log(2))

    @_plain
    def tanh(x: Any) -> Any:
        shrunk = expm1(-two * abs(x))
        size = -shrunk / (two + shrunk)
        return ops.select(x < real(0), -size, ops.select(x == real(0), x, size))

    @_plain
    def log_cosh(x: Any) -> Any:
        # Near 0: log1p(2 sinh(a/2)^2), where nothing cancels. Far: a + log1p(exp(-2 a)) - log 2.
        a = abs(x)
        near = a < far
        e = expm1(ops.select(near, half * a, -two * a))
        sinh = half * (e + e / (one + e))
        rest = log1p(ops.select(near, two * sinh * sinh, one + e))
        return ops.select(near, rest, a + (rest - ln2))

    return tanh, log_cosh


exp_f32, exp_difference_f32, expm1_f32 = _exponentials(_F32)
exp_f64, exp_difference_f64, expm1_f64 = _exponentials(_F64)
log_f32, log1p_f32 = _logarithms(_F32)
log_f64, log1p_f64 = _logarithms(_F64)
log1p_unit_f32, log1p_unit_f64 = _log1p_unit(_F32), _log1p_unit(_F64)
tanh_f32, log_cosh_f32 = _hyperbolics(_F32, expm1_f32, log1p_f32)
tanh_f64, log_cosh_f64 = _hyperbolics(_F64, expm1_f64, log1p_f64)
