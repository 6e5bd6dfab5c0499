"""Scores of ensembles."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath as mp
import numpy as np

from oracles.mathematics import Number, Row


def _pairs(x: Row, fair: bool) -> Number:
    """Return twice the number that the distances of the samples are divided by."""
    return mp.mpf(2 * len(x) * (len(x) - 1 if fair else len(x)))


def crps(x: Row, t: Number, fair: bool) -> Number:
    # What stands for an infinity may cancel against another one, and leave the other samples.
    with mp.workdps(2000 if max(map(abs, x)) > _BEYOND else mp.mp.dps):
        near = mp.fsum(abs(v - t) for v in x) / len(x)
        if len(x) <= _FEW:
            spread = mp.fsum(abs(v - w) for v in x for w in x)
        else:
            spread = 2 * mp.fsum((2 * k + 1 - len(x)) * v for k, v in enumerate(sorted(x)))
        return near - spread / _pairs(x, fair)


_FEW, _BEYOND = 20, mp.mpf(10) ** 900


def _slope(place: int, index: int, x: Row, t: Number, fair: bool) -> Number:
    if place:
        return mp.fsum(mp.sign(t - v) for v in x) / len(x)
    pulls = mp.fsum(mp.sign(x[index] - v) for v in x)
    return mp.sign(x[index] - t) / len(x) - 2 * pulls / _pairs(x, fair)


def _slopes(place: int, index: int, x: Row, t: Number, fair: bool) -> Number:
    return mp.mpf(1) if place else mp.mpf(1) / len(x)


def _hard(rng: np.random.Generator, dtype: str, rows: int, samples: int) -> list[np.ndarray]:
    """Return ensembles around their outcomes, far from them, nearly equal, with ties."""
    most = 30 if dtype == "float32" else 300
    scales = 10.0 ** np.where(
        rng.random(rows) < 0.5, rng.uniform(-3, 3, rows), rng.uniform(-most, most, rows)
    )
    inputs = rng.normal(size=(rows, samples)) * scales[:, None]
    targets = rng.normal(size=rows) * scales
    inputs[1::6, 0] = inputs[1::6, -1]
    inputs[2::6] = np.round(inputs[2::6] / scales[2::6, None]) * scales[2::6, None]
    targets[3::6] = 1e6 * scales[3::6]
    inputs[4::6] = targets[4::6, None] * (1 + 1e-5 * rng.normal(size=inputs[4::6].shape))
    inputs[5::12, 0] = -np.inf
    return [inputs.astype(dtype).astype(np.float64), targets.astype(dtype).astype(np.float64)]


ORACLES: dict[str, Callable[..., Number]] = {"ensemble_crps_loss": crps}
SLOPES: dict[str, Callable[..., Number]] = {"ensemble_crps_loss": _slope}
SLOPE_DIFFERENCES: dict[str, Callable[..., Number]] = {"ensemble_crps_loss": _slopes}
HARD_ARGUMENTS: dict[str, Callable[..., Any]] = {"ensemble_crps_loss": _hard}
# The ranks of ties, and the side of the outcome.
LENGTHS: dict[str, int] = {"ensemble_crps_loss": 320}

VECTORS: dict[str, list[Any]] = {
    "ensemble_crps_loss": [
        (([1, 2, 4], 2.5), {}, 0.5),
        (([1, 2, 4], 2.5), {"fair": True}, 0.166666666666667),
        (([1, 1, 1], 3), {}, 2),
        (([0, 10], 5), {}, 2.5),
        (([0, 10], 5), {"fair": True}, 0),
        (([7], 5), {}, 2),
    ],
}
