"""The code of a function in LLVM IR: instructions, memory, loops and branches around registers."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Sequence

from lossary.kernels.form import LANES
from lossary.kernels.lanes import FLOATS, NAMES, Lanes, Number, spelled


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
        given = ", ".join(f"{NAMES.get(t, t)} %{n}" for n, t in self._parameters.items())
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
            name = f"splat ({NAMES.get(type_, type_)} {name})"
        return Lanes(self, type_, name, lanes)

    def constants(self, values: Sequence[Number], type_: str) -> Lanes:
        """Return a register with these constants in its lanes."""
        kind = NAMES.get(type_, type_)
        spelled_out = ", ".join(f"{kind} {_literal(value, type_)}" for value in values)
        return Lanes(self, type_, f"<{spelled_out}>", len(values))

    def joined(self, parts: Sequence[Lanes]) -> Lanes:
        """Return a register whose lanes are these scalars; the scalar if there is one."""
        if len(parts) == 1:
            return parts[0]
        type_, lanes = parts[0].type, len(parts)
        found = Lanes(self, type_, "poison", lanes)
        for index, part in enumerate(parts):
            text = f"insertelement {found!r}, {part!r}, i64 {index}"
            found = self.emit(text, type_, lanes)
        return found

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
        kind = NAMES.get(type_, type_)
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
        kind = NAMES.get(type_, type_)
        self._stack.append(f"  {name} = alloca [{count} x {kind}], align 64")
        return Lanes(self, "ptr", name, 1)

    def at(self, pointer: Lanes, index: Lanes | int, type_: str) -> Lanes:
        """Return the address that is ``index`` elements of a type after ``pointer``."""
        kind = NAMES.get(type_, type_)
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

    # --- memory that threads share: integers of eight bytes, in one order for all threads -----
    def load_shared(self, address: Lanes) -> Lanes:
        """Read an integer that other threads write."""
        return self.emit(f"load atomic i64, ptr {address.name} seq_cst, align 8", "i64", 1)

    def store_shared(self, value: Lanes, address: Lanes) -> None:
        """Write an integer that other threads read."""
        self._lines.append(f"  store atomic i64 {value.name}, ptr {address.name} seq_cst, align 8")

    def add_shared(self, value: Lanes, address: Lanes) -> Lanes:
        """Add to an integer in one step; return what it was before."""
        text = f"atomicrmw add ptr {address.name}, i64 {value.name} seq_cst, align 8"
        return self.emit(text, "i64", 1)

    def exchange_shared(self, expected: Lanes, new: Lanes, address: Lanes) -> Lanes:
        """Replace an integer in one step if it is the expected one; return whether it was."""
        text = (
            f"cmpxchg ptr {address.name}, i64 {expected.name}, i64 {new.name} "
            "seq_cst seq_cst, align 8"
        )
        pair = self.emit(text, "i64", 1)
        return self.emit(f"extractvalue {{ i64, i1 }} {pair.name}, 1", "mask", 1)

    def pause(self) -> None:
        """Rest for a moment, in a loop that waits on an x86 processor."""
        name = "@llvm.x86.sse2.pause"
        self._declared.setdefault(f"declare void {name}()")
        self._lines.append(f"  call void {name}()")

    def as_pointer(self, address: Lanes) -> Lanes:
        """Return an address that was an integer."""
        return self.emit(f"inttoptr i64 {address.name} to ptr", "ptr", 1)

    # --- flow -----------------------------------------------------------------------------
    def repeat(self, body: Callable[[], Lanes]) -> None:
        """Run a body once, and again as long as the scalar condition that it returns holds."""
        again, after = self._labels("again", "after")
        self._enter(again)
        going = body()
        self._lines.append(f"  br i1 {going.name}, label %{again}, label %{after}")
        self._label(after)

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


def _literal(value: Number, type_: str) -> str:
    """Spell a number; floating-point numbers as the bits of a float64, or of a float16."""
    if type_ == "mask":
        return "true" if value else "false"
    if type_ not in FLOATS:
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
