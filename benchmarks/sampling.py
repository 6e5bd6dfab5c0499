"""Samples: a call is repeated until the time of all can be measured."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

#: How many samples of each call are taken.
ROUNDS = 9
_SECONDS = 0.02


def repeats(run: Callable[[], Any]) -> int:
    """Return how many runs make a sample long enough to time."""
    began = time.perf_counter()
    count = 0
    while time.perf_counter() - began < _SECONDS:
        run()
        count += 1
    return count


def sample(run: Callable[[], Any], number: int) -> float:
    """Return the seconds that a run takes, the mean of this number of runs."""
    began = time.perf_counter()
    for _ in range(number):
        run()
    return (time.perf_counter() - began) / number
