"""Machine code as memory holds it, so that code from the cache runs without LLVM.

To import LLVM takes 25 to 80 ms and its linker 5 ms more; to map an image takes 0.1 ms. An image is
code and constants that may lie at any page of memory; ``linker.py`` makes it.
"""

from __future__ import annotations

import ctypes
import mmap
import struct
from collections.abc import Callable
from functools import cache
from typing import Any

#: How an image begins: its kind, and where in what follows the function starts.
_HEAD = struct.Struct("<8sQ")
_KIND = b"lossary\0"
#: Places within a page mean the same wherever the image lies.
PAGE = 4096


def image_of(code: bytes, start: int) -> bytes:
    """Return the image of code, given where in it the function starts."""
    return _HEAD.pack(_KIND, start) + code


def mapped(image: bytes) -> tuple[Any, int]:
    """Return the memory of an image, freed when nothing holds it, and the function's address.

    The memory is written first and then made executable, never both. RuntimeError: what is given
    is no image, or the system allows no such memory.
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
    except (OSError, ValueError, AttributeError, struct.error) as error:  # of another system too
        message = f"no memory for code: {error}"
        raise RuntimeError(message) from error
    return held, address + start


@cache
def _protect() -> Callable[[int, int, int], int]:
    """Return the C library's function that says what memory may be used for."""
    function = ctypes.CDLL(None).mprotect
    function.argtypes = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int
    return function
