"""Images of machine code, so that cached code runs without LLVM.

Importing LLVM takes 25 to 80 ms and its linker 5 ms more; mapping an image takes 0.1 ms. An image
is position-independent code and constants, loaded at any page boundary; ``linker.py`` builds it.
"""

from __future__ import annotations

import ctypes
import mmap
import struct
from collections.abc import Callable
from functools import cache
from typing import Any

#: Header of an image: its magic bytes, and the offset of the function after the header.
_HEAD = struct.Struct("<8sQ")
_KIND = b"lossary\0"
#: Page size: offsets within a page do not depend on the load address.
PAGE = 4096


def image_of(code: bytes, start: int) -> bytes:
    """Return the image of code, given the offset of the function in it."""
    return _HEAD.pack(_KIND, start) + code


def mapped(image: bytes) -> tuple[Any, int]:
    """Return the memory of an image, freed with the returned object, and the function's address.

    The memory is first written and then made executable; it is never both. Raise RuntimeError if
    this is not an image or the system does not allow executable memory.
    """
    try:
        kind, start = _HEAD.unpack_from(image)
        size = len(image) - _HEAD.size
        if kind != _KIND or start >= size:
            message = "not an image"
            raise RuntimeError(message)
        memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        memory.write(image[_HEAD.size :])
        held = ctypes.c_char.from_buffer(memory)
        address = ctypes.addressof(held)
        if _protect()(address, size, mmap.PROT_READ | mmap.PROT_EXEC):
            message = "memory cannot be made executable"
            raise RuntimeError(message)
    except (
        OSError,
        ValueError,
        AttributeError,
        struct.error,
    ) as error:  # AttributeError: another system
        message = f"no memory for code: {error}"
        raise RuntimeError(message) from error
    return held, address + start


@cache
def _protect() -> Callable[[int, int, int], int]:
    """Return the C library's mprotect."""
    function = ctypes.CDLL(None).mprotect
    function.argtypes = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int
    return function
