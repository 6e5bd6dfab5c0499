"""Powers with an error of about one ulp, as arithmetic on lanes.

In a^b = exp(b log a) an error of the logarithm is multiplied by b log a, which may be 700. So
float32 goes through float64, and float64 through logarithms in two parts, "double doubles"
(Dekker 1971, doi:10.1007/BF01397083). The special values are those of IEEE 754's pow.
"""

from __future__ import annotations

import math

from lossary.kernels.coefficients import POWER_F64, PRECISIONS
from lossary.kernels.functions import (
    absolute,
    exp,
    exp_of_pair,
    fma,
    log,
    parts,
    polynomial,
)
from lossary.kernels.lanes import Lanes, Number

# log((1 + s) / (1 - s)) = 2 s + s^3 (2/3 + z p(z)), z = s^2, with 2/3 in two parts.
_TWO_THIRDS = (0.6666666666666666, 3.700743415417188e-17)

Pair = tuple[Lanes, Lanes]


def power(a: Lanes, b: Lanes | Number) -> Lanes:
    """Return a to the power of b."""
    a, b = a.code.paired(a, b)
    size = absolute(a)
    if a.type == "f64":
        value = _power_of_positive(size, b)
    else:
        value = exp(b.to("f64") * log(size.to("f64"))).to(a.type)
    value = ((size == 1.0) | (b == 0.0)).select(1.0, value)
    whole = b == b.call("floor")
    half = 0.5 * b
    odd = whole & (half != half.call("floor"))
    value = (odd & (a.bits() < 0)).select(-value, value)
    return ((a < 0.0) & (a > -math.inf) & ~whole).select(math.nan, value)


def _power_of_positive(a: Lanes, b: Lanes) -> Lanes:
    high, low = _log_in_two_parts(a)
    # The exponential's argument is b (high + low); its low part matters for finite results only.
    high = (a < math.inf).select(high, a)
    high = (a == 0.0).select(-math.inf, high)
    product = b * high
    return exp_of_pair(product, fma(b, low, fma(b, high, -product)))


def _log_in_two_parts(a: Lanes) -> Pair:
    """Return log(a) with an error below 2^-64, for positive finite numbers."""
    m, e = parts(a)
    f = m - 1.0
    # s = f / (m + 1)
    t = m + 1.0
    t_low = m - (t - 1.0)
    inverse = 1.0 / t
    s = f * inverse
    s_low = fma(-s, t_low, fma(-s, t, f)) * inverse
    z, z_low = _product((s, s_low), (s, s_low))
    series = fma(z, polynomial(z, POWER_F64), _TWO_THIRDS[1])
    rest = _product((s, s_low), _product((z, z_low), _sum(_TWO_THIRDS[0], series)))
    small, small_low = _sum(2.0 * s, rest[0])
    # e times the first part of log(2) is exact.
    ln2, ln2_low = PRECISIONS["f64"].ln2
    high, low = _sum(e * ln2, small)
    return high, low + fma(e, ln2_low, fma(s_low, 2.0, small_low + rest[1]))


def _sum(a: Lanes | float, b: Lanes) -> Pair:
    """Return a + b and its rounding error, for a = 0 or |a| >= |b| (Dekker)."""
    total = a + b
    return total, b - (total - a)


def _product(a: Pair, b: Pair) -> Pair:
    """Return the product of two double doubles."""
    high = a[0] * b[0]
    return high, fma(a[0], b[1], fma(a[1], b[0], fma(a[0], b[0], -high)))
