"""Margin losses."""

from __future__ import annotations

from collections.abc import Callable

import mpmath as mp

from oracles.mathematics import Number


def hinge(z: Number, y: Number) -> Number:
    return max(mp.mpf(0), 1 - y * z)


ORACLES: dict[str, Callable[..., Number]] = {"hinge_loss": hinge}
