"""Operations that kernels need as single instructions, where Python has only branches.

A choice must be a ``select``, or LLVM may not vectorise the loop around it. A sum must be free to
be reordered, or LLVM may not vectorise it either; only the accumulating addition carries that
freedom, so that every other instruction rounds in the order in which it is written.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

_FREE = ("reassoc", "nsz", "contract")


@intrinsic
def select(context: Any, condition: Any, a: Any, b: Any) -> Any:
    """Return a where the condition holds, else b; both are evaluated."""

    def generate(target: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        chosen, one, other = arguments
        flag = target.cast(builder, chosen, signature.args[0], types.boolean)
        if flag.type.width != 1:
            flag = builder.trunc(flag, ir.IntType(1))
        return builder.select(flag, one, other)

    if a != b:
        return None
    return a(condition, a, b), generate


@intrinsic
def accumulate(context: Any, total: Any, value: Any) -> Any:
    """Return total + value, an addition that may be reordered with others of its kind."""

    def generate(target: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.fadd(*arguments, flags=_FREE)

    if total != value:
        return None
    return total(total, value), generate


def _bit_cast(source: Any, result: Any) -> Any:
    @intrinsic
    def cast(context: Any, x: Any) -> Any:
        def generate(target: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return builder.bitcast(arguments[0], target.get_value_type(result))

        return (result(source), generate) if x == source else None

    return cast


bits_of_f32 = _bit_cast(types.float32, types.int32)
f32_of_bits = _bit_cast(types.int32, types.float32)
bits_of_f64 = _bit_cast(types.float64, types.int64)
f64_of_bits = _bit_cast(types.int64, types.float64)


@njit(nogil=True, error_model="numpy", forceinline=True)
def maximum(a: Any, b: Any) -> Any:
    """Return the larger of two values of one type; NaN if either is NaN."""
    return select((a >= b) | (a != a), a, b)


@njit(nogil=True, error_model="numpy", forceinline=True)
def minimum(a: Any, b: Any) -> Any:
    """Return the smaller of two values of one type; NaN if either is NaN."""
    return select((a <= b) | (a != a), a, b)
