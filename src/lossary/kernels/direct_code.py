"""The code of the built-in functions of :mod:`lossary.kernels.direct`.

    object *direct(object *self, object **given, int64 count)

``self`` is a tuple whose first item is bytes: the block, the words for the kernel (its addresses
missing), the words for the addresses of the arrays that are given, and the items of the request.
``given`` is the request and these arrays, of NumPy: those to write to, and numbers to read. An item
consists of words: their number, its owner, its index there, the address of the expected object,
which another float may equal.
That address is 0 for an array; then follow its type, its device, its number of axes and its dtype
(as in DLPack), the word for its address, the number of axes again, its shape, its strides.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable

from lossary.kernels.code import Code
from lossary.kernels.lanes import Lanes
from lossary.kernels.object_memory import (
    CONTENT,
    HEAD,
    ITEMS,
    TOTALS,
    WORDS,
    Block,
    NumpyArray,
    Tensor,
)

#: The words of an item.
_SIZE, _OWNER, _INDEX, _SAME, _TYPE, _DEVICE, _KIND, _SLOT, _AXES, _LENGTHS = range(10)


def text() -> str:
    """Return the code as LLVM IR."""
    code = Code("direct", {"self": "ptr", "given": "ptr", "count": "i64"})
    Body(code).write()
    return code.text()


class Body:
    """Writes the code."""

    def __init__(self, code: Code) -> None:
        self.code = code
        self.words, self.totals = code.stack("i64", WORDS + 1), code.stack("f64", TOTALS)
        self.tensor = code.stack("i64", ctypes.sizeof(Tensor) // 8)
        self.owners = code.stack("ptr", 3)
        self.differs, self.object = code.stack("i64", 1), code.stack("ptr", 1)
        self.block = code.at(self.item(code.given["self"], 0), CONTENT, "i8")

    # --- memory ---------------------------------------------------------------------------
    def word(self, address: Lanes, index: Lanes | int, type_: str = "i64") -> Lanes:
        """Return a number of eight bytes."""
        return self.code.load(self.code.at(address, index, "i64"), type_, 1)

    def put(self, value: Lanes, address: Lanes, index: Lanes | int = 0) -> None:
        """Store a number of eight bytes."""
        self.code.store(value, self.code.at(address, index, "i64"))

    def item(self, owner: Lanes, index: Lanes | int) -> Lanes:
        """Return an item of a tuple."""
        return self.word(self.code.at(owner, ITEMS, "i8"), index, "ptr")

    def field(self, name: str, type_: str = "i64") -> Lanes:
        """Return a field of the block."""
        return self.word(self.block, getattr(Block, name).offset // 8, type_)

    def described(self, name: str, type_: str = "i64") -> Lanes:
        """Return a field of the description of an array."""
        return self.word(self.tensor, getattr(Tensor, name).offset // 8, type_)

    def each(self, count: Lanes, body: Callable[[Lanes], None], start: Lanes | int = 0) -> None:
        """Repeat a body for the numbers from ``start`` below a count."""

        def repeated(i: Lanes, _: list[Lanes]) -> list[Lanes]:
            body(i)
            return []

        self.code.loop(count, 1, [], repeated, start)

    # --- the function ---------------------------------------------------------------------
    def write(self) -> None:
        """Write the function: compare everything, then run."""
        code, given = self.code, self.code.given
        self.put(given["count"] ^ (self.field("given") + 1), self.differs)
        request, count = self.word(given["given"], 0, "ptr"), self.field("words")
        for index, owner in enumerate((request, self.item(request, 1), self.item(request, 2))):
            self.put(owner, self.owners, index)
        template = code.at(self.block, ctypes.sizeof(Block) // 8, "i64")
        self.each(count, lambda i: self.put(self.word(template, i), self.words, i))

        def compare(_: Lanes, items: list[Lanes]) -> list[Lanes]:
            (item,) = items
            self.compare(item)
            return [code.at(item, self.word(item, _SIZE), "i64")]

        slots = code.at(template, count, "i64")
        first = code.at(slots, self.field("given"), "i64")
        code.loop(self.field("items"), 1, [first], compare)
        code.branch(self.word(self.differs, 0) == 0, lambda: self.run(slots))
        code.branch(self.word(self.differs, 0) != 0, self.refuse)
        code.result = self.word(self.object, 0, "ptr")

    def note(self, difference: Lanes) -> None:
        """Record a difference if this is not 0."""
        self.put(self.word(self.differs, 0) | difference, self.differs)

    def refuse(self) -> None:
        """Return None."""
        none = self.field("none", "ptr")
        self.put(self.code.call(self.field("new_reference", "ptr"), "ptr", none), self.object)

    def compare(self, item: Lanes) -> None:
        """Compare an item of the request: by its address, as a float, or as an array."""
        owner = self.word(self.owners, self.word(item, _OWNER), "ptr")
        x = self.item(owner, self.word(item, _INDEX))
        same = self.word(item, _SAME)

        def other() -> None:
            self.put(x, self.object)
            is_other = self.word(self.object, 0) ^ same
            self.code.branch(is_other != 0, lambda: self.compare_floats(x, item))

        def array() -> None:
            type_ = self.word(x, HEAD // 8 - 1) ^ self.word(item, _TYPE)
            self.note(type_)
            self.code.branch(type_ == 0, lambda: self.compare_array(x, item))

        self.code.branch(same != 0, other)
        self.code.branch(same == 0, array)

    def compare_floats(self, x: Lanes, item: Lanes) -> None:
        """Compare an object with another that is expected, by their numbers if both are floats."""
        expected, float_ = self.word(item, _SAME, "ptr"), self.field("float")
        first, second = (self.word(y, HEAD // 8 - 1) ^ float_ for y in (x, expected))
        different = first | second
        self.note(different)

        def numbers() -> None:
            self.note(self.word(x, HEAD // 8) ^ self.word(expected, HEAD // 8))

        self.code.branch(different == 0, numbers)

    def compare_array(self, x: Lanes, item: Lanes) -> None:
        """Compare an array of the expected type and store its address."""
        plain = self.field("describe") == 0
        self.code.branch(plain, lambda: self.describe_numpy(x))
        self.code.branch(~plain, lambda: self.describe_other(x))
        kind = self.described("device") ^ self.word(item, _DEVICE)
        kind = kind | (self.described("kind") ^ self.word(item, _KIND))
        self.note(kind)

        def lengths() -> None:
            axes, expected = self.word(item, _AXES), self.code.at(item, _LENGTHS, "i64")
            shape, strides = self.described("shape", "ptr"), self.described("strides", "ptr")
            further = self.code.at(expected, axes, "i64")
            self.each(axes, lambda i: self.note(self.word(shape, i) ^ self.word(expected, i)))
            self.each(axes, lambda i: self.note(self.word(strides, i) ^ self.word(further, i)))
            self.put(self.described("data"), self.words, self.word(item, _SLOT))

        self.code.branch(kind == 0, lengths)

    def describe_numpy(self, x: Lanes) -> None:
        """Describe a NumPy array as DLPack does, with its dtype's address in the device field."""
        names = ("data", "descr", "nd", "dimensions", "strides")
        for index, name in enumerate(names):
            at = self.code.at(x, HEAD + getattr(NumpyArray, name).offset, "i8")
            value = self.code.load(at, "i32" if name == "nd" else "i64", 1)
            self.put(value.unsigned("i64"), self.tensor, index)

    def describe_other(self, x: Lanes) -> None:
        """Describe an array with its library's function; on failure, a kind that never matches."""
        code = self.code
        status = code.call(self.field("describe", "ptr"), "i32", x, self.tensor)

        def failed() -> None:
            code.call(self.field("clear_error", "ptr"), "void")
            self.put(code.constant(-1, "i64", 1), self.tensor, Tensor.kind.offset // 8)

        code.branch(status != 0, failed)
        self.put(self.described("data") + self.described("offset"), self.tensor)

    def run(self, slots: Lanes) -> None:
        """Run the kernel; return the value, unless a total that must be 0 is not."""
        code, shared = self.code, self.field("shared") != 0
        given, totals = code.given["given"], self.totals

        def address(i: Lanes) -> None:
            x = self.word(given, i + 1, "ptr")
            self.put(self.word(x, HEAD // 8), self.words, self.word(slots, i))

        self.each(self.field("given"), address)
        self.put(totals, self.words, self.field("words") - 1)
        for index in (0, 1):
            self.put(code.constant(0, "f64", 1), totals, index)
        save, restore = self.field("save_thread", "ptr"), self.field("restore_thread", "ptr")
        code.branch(shared, lambda: self.put(code.call(save, "ptr"), self.object))
        code.call(self.field("kernel", "ptr"), "void", self.words)
        code.branch(shared, lambda: code.call(restore, "void", self.word(self.object, 0, "ptr")))

        # A kernel's first word, its first chunk, is 0; other code stores 1 where it refuses.
        self.note(self.word(self.words, 0))

        def check(i: Lanes) -> None:
            self.note((self.word(totals, i, "f64") != 0.0).to("i64"))

        self.each(self.field("totals"), check, self.field("values"))
        divided = self.field("values") == 2
        divisor = divided.select(self.word(totals, 1, "f64"), self.field("factor", "f64"))
        self.note((divisor == 0.0).to("i64"))

        def value() -> None:
            found = self.word(totals, 0, "f64") / divisor
            self.put(code.call(self.field("new_float", "ptr"), "ptr", found), self.object)

        code.branch(self.word(self.differs, 0) == 0, value)
