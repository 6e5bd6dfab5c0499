"""Functions of the shape of a kernel, in Python, and threads to run them."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from lossary.kernels import threads
from lossary.kernels.compile import Compiled

_KERNEL = ctypes.CFUNCTYPE(None, ctypes.POINTER(ctypes.c_int64))


class PythonKernel:
    """A function of the shape of a kernel, in Python, that records its chunks and threads."""

    def __init__(self, work: Callable[[int], object] = str) -> None:
        self.ranges: list[tuple[int, int]] = []
        self.threads: set[int] = set()
        self._work = work
        self._function = _KERNEL(self.run)
        address = ctypes.cast(self._function, ctypes.c_void_p).value
        assert address is not None
        self.compiled = Compiled(None, address)

    def run(self, words: ctypes.Array[ctypes.c_int64]) -> None:
        """Record a call with these words, and work."""
        self.ranges.append((words[0], words[1]))
        self.threads.add(threading.get_ident())
        self._work(words[0])


@contextmanager
def two_threads() -> Iterator[None]:
    """Use two threads, so that a helper takes part even on one processor."""
    before = threads.get_num_threads()
    threads.set_num_threads(2)
    try:
        yield
    finally:
        threads.set_num_threads(before)
