"""The same bits whatever the threads; concurrent callers, forks and interrupts."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from assertions import assert_same_bits
from cases import has_turn
from recorded import LAYOUTS, calls, cases, recorded

import lossary
from lossary.kernels.lanes import LANES

RNG = np.random.default_rng(0)
Z = RNG.normal(size=700_001).astype(np.float32)
T = RNG.random(700_001).astype(np.float32)
ROWS = RNG.normal(size=(3_000, 257)).astype(np.float32)
LABELS = RNG.integers(0, 257, 3_000)
DTYPES = ("float32", "bfloat16")


@pytest.fixture(autouse=True)
def _threads_restored() -> Iterator[None]:
    before = lossary.get_num_threads()
    yield
    lossary.set_num_threads(before)


def _results() -> list[Any]:
    both = lossary.value_and_grad(lossary.cross_entropy)
    return [
        lossary.binary_cross_entropy(Z, T),
        lossary.binary_cross_entropy(Z[::2], T[::2]),
        lossary.binary_cross_entropy(Z.astype(np.float16), T.astype(np.float16)),
        *both(ROWS, LABELS, reduction="mean"),
        lossary.cross_entropy(ROWS.T, LABELS, axis=0, reduction="sum"),
    ]


def test_bits_do_not_depend_on_threads() -> None:
    lossary.set_num_threads(1)
    expected = _results()
    for number in (2, 5):
        lossary.set_num_threads(number)
        for found, same in zip(_results(), expected, strict=True):
            assert_same_bits(found, same)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "all_losses",
    [
        pytest.param(False, id="in turn"),
        pytest.param(True, id="all losses", marks=pytest.mark.exhaustive),
    ],
)
def test_chunks_write_what_no_other_writes_and_read_only_that(
    layout: str, dtype: str, all_losses: bool
) -> None:
    """Then threads need no order, though the last block of a line computes rows again.

    Unless all have them, losses take turns with layouts and dtypes, each at least once.
    """
    turn, turns = 2 * list(LAYOUTS).index(layout) + DTYPES.index(dtype), 2
    if layout != "flat":  # in four layouts, where each loss along an axis has two of eight turns
        turns = 4
    chosen = [x for x in cases(layout, dtype) if all_losses or has_turn(x, turn, turns)]
    assert chosen
    for case in chosen:
        kernel = recorded(calls(case, layout, dtype, copies=2)["all derivatives"])
        step = LANES if layout == "flat" else 1
        kernel = replace(kernel, geometry=kernel.geometry._replace(step=step))
        leaves, chunks = len(kernel.plan.leaves), kernel.geometry.chunks
        assert chunks > 2
        expected = kernel.run()[leaves:]
        times_written = [np.zeros(x.shape, int) for x in expected]
        for chunk in range(chunks):
            ones, nines = (
                kernel.run_words(kernel.words((chunk, chunk + 1), fill))[leaves:]
                for fill in (1.0, 9.0)
            )
            for times, x, y, whole in zip(times_written, ones, nines, expected, strict=True):
                written = ~((x == 1) & (y == 9))
                times += written
                assert_same_bits(x[written], whole[written])
                assert_same_bits(y[written], whole[written])
        for times in times_written:
            np.testing.assert_array_equal(times, 1, err_msg=case.title)


def test_concurrent_callers() -> None:
    expected = _results()
    found: list[list[Any]] = []
    lossary.set_num_threads(3)
    threads = [threading.Thread(target=lambda: found.append(_results())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    for results in found:
        for ours, same in zip(results, expected, strict=True):
            assert_same_bits(ours, same)


FORK = """
import os, sys
import numpy as np, lossary
lossary.set_num_threads(2)
x = np.linspace(-2, 2, 1_000_000, dtype=np.float32)
before = lossary.hinge_loss(x, 1.0, "mean")
child = os.fork()
if child == 0:
    os._exit(0 if lossary.hinge_loss(x, 1.0, "mean") == before else 1)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="no fork here")
def test_a_forked_child_computes() -> None:
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", FORK], timeout=120)
    assert done.returncode == 0


INTERRUPT = """
import os, signal, threading
import numpy as np, lossary
lossary.set_num_threads(2)
x = np.ones(30_000_000, np.float32)
expected = lossary.binary_cross_entropy(x, 1.0)
for _ in range(3):
    try:
        threading.Timer(0.005, os.kill, (os.getpid(), signal.SIGINT)).start()
        while True:
            lossary.binary_cross_entropy(x, 1.0)
    except KeyboardInterrupt:
        pass
    assert lossary.binary_cross_entropy(x, 1.0) == expected
print("fine")
"""


@pytest.mark.skipif(not hasattr(signal, "SIGINT"), reason="no signals here")
def test_an_interrupt_leaves_the_next_call_right() -> None:
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPT], capture_output=True, text=True, timeout=240
    )
    assert done.stdout == "fine\n", done.stderr
