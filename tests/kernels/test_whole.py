"""All chunks of a kernel in one run of machine code: totals, helpers, refusals, and whole calls."""

from __future__ import annotations

import ctypes
import threading
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from kernels.test_threads import assert_covered
from python_kernels import PythonKernel, two_threads

import lossary
from lossary.formula import Expression
from lossary.formula.expression import Kind, argument
from lossary.formula.plan import Output
from lossary.kernels import direct, shared, threads, whole
from lossary.kernels.compile import Compiled
from lossary.kernels.memory import combined
from lossary.kernels.object_memory import PARTIALS, Whole
from lossary.registry import get_loss

_WHOLE = ctypes.CFUNCTYPE(None, ctypes.POINTER(ctypes.c_int64))
X: Expression = argument("x", Kind.ELEMENT)
RNG = np.random.default_rng(0)


class Kernel(PythonKernel):
    """One that stores given totals of its chunks.

    Its words are the number of totals, 7, and the address of the totals.
    """

    def __init__(self, totals: np.ndarray, work: Callable[[int], object] = str) -> None:
        super().__init__(work)
        self.totals = totals

    def run(self, words: ctypes.Array[ctypes.c_int64]) -> None:
        """Record a call with these words, work, and store the totals of its chunk."""
        super().run(words)
        first, _, count, further, target = words[:5]
        if further == 7:
            found = (ctypes.c_double * count).from_address(target + 8 * count * first)
            found[:] = self.totals[first].tolist()

    def run_whole(self, wanted: int) -> tuple[int, list[float]]:
        """Run all chunks with helpers; return whether it was refused, and the totals."""
        chunks, count = self.totals.shape
        call = direct.Call(self.compiled, (0, 1, count), (7.0,), 0, (), count, 1, 1.0, chunks)
        made = whole.whole_call(call, chunks)
        assert made is not None
        pool = threads.pool()
        crew = (ctypes.c_int64 * 3)(wanted, ctypes.addressof(pool.slots), pool.size)
        found = (ctypes.c_double * count)()
        words = [*made.head, 7, ctypes.addressof(found)]
        words[len(made.head) + made.given[-1]] = ctypes.addressof(crew)
        given = (ctypes.c_int64 * len(words))(*words)
        made.kernel.function(_WHOLE)(given)
        return given[0], list(found)


@pytest.fixture(autouse=True)
def number() -> Iterator[None]:
    """Two threads, so that a helper takes part even on one processor."""
    with two_threads():
        yield


@pytest.fixture
def helper(monkeypatch: pytest.MonkeyPatch) -> Iterator[threads.Pool]:
    """A pool whose helper waits in machine code until the test is over."""
    pool = threads.Pool()
    pool.size = 1
    monkeypatch.setattr(threads, "_pool", pool)
    functions = shared._functions()
    given = (ctypes.addressof(pool.slots), functions.take_address, 1 << 62)
    waiting = threading.Thread(target=functions.attend, args=given, daemon=True)
    waiting.start()
    deadline = time.monotonic() + 60
    while pool.slots[0] == 0 and time.monotonic() < deadline:
        time.sleep(0.001)
    yield pool
    pool.slots[0] = 0  # ends the wait
    waiting.join()


@pytest.mark.parametrize(("chunks", "count"), [(2, 1), (31, 3), (700, 2)])
def test_totals_are_added_up_in_order(chunks: int, count: int) -> None:
    totals = RNG.normal(size=(chunks, count)) * 10.0 ** RNG.integers(-9, 9, (chunks, count))
    kernel = Kernel(totals)
    outputs = [Output(f"total {i}", X, "sum") for i in range(count)]
    assert kernel.run_whole(0) == (0, combined(outputs, totals))
    assert kernel.ranges == [(i, i + 1) for i in range(chunks)]


