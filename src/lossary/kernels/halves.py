"""Conversions of float16 and bfloat16: widened exactly, rounded once.

bfloat16 is the upper half of a float32; it is loaded and stored as 16-bit integers.
"""

from __future__ import annotations

from lossary.kernels.functions import absolute
from lossary.kernels.lanes import Lanes


def widened(bits: Lanes) -> Lanes:
    """Convert bits of bfloat16 to float32."""
    return (bits.unsigned("i32") << 16).real()


def narrowed(x: Lanes) -> Lanes:
    """Round to the nearest bfloat16, ties to even, and return its bits."""
    x = _without_rounding_twice(x)
    bits = x.bits()
    upper = bits >> 16
    rounded = (bits + ((upper & 1) + 0x7FFF)) >> 16
    return (x == x).select(rounded, upper | 0x40).to("i16")


def half(x: Lanes) -> Lanes:
    """Round to the nearest float16, ties to even."""
    return _without_rounding_twice(x).to("f16")


def _without_rounding_twice(x: Lanes) -> Lanes:
    """Return x as float32, with its last bit set where it is not exact ("rounded to odd").

    Rounding this to fewer digits gives the same result as rounding x (Boldo and Melquiond 2008,
    doi:10.1109/TC.2007.70819).
    """
    if x.type == "f32":
        return x
    nearest = x.to("f32")
    back, exact = absolute(nearest.to("f64")), absolute(x)
    above, below = back > exact, back < exact
    # Subtracting 1 from the bits gives the next number of smaller magnitude.
    return ((nearest.bits() - above.to("i32")) | (above | below).to("i32")).real()
