"""Chunks that threads share in machine code: coverage, offers, interrupts, forks, exits."""

from __future__ import annotations

import ctypes
import os
import struct
import threading
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from kernels.test_threads import assert_covered, assert_prints
from python_kernels import PythonKernel, two_threads

import lossary
from lossary.kernels import shared, threads

fork_only = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
posix_only = pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")
WORDS = struct.pack("=2q", 7, 11)


class Kernel(PythonKernel):
    """One that records the words behind its chunks too."""

    def __init__(self, work: Callable[[int], object] = str) -> None:
        super().__init__(work)
        self.rest: set[tuple[int, ...]] = set()

    def run(self, words: ctypes.Array[ctypes.c_int64]) -> None:
        """Record a call with these words, and work."""
        self.rest.add(tuple(words[2:4]))
        super().run(words)


@pytest.fixture(autouse=True)
def number() -> Iterator[None]:
    """Two threads, so that a helper takes part even on one processor."""
    with two_threads():
        yield


@pytest.mark.parametrize("count", [2, 3, 7, 64, 1001])
@pytest.mark.parametrize("number", [2, 3, 8])
def test_every_chunk_is_taken_once_with_the_words_of_the_call(number: int, count: int) -> None:
    threads.set_num_threads(number)
    for _ in range(3):
        kernel = Kernel()
        assert shared.run(kernel.compiled, WORDS, count)
        assert_covered(kernel.ranges, count)
        assert kernel.rest == {(7, 11)}


def test_one_thread_one_chunk_and_calls_inside_of_another_are_not_shared() -> None:
    kernel = Kernel()
    assert not shared.run(kernel.compiled, WORDS, 1)
    with threads.calling_thread_alone():
        assert not shared.run(kernel.compiled, WORDS, 8)
    threads.set_num_threads(1)
    assert not shared.run(kernel.compiled, WORDS, 8)
    assert not kernel.ranges


def test_more_words_than_fit_are_not_shared() -> None:
    kernel = Kernel()
    assert not shared.run(kernel.compiled, bytes(8 * 511), 8)
    assert shared.run(kernel.compiled, bytes(8 * 510), 8)
    assert_covered(kernel.ranges, 8)


@pytest.mark.parametrize("number", [2, 4])
def test_as_many_threads_as_set_take_part(number: int) -> None:
    threads.set_num_threads(number)
    for _ in range(3):  # the later calls find helpers asleep or waiting
        # Passes only if that many threads are inside the kernel at once.
        meeting = threading.Barrier(number, timeout=60)
        kernel = Kernel(lambda _, meeting=meeting: meeting.wait())
        shared.run(kernel.compiled, WORDS, 4 * number)
        assert len(kernel.threads) == number
        assert threading.get_ident() in kernel.threads


def test_a_helper_that_waits_accepts_an_offer(monkeypatch: pytest.MonkeyPatch) -> None:
    functions = shared._functions()
    pool = threads.Pool()
    pool.size = 1  # this test's thread is its helper, and nobody reads its queue
    monkeypatch.setattr(threads, "_pool", pool)
    slot = ctypes.addressof(pool.slots)
    given = (slot, functions.take_address, 1 << 62)
    helper = threading.Thread(target=functions.attend, args=given, daemon=True)
    helper.start()
    try:
        deadline = time.monotonic() + 60
        while pool.slots[0] == 0 and time.monotonic() < deadline:
            time.sleep(0.001)
        for _ in range(20):
            meeting = threading.Barrier(2, timeout=60)
            kernel = Kernel(lambda _, meeting=meeting: meeting.wait())
            assert shared.run(kernel.compiled, WORDS, 8)
            assert_covered(kernel.ranges, 8)
            assert len(kernel.threads) == 2
            assert pool._queue.empty()
    finally:
        pool.slots[0] = 0  # ends the wait
    helper.join()


def test_helpers_fall_asleep() -> None:
    shared.run(Kernel().compiled, WORDS, 8)
    pool, deadline = threads.pool(), time.monotonic() + 60
    while any(pool.slots) and time.monotonic() < deadline:
        time.sleep(0.001)
    assert not any(pool.slots)


def test_callers_in_several_threads_share_the_helpers() -> None:
    faults: list[object] = []

    def call() -> None:
        for count in range(2, 40):
            kernel = Kernel()
            shared.run(kernel.compiled, WORDS, count)
            if sorted(kernel.ranges) != [(i, i + 1) for i in range(count)]:
                faults.append(kernel.ranges)

    callers = [threading.Thread(target=call) for _ in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert not faults


def test_results_do_not_depend_on_who_takes_chunks() -> None:
    rng = np.random.default_rng(0)
    x, t = rng.normal(size=(2, 300_001)).astype(np.float32)
    found = set()
    for count in (1, 2, 3, 5):
        threads.set_num_threads(count)
        found |= {float(lossary.huber_loss(x, t, reduction="mean")) for _ in range(20)}
    assert len(found) == 1


_START = """
import ctypes, os, signal, sys, threading, time, warnings
import numpy as np
import lossary
warnings.simplefilter("ignore", DeprecationWarning)
lossary.set_num_threads(2)
x, t = np.ones(300_000, np.float32), np.zeros(300_000, np.float32)
call = lambda: float(lossary.mse_loss(x, t, reduction="mean"))
"""


@fork_only
def test_a_child_forked_while_a_helper_waits_has_helpers_of_its_own() -> None:
    assert_prints(
        "0 [0, 0, 0, 0, 0]",
        _START
        + """
from lossary.kernels import threads
statuses = []
for _ in range(5):
    call()
    child = os.fork()
    if child == 0:
        signal.alarm(60)
        right = not any(threads.pool().slots) and [call() for _ in range(3)] == [1.0] * 3
        os._exit(0 if right and threads.pool().size == 1 else 1)
    statuses.append(os.waitpid(child, 0)[1])
print(threads.pool().size - 1, statuses)
""",
    )


def test_the_interpreter_exits_while_a_helper_waits() -> None:
    assert_prints("1.0", _START + "print(call())\n")


@posix_only
def test_an_interrupt_ends_the_call_and_leaves_a_working_pool() -> None:
    assert_prints(
        "True True 1.0",
        _START
        + """
from lossary.kernels import shared
from lossary.kernels.compile import Compiled
ran = []
def run(words):
    ran.append(words[0])
    if len(ran) == 3:
        os.kill(os.getpid(), signal.SIGINT)
    time.sleep(0.001)
function = ctypes.CFUNCTYPE(None, ctypes.POINTER(ctypes.c_int64))(run)
kernel = Compiled(None, ctypes.cast(function, ctypes.c_void_p).value)
interrupted = False
sys.unraisablehook = lambda found: ran.append(found.exc_type)
try:
    shared.run(kernel, bytes(16), 3000)
except KeyboardInterrupt:
    interrupted = True
# The interrupt may also arrive in the function in Python, from where ctypes only reports it.
print(interrupted or KeyboardInterrupt in ran, len(set(ran)) == len(ran), call())
""",
    )
