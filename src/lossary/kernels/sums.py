"""Sums of float64 that are as good over many classes as over few.

Added one after the other, numbers of one size lose more digits the more of them there are. Float32
is added up in float64; float64 is added up with what its additions lose.
"""

from __future__ import annotations

import math
from typing import Any

from numba import njit

from lossary.kernels import intrinsics as ops

_inline = njit(nogil=True, error_model="numpy", forceinline=True)
#: Up to so many numbers of a block are added one by one.
_FEW = 8


@_inline
def add(total: Any, lost: Any, value: Any) -> Any:
    """Return total + value, and what such additions have lost so far (Knuth's TwoSum)."""
    result = total + value
    back = result - total
    return result, lost + ((total - (result - back)) + (value - back))


@_inline
def add_block(total: Any, lost: Any, block: Any, width: Any) -> Any:
    """Add the first numbers of a block, which is used up, in loops that are vectorised."""
    a, b, c, d = _quarters(block, width)
    for i in range(a.size):
        # A rounding error of two numbers alone is not worth the time that keeping it takes.
        a[i], rest = add(a[i] + b[i], 0.0, c[i] + d[i])
        lost = ops.accumulate(lost, rest)
    while a.size > _FEW:
        a, b, c, d = _quarters(block, a.size)
        for i in range(a.size):
            value, rest = add(a[i], 0.0, b[i])
            value, rest = add(value, rest, c[i])
            a[i], rest = add(value, rest, d[i])
            lost = ops.accumulate(lost, rest)
    for i in range(a.size):
        total, lost = add(total, lost, a[i])
    return total, lost


@_inline
def _quarters(block: Any, width: Any) -> Any:
    """Cut the first numbers of a block into four parts, the last filled up with zeros."""
    part = (width + 3) // 4
    for i in range(width, 4 * part):
        block[i] = 0.0
    return block[:part], block[part : 2 * part], block[2 * part : 3 * part], block[3 * part :]


@_inline
def complete(total: Any, lost: Any) -> Any:
    """Return the sum with what it has lost, which is NaN beside an infinite one."""
    return total + ops.select(abs(lost) < math.inf, lost, 0.0)
