"""Margin losses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath as mp

from oracles.mathematics import Number


def hinge(z: Number, y: Number) -> Number:
    return max(mp.mpf(0), 1 - y * z)


ORACLES: dict[str, Callable[..., Number]] = {"hinge_loss": hinge}

VECTORS: dict[str, list[Any]] = {
    "hinge_loss": [((0.5, 1), {}, 0.5), ((-1, 1), {}, 2), ((0.25, -1), {}, 1.25)],
}
