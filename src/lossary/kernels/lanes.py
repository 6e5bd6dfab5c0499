"""Lanes: sixteen numbers in a vector register, whose Python operators emit instructions.

``x * y + 1.0`` on :class:`Lanes` appends LLVM's ``fmul`` and ``fadd`` to the :class:`Code` under
construction and returns the register of the result. A vector has sixteen lanes on every processor:
LLVM splits it into the native vectors, so results do not depend on their width. No instruction has
a fast-math flag, so each rounds according to IEEE 754, in the order written.

Scalars (loop counters, addresses, numbers that are the same in all lanes) are values with one lane.
Only this module writes LLVM IR.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Sequence

from lossary.kernels.form import LANES as LANES

Number = bool | int | float

#: LLVM's names of the element types; "mask" holds conditions, "ptr" addresses.
_NAMES = {"f16": "half", "f32": "float", "f64": "double", "mask": "i1", "ptr": "ptr"}
#: Bytes of an element in memory.
SIZES = {"i8": 1, "i16": 2, "f16": 2, "i32": 4, "f32": 4, "i64": 8, "f64": 8, "ptr": 8}
_FLOATS = ("f16", "f32", "f64")
_INTEGER_OF = {"f16": "i16", "f32": "i32", "f64": "i64"}
_REAL_OF = {"i16": "f16", "i32": "f32", "i64": "f64"}
#: LLVM's predicates of integer comparisons; they are signed.
_ORDERED = {"lt": "slt", "le": "sle", "gt": "sgt", "ge": "sge", "eq": "eq", "ne": "ne"}


class Lanes:
    """A register: ``lanes`` elements of a type, sixteen or one.

    The types are f16, f32, f64, i8, i16, i32, i64, mask (conditions) and ptr (addresses).
    Comparisons of integers are signed. A Python number combined with a register takes its type.
    """

    __slots__ = ("code", "lanes", "name", "type")

    def __init__(self, code: Code, type_: str, name: str, lanes: int = LANES) -> None:
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
        return self.type in _FLOATS

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
            if type_ in _FLOATS:
                return self.select(self.code.constant(1, type_, self.lanes), 0)
            return self._cast("zext", type_)
        if self.is_real and type_ in _FLOATS:
            if _FLOATS.index(type_) < _FLOATS.index(self.type):
                return self._cast("fptrunc", type_)
            if self.lanes == 1:
                return self._cast("fpext", type_)
            # Convert in halves; otherwise LLVM also widens the condition of a converted select.
            low, high = (half._cast("fpext", type_) for half in self.halves())
            return low.shuffled(range(self.lanes), high)
        if self.is_real:
            return self._cast("fptosi", type_)
        if type_ in _FLOATS:
            return self._cast("sitofp", type_)
        return self._cast("sext" if SIZES[type_] > SIZES[self.type] else "trunc", type_)

    def unsigned(self, type_: str) -> Lanes:
        """Convert unsigned integers to a wider integer type or to floating point."""
        if type_ in _FLOATS:
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


class Code:
    """Builder of a function in LLVM IR.

    Parameters
    ----------
    name : str
        Name of the function.
    parameters : dict
        Names and types of its parameters, all scalars.
    """

    def __init__(self, name: str, parameters: dict[str, str]) -> None:
        self._name = name
        self._parameters = parameters
        self._lines: list[str] = []
        self._stack: list[str] = []
        self._declared: dict[str, None] = {}
        self._count = 0
        self._block = "entry"
        #: The returned value; None for a void function.
        self.result: Lanes | None = None
        self.given = {key: Lanes(self, type_, f"%{key}", 1) for key, type_ in parameters.items()}

    def text(self) -> str:
        """Return the module with the finished function."""
        given = ", ".join(f"{_NAMES.get(t, t)} %{n}" for n, t in self._parameters.items())
        result = "void" if self.result is None else f"{self.result.spelled} {self.result.name}"
        return "\n".join(
            [
                *self._declared,
                f"define {result.split()[0]} @{self._name}({given}) {{",
                "entry:",
                *self._stack,
                *self._lines,
                f"  ret {result}",
                "}",
                "",
            ]
        )

    def comment(self, text: str) -> None:
        """Write a comment, such as the expression that the next instructions compute."""
        self._lines.append(f"  ; {text}")

    # --- values ---------------------------------------------------------------------------
    def emit(self, text: str, type_: str, lanes: int = LANES, declare: str = "") -> Lanes:
        """Append an instruction and return the register of its result."""
        if declare:
            self._declared.setdefault(declare)
        self._count += 1
        name = f"%v{self._count}"
        self._lines.append(f"  {name} = {text}")
        return Lanes(self, type_, name, lanes)

    def constant(self, value: Number, type_: str, lanes: int = LANES) -> Lanes:
        """Return a number in a type, in all lanes."""
        name = _literal(value, type_)
        if lanes != 1:
            name = f"splat ({_NAMES.get(type_, type_)} {name})"
        return Lanes(self, type_, name, lanes)

    def constants(self, values: Sequence[Number], type_: str) -> Lanes:
        """Return a register with these constants in its lanes."""
        kind = _NAMES.get(type_, type_)
        spelled_out = ", ".join(f"{kind} {_literal(value, type_)}" for value in values)
        return Lanes(self, type_, f"<{spelled_out}>", len(values))

    def paired(self, a: Lanes | Number, b: Lanes | Number) -> tuple[Lanes, Lanes]:
        """Return two operands of one type: numbers become constants, scalars fill all lanes."""
        if not isinstance(a, Lanes):
            if not isinstance(b, Lanes):
                message = f"one operand must be a register, got {a!r} and {b!r}"
                raise TypeError(message)
            return self.constant(a, b.type, b.lanes), b
        if not isinstance(b, Lanes):
            return a, self.constant(b, a.type, a.lanes)
        if a.type != b.type:
            message = f"registers must be of one type, got {a.type} and {b.type}"
            raise TypeError(message)
        if a.lanes != b.lanes:
            return (a.splat(), b) if a.lanes == 1 else (a, b.splat())
        return a, b

    def intrinsic(self, function: str, type_: str, lanes: int, given: Sequence[Lanes]) -> Lanes:
        """Call one of LLVM's functions whose arguments and result have one type."""
        suffix = type_ if lanes == 1 else f"v{lanes}{type_}"
        kind = spelled(type_, lanes)
        name = f"@llvm.{function}.{suffix}"
        declare = f"declare {kind} {name}({', '.join([kind] * len(given))})"
        arguments = ", ".join(f"{kind} {x.name}" for x in given)
        return self.emit(f"call {kind} {name}({arguments})", type_, lanes, declare)

    def call(self, function: Lanes, type_: str, *given: Lanes) -> Lanes:
        """Call a C function by its address; its result type may be "void"."""
        kind = _NAMES.get(type_, type_)
        text = f"call {kind} {function.name}({', '.join(map(repr, given))})"
        if type_ != "void":
            return self.emit(text, type_, 1)
        self._lines.append(f"  {text}")
        return Lanes(self, type_, "", 1)

    def iota(self, type_: str = "i64") -> Lanes:
        """Return the lane indices 0 ... 15."""
        return self.constants(range(LANES), type_)

    # --- memory ---------------------------------------------------------------------------
    def stack(self, type_: str, count: int) -> Lanes:
        """Allocate scratch memory on the stack and return its address."""
        self._count += 1
        name = f"%s{self._count}"
        kind = _NAMES.get(type_, type_)
        self._stack.append(f"  {name} = alloca [{count} x {kind}], align 64")
        return Lanes(self, "ptr", name, 1)

    def at(self, pointer: Lanes, index: Lanes | int, type_: str) -> Lanes:
        """Return the address that is ``index`` elements of a type after ``pointer``."""
        kind = _NAMES.get(type_, type_)
        offset = index if isinstance(index, Lanes) else self.constant(index, "i64", 1)
        text = f"getelementptr {kind}, ptr {pointer.name}, {offset.spelled} {offset.name}"
        return self.emit(text, "ptr", offset.lanes)

    def load(self, address: Lanes, type_: str, lanes: int = LANES) -> Lanes:
        """Read contiguous elements; the address may be unaligned."""
        text = f"load {spelled(type_, lanes)}, ptr {address.name}, align 1"
        return self.emit(text, type_, lanes)

    def store(self, value: Lanes, address: Lanes) -> None:
        """Write contiguous elements."""
        self._lines.append(f"  store {value.spelled} {value.name}, ptr {address.name}, align 1")

    def load_part(self, address: Lanes, type_: str, mask: Lanes, rest: Number) -> Lanes:
        """Read contiguous elements where a mask holds; the other lanes are ``rest``."""
        kind, name = spelled(type_, LANES), f"@llvm.masked.load.v{LANES}{type_}.p0"
        declare = f"declare {kind} {name}(ptr, i32, <{LANES} x i1>, {kind})"
        filler = self.constant(rest, type_)
        text = (
            f"call {kind} {name}(ptr {address.name}, i32 1, "
            f"{mask.spelled} {mask.name}, {kind} {filler.name})"
        )
        return self.emit(text, type_, LANES, declare)

    def store_part(self, value: Lanes, address: Lanes, mask: Lanes) -> None:
        """Write contiguous elements where a mask holds."""
        kind, name = value.spelled, f"@llvm.masked.store.v{LANES}{value.type}.p0"
        self._declared.setdefault(f"declare void {name}({kind}, ptr, i32, <{LANES} x i1>)")
        self._lines.append(
            f"  call void {name}({kind} {value.name}, ptr {address.name}, "
            f"i32 1, {mask.spelled} {mask.name})"
        )

    def gather(self, addresses: Lanes, type_: str, mask: Lanes, rest: Number) -> Lanes:
        """Read elements from sixteen addresses where a mask holds."""
        kind, name = spelled(type_, LANES), f"@llvm.masked.gather.v{LANES}{type_}.v{LANES}p0"
        declare = f"declare {kind} {name}(<{LANES} x ptr>, i32, <{LANES} x i1>, {kind})"
        filler = self.constant(rest, type_)
        text = (
            f"call {kind} {name}(<{LANES} x ptr> {addresses.name}, i32 1, "
            f"{mask.spelled} {mask.name}, {kind} {filler.name})"
        )
        return self.emit(text, type_, LANES, declare)

    def scatter(self, value: Lanes, addresses: Lanes, mask: Lanes) -> None:
        """Write elements to sixteen addresses where a mask holds."""
        kind, name = value.spelled, f"@llvm.masked.scatter.v{LANES}{value.type}.v{LANES}p0"
        pointers = f"<{LANES} x ptr>"
        self._declared.setdefault(f"declare void {name}({kind}, {pointers}, i32, <{LANES} x i1>)")
        self._lines.append(
            f"  call void {name}({kind} {value.name}, {pointers} {addresses.name}, "
            f"i32 1, {mask.spelled} {mask.name})"
        )

    # --- flow -----------------------------------------------------------------------------
    def loop(
        self,
        stop: Lanes,
        step: int,
        carried: Sequence[Lanes],
        body: Callable[[Lanes, list[Lanes]], Sequence[Lanes]],
        start: Lanes | int = 0,
    ) -> list[Lanes]:
        """Repeat a body for an index from ``start`` below ``stop``.

        ``body`` takes the index and the carried values and returns the new carried values. Return
        the carried values after the last iteration.
        """
        first = start if isinstance(start, Lanes) else self.constant(start, "i64", 1)
        head, inside, after = self._labels("head", "body", "done")
        before = self._block
        self._enter(head)
        position = len(self._lines)
        index, *values = (self._phi(x) for x in (first, *carried))
        going = index < stop
        self._lines.append(f"  br i1 {going.name}, label %{inside}, label %{after}")
        self._label(inside)
        new = [index, *body(index, list(values))]
        new[0] = index + step
        last = self._block
        self._lines.append(f"  br label %{head}")
        for offset, (value, begin, end) in enumerate(
            zip((index, *values), (first, *carried), new, strict=True)
        ):
            self._lines[position + offset] = (
                f"  {value.name} = phi {value.spelled} "
                f"[ {begin.name}, %{before} ], [ {end.name}, %{last} ]"
            )
        self._label(after)
        return list(values)

    def branch(self, condition: Lanes, body: Callable[[], object]) -> None:
        """Run a body if a scalar condition holds."""
        inside, after = self._labels("then", "rest")
        self._lines.append(f"  br i1 {condition.name}, label %{inside}, label %{after}")
        self._label(inside)
        body()
        self._enter(after)

    def _phi(self, like: Lanes) -> Lanes:
        return self.emit("phi", like.type, like.lanes)  # loop() completes it

    def _labels(self, *names: str) -> list[str]:
        self._count += 1
        return [f"{name}{self._count}" for name in names]

    def _enter(self, label: str) -> None:
        self._lines.append(f"  br label %{label}")
        self._label(label)

    def _label(self, label: str) -> None:
        self._lines.append(f"{label}:")
        self._block = label


def spelled(type_: str, lanes: int) -> str:
    """Return a type as LLVM IR spells it."""
    name = _NAMES.get(type_, type_)
    return name if lanes == 1 else f"<{lanes} x {name}>"


def _literal(value: Number, type_: str) -> str:
    """Spell a number; floating-point numbers as the bits of a float64, or of a float16."""
    if type_ == "mask":
        return "true" if value else "false"
    if type_ not in _FLOATS:
        return str(int(value))
    if type_ == "f16":
        return f"0xH{struct.pack('>e', value).hex().upper()}"
    if type_ == "f32":
        value = _float32(float(value))
    return f"0x{struct.pack('>d', value).hex().upper()}"


def _float32(value: float) -> float:
    """Round to float32; overflow to infinity."""
    try:
        return float(struct.unpack("f", struct.pack("f", value))[0])
    except OverflowError:
        return math.copysign(math.inf, value)
