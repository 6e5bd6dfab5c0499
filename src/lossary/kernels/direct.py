"""Built-in functions that repeat a call without running Python code.

A call on 100 elements is mostly overhead: describing two arrays, the cache lookup and ``ctypes``.
The function built here compares a request with the one that it was built for (the same options,
arrays of the same type, dtype, shape and strides), runs the kernel and returns the total: 0.15 to
0.22 us for a hinge loss of 100 elements. Everything works without it, more slowly.

It relies on Python's stable interface and on memory offsets that :func:`is_available` checks: those
of an object's type, the items of a tuple, the content of bytes and the number of a float. NumPy
arrays are read through the struct of NumPy's C interface; arrays of other libraries are described
through DLPack's exchange interface, if the library provides it.
"""

from __future__ import annotations

import ctypes
import functools
import struct
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from lossary.kernels import compile as compiler
from lossary.kernels.object_memory import (
    CONTENT,
    HEAD,
    ITEMS,
    TOTALS,
    WORDS,
    Block,
    Exchange,
    NumpyArray,
    Tensor,
)

#: From this number of elements on, the kernel releases the GIL. Shorter kernels are over before
#: another thread gains from it, as NumPy's own loops of few elements are.
SHARED_FROM = 1000

_METH_FASTCALL = 0x0080

#: Takes a request, and NumPy arrays: numbers to read, then arrays to write to. Returns the quotient
#: of two totals, or of one and the factor (0 if there is none). None if the request differs, the
#: second of two totals is 0, or another one is not.
Direct = Callable[..., float | None]
#: Index of an item in a request: its tuple (0 for the request itself, else the index of a nested
#: tuple), and its index in that tuple.
ItemIndex = tuple[int, int]


class _Method(ctypes.Structure):
    """Python's description of a built-in function (PyMethodDef)."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("function", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("text", ctypes.c_char_p),
    )


_DESCRIBE = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.py_object, ctypes.c_void_p)


class Layout(NamedTuple):
    """Type, device, dtype, shape and strides of an array; ``kept`` keeps the addresses valid."""

    type: type
    device: int
    kind: int
    lengths: tuple[int, ...]
    kept: Any = None

    @property
    def describer(self) -> int:
        """Address of the function that describes such arrays; 0 for NumPy's."""
        return 0 if self.type is np.ndarray else exchange(self.type)

    def words(self, slot: int) -> tuple[int, ...]:
        """Return an array item's words; the array's address goes into the word ``slot``."""
        axes = len(self.lengths) // 2
        return (0, id(self.type), self.device, self.kind, slot, axes, *self.lengths)


def layout(x: Any) -> Layout | None:
    """Return the layout of an array; None if the object cannot be described."""
    if type(x) is np.ndarray:  # the same description as in direct_code.describe_numpy
        return Layout(np.ndarray, id(x.dtype), x.ndim, (*x.shape, *x.strides), x.dtype)
    kind: type = type(x)
    describe, tensor = exchange(kind), Tensor()
    if not describe:
        return None
    _DESCRIBE(describe)(x, ctypes.byref(tensor))  # PYFUNCTYPE raises the exception that it sets
    axes = tensor.kind & 0xFFFFFFFF
    lengths = (*tensor.shape[:axes], *tensor.strides[:axes])
    return Layout(kind, tensor.device, tensor.kind, lengths)


@functools.cache
def exchange(kind: type) -> int:
    """Return the address of the function that describes arrays of a type; 0 if there is none."""
    capsule = getattr(kind, "__dlpack_c_exchange_api__", None)
    if type(capsule).__name__ != "PyCapsule":
        return 0
    pointer = ctypes.pythonapi.PyCapsule_GetPointer
    pointer.restype, pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    found = Exchange.from_address(pointer(capsule, b"dlpack_exchange_api"))
    return (found.describe or 0) if found.major == 1 else 0


@functools.cache
def is_available() -> bool:
    """Return whether objects have the expected memory layout."""
    if ctypes.sizeof(ctypes.c_void_p) != 8 or HEAD != 16:  # free-threaded Python, ...
        return False
    x, pair, text = np.zeros((4, 6), np.float32)[1:, ::2], (object(), object()), b"12345678"
    word = ctypes.c_size_t.from_address
    size = HEAD + ctypes.sizeof(NumpyArray)
    if np.ndarray.__basicsize__ < size or word(id(x) + HEAD - 8).value != id(np.ndarray):
        return False
    if [word(id(pair) + ITEMS + 8 * i).value for i in range(2)] != list(map(id, pair)):
        return False
    found = NumpyArray.from_address(id(x) + HEAD)
    if (found.data, found.nd, found.descr) != (x.ctypes.data, 2, id(x.dtype)):
        return False
    number = 0.1
    if ctypes.c_double.from_address(id(number) + HEAD).value != number:
        return False
    lengths = found.dimensions[:2], found.strides[:2]
    return lengths == ([3, 3], [24, 8]) and ctypes.string_at(id(text) + CONTENT, 8) == text


