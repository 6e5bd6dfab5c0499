"""Lanes: sixteen numbers in a vector register, whose Python operators emit instructions.

``x * y + 1.0`` on :class:`Lanes` appends LLVM's ``fmul`` and ``fadd`` to the function under
construction (``code.py``) and returns the register of the result. A vector has sixteen lanes on
every processor: LLVM splits it into the native vectors, so results do not depend on their width. No
instruction has a fast-math flag, so each rounds according to IEEE 754, in the order written.

Scalars (loop counters, addresses, numbers that are the same in all lanes) are values with one lane.
Only this module and ``code.py`` write LLVM IR.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from lossary.kernels.form import LANES as LANES

Number = bool | int | float

#: LLVM's names of the element types; "mask" holds conditions, "ptr" addresses.
NAMES = {"f16": "half", "f32": "float", "f64": "double", "mask": "i1", "ptr": "ptr"}
#: Bytes of an element in memory.
SIZES = {"i8": 1, "i16": 2, "f16": 2, "i32": 4, "f32": 4, "i64": 8, "f64": 8, "ptr": 8}
FLOATS = ("f16", "f32", "f64")
_INTEGER_OF = {"f16": "i16", "f32": "i32", "f64": "i64"}
_REAL_OF = {"i16": "f16", "i32": "f32", "i64": "f64"}
#: LLVM's predicates of integer comparisons; they are signed.
_ORDERED = {"lt": "slt", "le": "sle", "gt": "sgt", "ge": "sge", "eq": "eq", "ne": "ne"}


class _Code(Protocol):
    """What a register needs of the function that it belongs to."""

    def emit(self, text: str, type_: str, lanes: int = ..., declare: str = ...) -> Lanes: ...
    def constant(self, value: Number, type_: str, lanes: int = ...) -> Lanes: ...
    def paired(self, a: Lanes | Number, b: Lanes | Number) -> tuple[Lanes, Lanes]: ...
    def intrinsic(self, function: str, type_: str, lanes: int, given: Sequence[Lanes]) -> Lanes: ...


class Lanes:
    """A register: ``lanes`` elements of a type, sixteen or one.

    The types are f16, f32, f64, i8, i16, i32, i64, mask (conditions) and ptr (addresses).
    Comparisons of integers are signed. A Python number combined with a register takes its type.
    """

    __slots__ = ("code", "lanes", "name", "type")

    def __init__(self, code: _Code, type_: str, name: str, lanes: int = LANES) -> None:
        self.code = code
        self.type = type_
        self.name = name
        self.lanes = lanes

    def __repr__(self) -> str:
        return f"{self.spelled} {self.name}"

    @property
    def spelled(self) -> str:
        """The register's type as LLVM IR spells it."""
        return spelled(self.type, self.lanes)

    @property
    def is_real(self) -> bool:
        """Whether the elements are floating-point numbers."""
        return self.type in FLOATS

    # --- arithmetic -----------------------------------------------------------------------
    def _binary(self, real: str, integer: str, other: Lanes | Number, swap: bool = False) -> Lanes:
        one, two = self.code.paired(self, other)
        if swap:
            one, two = two, one
        name = real if self.is_real else integer
        return self.code.emit(f"{name} {one.spelled} {one.name}, {two.name}", one.type, one.lanes)

    def __add__(self, other: Lanes | Number) -> Lanes:
        return self._binary("fadd", "add", other)

    def __radd__(self, other: Number) -> Lanes:
        return self._binary("fadd", "add", other, swap=True)

    def __sub__(self, other: Lanes | Number) -> Lanes:
        return self._binary("fsub", "sub", other)

    def __rsub__(self, other: Number) -> Lanes:
        return self._binary("fsub", "sub", other, swap=True)

    def __mul__(self, other: Lanes | Number) -> Lanes:
        return self._binary("fmul", "mul", other)

    def __rmul__(self, other: Number) -> Lanes:
        return self._binary("fmul", "mul", other, swap=True)

    def __truediv__(self, other: Lanes | Number) -> Lanes:
        return self._binary("fdiv", "sdiv", other)

    def __rtruediv__(self, other: Number) -> Lanes:
        return self._binary("fdiv", "sdiv", other, swap=True)

    def __floordiv__(self, other: Lanes | Number) -> Lanes:
        return self._binary("", "udiv", other)

    def __mod__(self, other: Lanes | Number) -> Lanes:
        return self._binary("", "urem", other)

    def __neg__(self) -> Lanes:
        if self.is_real:
            return self.code.emit(f"fneg {self.spelled} {self.name}", self.type, self.lanes)
        return 0 - self

    # --- comparisons: false if an operand is NaN, except != -------------------------------
    def _compare(self, relation: str, other: Lanes | Number) -> Lanes:
        one, two = self.code.paired(self, other)
        if one.is_real:
            instruction = f"fcmp {'une' if relation == 'ne' else 'o' + relation}"
        else:
            instruction = f"icmp {_ORDERED[relation]}"
        return self.code.emit(
            f"{instruction} {one.spelled} {one.name}, {two.name}", "mask", one.lanes
        )

    def __lt__(self, other: Lanes | Number) -> Lanes:
        return self._compare("lt", other)

    def __le__(self, other: Lanes | Number) -> Lanes:
        return self._compare("le", other)

    def __gt__(self, other: Lanes | Number) -> Lanes:
        return self._compare("gt", other)

    def __ge__(self, other: Lanes | Number) -> Lanes:
        return self._compare("ge", other)

    def __eq__(self, other: object) -> Lanes:  # type: ignore[override]
        return self._compare("eq", other)  # type: ignore[arg-type]

    def __ne__(self, other: object) -> Lanes:  # type: ignore[override]
        return self._compare("ne", other)  # type: ignore[arg-type]

    __hash__ = None  # type: ignore[assignment]

    def __bool__(self) -> bool:
        message = "a register has no value while a kernel is written; choose with select()"
        raise TypeError(message)

    # --- bits -----------------------------------------------------------------------------
    def __and__(self, other: Lanes | Number) -> Lanes:
        return self._binary("", "and", other)

    def __or__(self, other: Lanes | Number) -> Lanes:
        return self._binary("", "or", other)

    def __xor__(self, other: Lanes | Number) -> Lanes:
        return self._binary("", "xor", other)

    def __invert__(self) -> Lanes:
        return self ^ (True if self.type == "mask" else -1)

    def __lshift__(self, other: Lanes | Number) -> Lanes:
        return self._binary("", "shl", other)

    def __rshift__(self, other: Lanes | Number) -> Lanes:
        """Shift right, filling with zeros: signed 64-bit shifts are slow on some processors."""
        return self._binary("", "lshr", other)

    def bits(self) -> Lanes:
        """Return the bits of floating-point numbers as integers."""
        return self._cast("bitcast", _INTEGER_OF[self.type])

    def real(self) -> Lanes:
        """Return the floating-point numbers that have these bits."""
        return self._cast("bitcast", _REAL_OF[self.type])

    # --- conversions ----------------------------------------------------------------------
    def to(self, type_: str) -> Lanes:
        """Return the numbers in another type, rounded to nearest; integers are signed."""
        if type_ == self.type:
            return self
        if type_ == "mask":
            return self != 0
        if self.type == "mask":
            if type_ in FLOATS:
                return self.select(self.code.constant(1, type_, self.lanes), 0)
            return self._cast("zext", type_)
        if self.is_real and type_ in FLOATS:
            if FLOATS.index(type_) < FLOATS.index(self.type):
                return self._cast("fptrunc", type_)
            if self.lanes == 1:
                return self._cast("fpext", type_)
            # Convert in halves; otherwise LLVM also widens the condition of a converted select.
            low, high = (half._cast("fpext", type_) for half in self.halves())
            return low.shuffled(range(self.lanes), high)
        if self.is_real:
            return self._cast("fptosi", type_)
        if type_ in FLOATS:
            return self._cast("sitofp", type_)
        return self._cast("sext" if SIZES[type_] > SIZES[self.type] else "trunc", type_)

    def unsigned(self, type_: str) -> Lanes:
        """Convert unsigned integers to a wider integer type or to floating point."""
        if type_ in FLOATS:
            return self._cast("uitofp", type_)
        return self if type_ == self.type else self._cast("zext", type_)

    def _cast(self, instruction: str, type_: str) -> Lanes:
        text = f"{instruction} {self.spelled} {self.name} to {spelled(type_, self.lanes)}"
        return self.code.emit(text, type_, self.lanes)

    # --- choices and lanes ----------------------------------------------------------------
    def select(self, a: Lanes | Number, b: Lanes | Number) -> Lanes:
        """Return a where this condition holds, else b; one of them is a register."""
        a, b = self.code.paired(a, b)
        text = f"select {self.spelled} {self.name}, {a.spelled} {a.name}, {b.spelled} {b.name}"
        return self.code.emit(text, a.type, a.lanes)

    def call(self, function: str, *others: Lanes | Number) -> Lanes:
        """Call one of LLVM's functions of values of this type, such as "sqrt"."""
        given = [self, *(self.code.paired(self, other)[1] for other in others)]
        return self.code.intrinsic(function, self.type, self.lanes, given)

    def splat(self) -> Lanes:
        """Repeat a scalar in all lanes."""
        if self.lanes != 1:
            return self
        vector = spelled(self.type, LANES)
        first = self.code.emit(
            f"insertelement {vector} poison, {self.spelled} {self.name}, i64 0", self.type
        )
        return first.shuffled([0] * LANES)

    def lane(self, index: int) -> Lanes:
        """Return one lane as a scalar."""
        return self.code.emit(
            f"extractelement {self.spelled} {self.name}, i64 {index}", self.type, 1
        )

    def shuffled(self, order: Sequence[int], other: Lanes | None = None) -> Lanes:
        """Return chosen lanes of this register and another, numbered after this one's."""
        second = "poison" if other is None else other.name
        chosen = ", ".join(f"i32 {lane}" for lane in order)
        text = (
            f"shufflevector {self.spelled} {self.name}, {self.spelled} {second}, "
            f"<{len(order)} x i32> <{chosen}>"
        )
        return self.code.emit(text, self.type, len(order))

    def halves(self) -> tuple[Lanes, Lanes]:
        """Return the first and the second half of the lanes; scalars if there are two lanes."""
        if self.lanes == 2:
            return self.lane(0), self.lane(1)
        half = self.lanes // 2
        return self.shuffled(range(half)), self.shuffled(range(half, self.lanes))

    def folded(self, combine: Callable[[Lanes, Lanes], Lanes]) -> Lanes:
        """Combine all lanes into a scalar: repeatedly combine the first half with the second."""
        value = self
        while value.lanes > 1:
            value = combine(*value.halves())
        return value


def spelled(type_: str, lanes: int) -> str:
    """Return a type as LLVM IR spells it."""
    name = NAMES.get(type_, type_)
    return name if lanes == 1 else f"<{lanes} x {name}>"
