"""Operations on Python numbers as IEEE 754 defines them: NaN, infinities and signs of zeros.

Nodes of numbers are folded with them, so only operations stand here that have one right result.
``exp(2)`` is not folded: its last bit depends on the platform.
"""

from __future__ import annotations

import math


def quotient(a: float, b: float) -> float:
    """Return a / b; Python itself raises where b is 0."""
    if b != 0.0:
        return a / b
    return math.nan if a == 0.0 or math.isnan(a) else a * math.copysign(math.inf, b)


def square_over(a: float, b: float) -> float:
    """Return a (a / b)."""
    return a * quotient(a, b)


def square_root(a: float) -> float:
    """Return the square root, NaN of a negative number."""
    return math.nan if a < 0.0 else math.sqrt(a)


def larger(a: float, b: float) -> float:
    """Return the maximum; NaN if either is NaN, +0 of two zeros."""
    if math.isnan(a) or math.isnan(b):
        return math.nan
    return max(a, b, key=lambda x: (x, math.copysign(1.0, x)))


def smaller(a: float, b: float) -> float:
    """Return the minimum; NaN if either is NaN, -0 of two zeros."""
    return -larger(-a, -b)


def sign(a: float) -> float:
    """Return -1, 1, or the argument itself if it is a zero or NaN."""
    return a if a == 0.0 or math.isnan(a) else math.copysign(1.0, a)