class Call(NamedTuple):
    """What a built-in function calls.

    Attributes
    ----------
    kernel : Compiled
        The kernel.
    head, numbers : tuple
        Kernel arguments before and after the addresses.
    addresses : int
        Number of addresses of arrays and of outputs that it takes.
    given : tuple of int
        Which of these are of arrays given besides the request; negative ones are in the head.
    totals : int
        Number of totals that it writes.
    values : int
        How many of these make the result: none, the value alone, or the value and what divides it.
        All others must be 0.
    factor : float
        Divisor of a value alone.
    elements : int
        Number of elements that it processes.
    kept : object
        What must live as long as the function.
    """

    kernel: compiler.Compiled
    head: tuple[int, ...]
    numbers: tuple[float, ...]
    addresses: int
    given: tuple[int, ...]
    totals: int
    values: int
    factor: float
    elements: int
    kept: object = None

    @property
    def words(self) -> int:
        """Number of words that the kernel takes."""
        return len(self.head) + self.addresses + len(self.numbers) + 1

    def packed(self, describe: int, items: int) -> bytes:
        """Return the block, the kernel's words without addresses, and which of them are given."""
        block = Block(
            kernel=self.kernel.address,
            describe=describe,
            none=id(None),
            float=id(float),
            new_reference=_address("Py_NewRef"),
            new_float=_address("PyFloat_FromDouble"),
            save_thread=_address("PyEval_SaveThread"),
            restore_thread=_address("PyEval_RestoreThread"),
            clear_error=_address("PyErr_Clear"),
            items=items,
            words=self.words,
            given=len(self.given),
            totals=self.totals,
            values=self.values,
            shared=int(self.elements >= SHARED_FROM),
            factor=self.factor,
        )
        head = struct.pack(f"={len(self.head)}q", *self.head)
        addresses = bytes(8 * self.addresses)
        numbers = struct.pack(f"={len(self.numbers)}dq", *self.numbers, 0)
        slots = [len(self.head) + index for index in self.given]
        return bytes(block) + head + addresses + numbers + struct.pack(f"={len(slots)}q", *slots)


def direct(call: Call, request: Sequence[Any], slots: dict[ItemIndex, int]) -> Direct | None:
    """Return a built-in function that repeats a call; None if it cannot be built.

    ``slots`` maps request indices of the kernel's arrays to the words for their addresses. The
    loss, the first item of a request, is not compared.
    """
    if not is_available() or call.words > WORDS or call.totals > TOTALS:
        return None
    items = list(_items(request))
    layouts = {index: found for index, x in items if (found := layout(x)) is not None}
    describers = {found.describer for found in layouts.values()}
    if len(describers) != 1 or not slots.keys() <= layouts.keys():
        return None
    block = call.packed(describers.pop(), len(items))
    for index, x in items:
        known = layouts.get(index)
        # Addresses that the kernel does not take go into the extra last word.
        compared = (id(x),) if known is None else known.words(slots.get(index, WORDS))
        block += struct.pack(f"={len(compared) + 3}q", len(compared) + 3, *index, *compared)
    # Keep alive all that the machine code uses, and all objects compared by address.
    options = [x for index, x in items if index not in layouts]
    method, make = _method()
    held = (block, call.kernel, call.kept, method, list(layouts.values()), options)
    return make(ctypes.addressof(method), held, None)


def _items(request: Sequence[Any]) -> Iterable[tuple[ItemIndex, Any]]:
    """Yield the compared items of a request with their indices."""
    _, arrays, parameters, *rest = request
    for owner, values in ((1, arrays), (2, parameters)):
        for index, x in enumerate(values):
            yield (owner, index), x
    for index, x in enumerate(rest, 3):
        yield (0, index), x


@functools.cache
def _method() -> tuple[_Method, Callable[..., Direct]]:
    """Return the PyMethodDef of the built-in functions, and the function that creates one."""

    def written() -> str:
        from lossary.kernels.direct_code import text

        return text()

    compiled = compiler.load(f"{HEAD} {ITEMS} {CONTENT}", "direct", written)
    method = _Method(b"direct", compiled.address, _METH_FASTCALL, None)
    method.compiled = compiled
    make = ctypes.pythonapi.PyCFunction_NewEx
    make.restype = ctypes.py_object
    make.argtypes = [ctypes.c_void_p, ctypes.py_object, ctypes.py_object]
    return method, make


@functools.cache
def _address(name: str) -> int:
    """Return the address of a function of Python's interface."""
    return ctypes.cast(getattr(ctypes.pythonapi, name), ctypes.c_void_p).value or 0
