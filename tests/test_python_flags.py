"""Flags of Python, and tools that watch it run, change no results."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lossary

PROGRAM = """
import numpy as np, lossary
from lossary.formula import maximum

@lossary.loss
def own_loss(inputs, targets, margin=1.0):
    return maximum(0, margin - inputs * targets) ** 2

x = np.linspace(-2, 2, 5, dtype=np.float32)
print(*(a.tobytes().hex() for a in lossary.value_grad_hess(lossary.huber_loss)(x, x[::-1])))
print(own_loss(x, np.sign(x)).tolist(), lossary.grad(own_loss)(x, np.sign(x)).tolist())
print(lossary.get_loss(own_loss).formula_text(), lossary.summarize(own_loss, x, x))
for call in (lambda: own_loss(x, x[:2]), lambda: own_loss("a", x), lambda: own_loss(x, x, "max")):
    try:
        call()
    except lossary.LossaryError as error:
        print(type(error).__name__, error)
"""


def _printed(*flags: str) -> str:
    return subprocess.run(
        [sys.executable, *flags, "-c", PROGRAM],
        capture_output=True, text=True, check=True, env={**os.environ, "OMP_NUM_THREADS": "1"},
    ).stdout  # fmt: skip


def test_flags_change_nothing() -> None:
    plain = _printed()
    assert plain.count("Lossary") == 3
    for flags in (("-O",), ("-OO",), ("-X", "dev"), ("-W", "error")):
        assert _printed(*flags) == plain, flags


@pytest.mark.parametrize("watch", [sys.settrace, sys.setprofile])
def test_watching_changes_nothing(watch: Callable[[Any], None]) -> None:
    x = np.linspace(-2, 2, 5)

    def results() -> list[Any]:
        calls = (lossary.huber_loss, lossary.grad(lossary.huber_loss))
        return [f(x, x[::-1], reduction="sum").tolist() for f in calls for _ in range(2)]

    def watcher(*_: Any) -> Any:
        return watcher

    before = sys.gettrace() if watch is sys.settrace else sys.getprofile()
    expected = results()
    watch(watcher)
    try:
        found = results()
    finally:
        watch(before)
    assert found == expected
