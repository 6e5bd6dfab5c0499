"""A kernel's chunks, shared by threads without running Python code between them.

A call on a million elements takes a fraction of a millisecond, and waking a thread takes 50 to
100 us. After a call, a helper therefore waits for the next one in machine code for WAIT seconds,
then sleeps until Python's queue wakes it. Chunks are taken one by one, through a counter in memory.
Means of 10^6 float32 numbers, called one after the other by two threads, where one thread takes
125, 305, 490 and 790 us for squares, Dice, Poisson and smoothed labels: 80, 175, 275 and 440 us,
before 165, 325, 370 and 550.
"""

from __future__ import annotations

import ctypes
import functools
import platform
import struct
import time
from collections.abc import Callable
from typing import NamedTuple

from lossary.kernels import compile as compiler
from lossary.kernels import threads
from lossary.kernels.object_memory import SHARED_WORDS

#: Seconds that a helper waits for another call before it sleeps.
WAIT = 70e-6
_MORE, _HELPED = 1, 2
_HEAD = struct.Struct("=5q")

_TAKE = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)
_FIVE = ctypes.CFUNCTYPE(ctypes.c_int64, *[ctypes.c_int64] * 5)
_ATTEND = ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * 3)


def run(kernel: compiler.Compiled, words: bytes, count: int) -> bool:
    """Run a kernel's chunks in several threads; return False, and do nothing, if it cannot be.

    ``words`` are the kernel's words without the first two, ``count`` the number of chunks.
    """
    helpers = threads.helpers_for(count)
    if helpers < 1 or len(words) > 8 * (SHARED_WORDS - 2):
        return False
    threads.run_ranges(_KernelRanges(kernel, words, count), helpers)
    return True


class _KernelRanges(threads.Ranges):
    """Chunks of a kernel; ranges have one chunk."""

    def __init__(self, kernel: compiler.Compiled, words: bytes, count: int) -> None:
        super().__init__()
        self._functions = _functions()
        self._pool = threads.pool()
        self._kernel = kernel
        self._count = count
        self._state = _MORE
        head = _HEAD.pack(0, count, 0, kernel.address, len(words) // 8)
        self._job = (ctypes.c_int64 * (_HEAD.size // 8 + len(words) // 8)).from_buffer(
            bytearray(head + words)
        )
        self._address = ctypes.addressof(self._job)

    def offer(self, helpers: int) -> int:
        """Offer the chunks to helpers that wait in machine code; return to how many."""
        return self._functions.offer(*self._given(), helpers)

    def lead(self) -> None:
        """Take chunks until none is left."""
        while self._state == _MORE:  # returns now and then, so that interrupts are noticed
            self._lead()

    def take_ranges(self) -> None:
        """Take chunks until none is left."""
        while self._functions.take(self._address):
            pass

    def clear(self) -> None:
        """Discard the chunks not taken yet."""
        self._job[0] = self._count

    def finish(self) -> None:
        """Withdraw offers; wait for helpers that accepted one and were interrupted in it."""
        while self._state and self._pool is threads.pool():  # a fork leaves no helpers
            if self._state == _HELPED:
                time.sleep(WAIT)
            self._lead()

    def attend(self, slot: int) -> None:
        """Wait for the next call for a moment."""
        functions = self._functions
        functions.attend(slot, functions.take_address, functions.pauses)

    def _lead(self) -> None:
        self._state = self._functions.lead(*self._given(), self._functions.take_address)

    def _given(self) -> tuple[int, int, int, int]:
        slots, size = ctypes.addressof(self._pool.slots), min(self._pool.size, threads.SLOTS)
        return self._address, self._address, slots, size


class _Functions(NamedTuple):
    """The machine code; ``pauses`` are how many a helper waits."""

    take: Callable[[int], int]
    offer: Callable[[int, int, int, int, int], int]
    lead: Callable[[int, int, int, int, int], int]
    attend: Callable[[int, int, int], None]
    take_address: int
    pauses: int


@functools.cache
def _functions() -> _Functions:
    take, attend = machine_code("take").function(_TAKE), machine_code("attend").function(_ATTEND)
    return _Functions(
        take=take,
        offer=machine_code("offer").function(_FIVE),
        lead=machine_code("lead").function(_FIVE),
        attend=attend,
        take_address=machine_code("take").address,
        pauses=_pauses(attend),
    )


@functools.cache
def machine_code(name: str) -> compiler.Compiled:
    """Return one of the functions of ``shared_code.py``."""
    is_x86 = platform.machine() in {"x86_64", "AMD64"}

    def written() -> str:
        # Import the code generator only if needed, as for kernels.
        from lossary.kernels.shared_code import text

        return text(name, is_x86)

    found = compiler.load(f"{name} {is_x86} {threads.SLOT_WORDS}", name, written)
    # Helpers may run it while the interpreter shuts down: never free it.
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(found))
    return found


def _pauses(attend: Callable[[int, int, int], None]) -> int:
    """Return how many pauses take the time that helpers wait; processors differ in their length."""
    slot, tried, seconds = ctypes.c_int64(), 200, []
    for _ in range(5):
        began = time.perf_counter()
        attend(ctypes.addressof(slot), 0, tried)
        seconds.append(time.perf_counter() - began)
    return max(1, round(tried * WAIT / max(min(seconds), 1e-7)))
