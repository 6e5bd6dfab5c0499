"""Margin losses of several labels at once."""

from __future__ import annotations

from collections.abc import Callable

import mpmath as mp

from oracles import Vector
from oracles.mathematics import Number, Row

ZERO, ONE = mp.mpf(0), mp.mpf(1)


def _gaps(z: Row, t: Row) -> list[Number]:
    above = [x for x, p in zip(z, t, strict=True) if p > 0.5]
    below = [x for x, p in zip(z, t, strict=True) if p <= 0.5]
    return [ONE - (x - y) for x in above for y in below]


def multilabel_margin(z: Row, t: Row) -> Number:
    return mp.fsum(max(ZERO, gap) for gap in _gaps(z, t)) / len(z)


ORACLES: dict[str, Callable[..., Number]] = {"multilabel_margin_loss": multilabel_margin}
# Differences of scores are rounded before the margin of 1 is added.
DIFFERENCES: dict[str, Callable[..., Number]] = {
    "multilabel_margin_loss": lambda z, t: ONE / len(z)
}
VECTORS: dict[str, list[Vector]] = {
    "multilabel_margin_loss": [
        (([[0.1, 0.2, 0.4, 0.8]], [[1, 0, 0, 1]]), {}, 0.85),
        (([[2, -1, 0.5]], [[1, 0, 1]]), {}, 0.0),
        (([[2, -1, 0.5]], [[0, 0, 0]]), {}, 0.0),
    ],
}
# Scores that differ by nearly 1: the side of the kink is a matter of rounding.
EDGES: dict[str, Callable[..., Number]] = {
    "multilabel_margin_loss": lambda z, t: min([ONE, *map(abs, _gaps(z, t))]),
}
# It counts pairs in a row that is sorted twice.
LENGTHS: dict[str, int] = {"multilabel_margin_loss": 630}
