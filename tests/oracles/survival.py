"""Losses of survival analysis."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath as mp
import numpy as np

from oracles.mathematics import Number, Row, exp

ZERO = mp.mpf(0)


def _surprise(i: int, z: Row, times: Row) -> Number:
    """Return log Σ exp(z_j - z_i) over those at risk at the time of i, itself among them."""
    gaps = [z[j] - z[i] for j in range(len(z)) if times[j] >= times[i] and j != i]
    top = max([ZERO, *gaps])
    if top == 0:
        return mp.log1p(mp.fsum(map(exp, gaps)))
    return top + mp.log(exp(-top) + mp.fsum(exp(gap - top) for gap in gaps))


def cox(z: Row, times: Row, events: Row) -> Number:
    return mp.fsum(_surprise(i, z, times) for i, e in enumerate(events) if e)


def _drawn(index: int, z: Row, times: Row, events: Row) -> list[Number]:
    """Return a subject's shares in the sums of all events, and the others' in its own."""
    found = []
    for i, e in enumerate(events):
        if not e or times[index] < times[i]:
            continue
        surprise = _surprise(i, z, times)
        found.append(mp.expm1(-surprise) if i == index else exp(z[index] - z[i] - surprise))
    return found


def _slope(place: int, index: int, z: Row, times: Row, events: Row) -> Number:
    return mp.fsum(_drawn(index, z, times, events)) if place == 0 else ZERO


def _slopes(place: int, index: int, z: Row, times: Row, events: Row) -> Number:
    if place:
        return ZERO
    # The largest hazard among the events of a time has their number less its share of it.
    same = sum(1 for t, e in zip(times, events, strict=True) if e and t == times[index])
    tied = mp.mpf(same if events[index] and same > 1 else 0)
    return max([tied, *(abs(x) for x in _drawn(index, z, times, events))])


def _subjects(rng: np.random.Generator, rows: int, classes: int) -> list[np.ndarray]:
    times = np.round(rng.exponential(4.0, (rows, classes))) + 1
    events = rng.integers(0, 2, (rows, classes)).astype(float)
    events[0] = 0
    return [rng.normal(size=(rows, classes)), times, events]


def _hard(rng: np.random.Generator, dtype: str, rows: int, classes: int) -> list[np.ndarray]:
    """Return strata with ties of times and of hazards, dominated, of all magnitudes."""
    most = 30 if dtype == "float32" else 300
    _, times, events = _subjects(rng, rows, classes)
    hazards = rng.normal(size=(rows, classes)) * 10.0 ** rng.uniform(-3, 2, (rows, 1))
    hazards[1::8, 0] += rng.choice([20.0, 60.0, 600.0, 1e4], len(hazards[1::8]))
    hazards[2::8, 0] = hazards[2::8, -1]
    hazards[3::8] += 1000
    hazards[4::8] *= 10.0 ** rng.uniform(-most, most - 3, (len(hazards[4::8]), 1))
    hazards[5::8, 0], events[5::8, 0] = -np.inf, 0  # the event of one without a hazard costs inf
    hazards[6::8] -= 3 * times[6::8]  # those who stay have the smaller hazards: small losses
    times[7::8] = rng.permuted(
        np.arange(classes) + rng.uniform(0, 1, (len(times[7::8]), 1)), axis=1
    )
    times[::5] *= 10.0 ** rng.uniform(-most, most - 3, (len(times[::5]), 1))
    return [hazards.astype(dtype).astype(float), times.astype(dtype).astype(float), events]


ORACLES: dict[str, Callable[..., Number]] = {"cox_nll_loss": cox}
SLOPES: dict[str, Callable[..., Number]] = {"cox_nll_loss": _slope}
SLOPE_DIFFERENCES: dict[str, Callable[..., Number]] = {"cox_nll_loss": _slopes}
#: Only their order counts, and whether an event was observed.
CONSTANTS: dict[str, tuple[int, ...]] = {"cox_nll_loss": (1, 2)}
HARD_ARGUMENTS: dict[str, Callable[..., Any]] = {"cox_nll_loss": _hard}
# Two orders, with the ties of times.
LENGTHS: dict[str, int] = {"cox_nll_loss": 480}
ARGUMENTS: dict[str, Callable[..., Any]] = {"cox_nll_loss": _subjects}

VECTORS: dict[str, list[Any]] = {
    "cox_nll_loss": [
        (([0.5, -0.2, 0.1, 1], [5, 3, 8, 1], [1, 1, 0, 1]), {}, 2.82542019905),
        (([0.5, -0.2, 0.1, 1], [3, 3, 8, 1], [1, 1, 0, 1]), {}, 3.08570499028),
        (([0.5, -0.2], [1, 2], [0, 0]), {}, 0),
    ],
}