def test_a_helper_that_waits_takes_part(helper: threads.Pool) -> None:
    for _ in range(20):
        meeting = threading.Barrier(2, timeout=60)
        kernel = Kernel(np.ones((8, 2)), lambda _, meeting=meeting: meeting.wait())
        assert kernel.run_whole(1) == (0, [8.0, 8.0])
        assert_covered(kernel.ranges, 8)
        assert len(kernel.threads) == 2


def test_a_slow_helper_is_waited_for(helper: threads.Pool) -> None:
    caller, meeting = threading.get_ident(), threading.Barrier(2, timeout=60)

    def work(_: int) -> None:
        meeting.wait()
        if threading.get_ident() != caller:
            time.sleep(0.02)

    assert Kernel(np.ones((2, 1)), work).run_whole(1) == (0, [2.0])


def test_without_helpers_that_wait_nothing_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = threads.Pool()
    pool.size = 1
    monkeypatch.setattr(threads, "_pool", pool)
    kernel = Kernel(np.ones((8, 1)))
    assert kernel.run_whole(1) == (1, [0.0])
    assert not kernel.ranges
    assert not any(pool.slots)


def test_more_totals_than_fit_are_left_to_others() -> None:
    call = direct.Call(Compiled(None, 0), (0, 1, 5), (), 1, (), 2, 1, 1.0, 9)
    assert whole.whole_call(call, PARTIALS // 2) is not None
    assert whole.whole_call(call, PARTIALS // 2 + 1) is None
    assert len(Whole._fields_) == 10


# --- whole calls ----------------------------------------------------------------------------------
@pytest.mark.skipif(not direct.is_available(), reason="needs places that are known")
@pytest.mark.parametrize("count", [1, 2, 3])
def test_calls_have_the_bits_of_the_general_way(
    count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads.set_num_threads(count)
    x, t = RNG.normal(size=(2, 300_001)).astype(np.float32)
    answers: list[float | None] = []
    make = whole.with_crew

    def noting(function: direct.Direct, chunks: int) -> direct.Direct:
        run = make(function, chunks)

        def noted(*given: object) -> float | None:
            answers.append(run(*given))
            return answers[-1]

        return noted

    monkeypatch.setattr("lossary.kernels.host.with_crew", noting)
    loss = get_loss("huber_loss")

    def calls(times: int) -> set[bytes]:
        for name in ("calls", "latest"):
            loss.__dict__.pop(name, None)
        both = lossary.value_and_grad(lossary.huber_loss)
        found = [(lossary.huber_loss(x, t, reduction="mean"), *both(x, t)) for _ in range(times)]
        return {b"".join(np.asarray(item).tobytes() for item in each) for each in found}

    found = calls(8)
    assert len(found) == 1
    assert any(answer is not None for answer in answers) or count > 1
    with monkeypatch.context() as patch:
        patch.setattr(direct, "is_available", lambda: False)
        assert calls(2) == found
    loss.__dict__.pop("calls", None)


def test_a_call_inside_of_another_works_alone(helper: threads.Pool) -> None:
    x = np.ones(300_000, np.float32)
    with threads.calling_thread_alone():
        assert [lossary.mse_loss(x, 3 * x) for _ in range(4)] == [4.0] * 4


def test_faults_are_found_in_every_chunk() -> None:
    x, t = np.ones((2, 300_000), np.float32)
    for _ in range(4):
        lossary.hinge_loss(x, t, "mean")
    t[250_000] = 0
    for _ in range(3):
        with pytest.warns(lossary.DomainWarning, match=r"got 0.0 at \(250000,\)"):
            lossary.hinge_loss(x, t, "mean")


def test_sums_that_are_no_numbers_warn_of_nothing() -> None:
    z = np.zeros((20_000, 16))
    z[0], z[-1] = np.inf, -np.inf
    labels = np.zeros(len(z), int)
    with lossary.options(domain="ignore"):
        for _ in range(4):
            assert np.isnan(lossary.nll_loss(z, labels, reduction="mean"))
