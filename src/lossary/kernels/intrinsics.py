"""Operations that kernels need as single instructions, where Python has only branches.

A choice must be a ``select``, or LLVM may not vectorise the loop around it. A sum must be free to
be reordered, or LLVM may not vectorise it either; only the accumulating addition carries that
freedom, so that every other instruction rounds in the order in which it is written.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import zip_longest
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

_FREE = ("reassoc", "nsz", "contract")
_ALIGNMENT = 64


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


def _extreme(operation: str) -> Any:
    @intrinsic
    def extreme(context: Any, a: Any, b: Any) -> Any:
        def generate(target: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            kind = arguments[0].type
            function = ir.FunctionType(kind, (kind, kind))
            declared = builder.module.declare_intrinsic(operation, (kind,), function)
            return builder.call(declared, arguments, fastmath=("nsz",))

        return (a(a, b), generate) if a == b else None

    return extreme


# The larger and the smaller of two numbers of one type, NaN if either is NaN. They need no
# counterpart of ``accumulate``: LLVM also vectorises ``m = maximum(m, x[i])``. Of -0 and +0 either
# may be returned, which is what makes them cheap.
maximum = _extreme("llvm.maximum")
minimum = _extreme("llvm.minimum")


def _bit_cast(source: Any, result: Any) -> Any:
    @intrinsic
    def cast(context: Any, x: Any) -> Any:
        def generate(target: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return builder.bitcast(arguments[0], target.get_value_type(result))

        return (result(source), generate) if x == source else None

    return cast


# Unsigned, as only a logical shift of 64 bits is an instruction everywhere.
bits_of_f32 = _bit_cast(types.float32, types.uint32)
f32_of_bits = _bit_cast(types.uint32, types.float32)
bits_of_f64 = _bit_cast(types.float64, types.uint64)
f64_of_bits = _bit_cast(types.uint64, types.float64)


def _pointer(kind: Any) -> Any:
    @intrinsic
    def pointer(context: Any, address: Any) -> Any:
        result = types.CPointer(kind)

        def generate(target: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return builder.inttoptr(arguments[0], target.get_value_type(result))

        return (result(address), generate) if isinstance(address, types.Integer) else None

    return pointer


# What lies at an address, by the name of its dtype.
to_float32, to_float64 = _pointer(types.float32), _pointer(types.float64)
to_int64, to_bool = _pointer(types.int64), _pointer(types.uint8)


def _stack(kind: Any) -> Any:
    @intrinsic
    def stack(context: Any, length: Any) -> Any:
        def generate(target: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            memory = cgutils.alloca_once(builder, target.get_data_type(kind), size=count)
            memory.align = _ALIGNMENT
            return memory

        count = getattr(length, "literal_value", None)
        return None if count is None else (types.CPointer(kind)(length), generate)

    return stack


# Scratch memory of a fixed length on the stack, uninitialised. LLVM knows that nothing else
# points there, so that loops over it need not look whether arrays overlap.
stack_f32, stack_f64 = _stack(types.float32), _stack(types.float64)
stack_i32, stack_i64 = _stack(types.int32), _stack(types.int64)
stack_bool = _stack(types.boolean)


def polynomial(coefficients: Sequence[float]) -> Callable[[Any], Any]:
    """Return the polynomial with these coefficients, lowest degree first, as an intrinsic.

    The constant term is added last, by itself, as its rounding is the one that is seen. The rest
    is evaluated in pairs, pairs of pairs and so on (Estrin's scheme), which waits less for the
    result of one instruction before the next than Horner's rule does.
    """

    @intrinsic
    def evaluate(context: Any, x: Any) -> Any:
        def generate(target: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            (point,) = arguments
            first, *terms = (ir.Constant(point.type, value) for value in coefficients)
            power = point
            while len(terms) > 1:
                pairs = zip_longest(terms[::2], terms[1::2])
                terms = [_multiply_add(builder, high, power, low) for low, high in pairs]
                power = builder.fmul(power, power)
            return _multiply_add(builder, terms[0], point, first)

        return x(x), generate

    return evaluate


def _multiply_add(builder: Any, a: Any, b: Any, c: Any) -> Any:
    """Write a b + c, one fused instruction where the machine has it; c alone without an a."""
    if a is None:
        return c
    return builder.fadd(builder.fmul(a, b, flags=("contract",)), c, flags=("contract",))
