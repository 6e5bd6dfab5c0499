"""The rows with the largest loss."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from lossary.scoring.columns import Array

Record = dict[str, Any]


class Worst:
    """The ``size`` rows with the largest loss; ties go to earlier rows, NaN is the largest."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._ranked = np.empty(0)
        self._records: list[Record] = []

    def add(self, losses: Array, describe: Callable[[Array], list[Record]]) -> None:
        """Offer the losses of further rows; ``describe`` returns some of them as records."""
        if self.size == 0 or len(losses) == 0:
            return
        ranked = np.where(np.isnan(losses), math.inf, losses)
        if len(self._ranked) == self.size and ranked.max() <= self._ranked[-1]:
            return
        places = _largest(ranked, self.size)
        records = self._records + describe(places)
        together = np.concatenate([self._ranked, ranked[places]])
        order = np.argsort(-together, kind="stable")[: self.size]
        self._ranked = together[order]
        self._records = [records[place] for place in order]

    def records(self) -> list[Record]:
        """Return the rows, the largest loss first."""
        return list(self._records)


def _largest(values: Array, size: int) -> Array:
    """Return the places of the largest values in descending order, the first of equal ones."""
    if len(values) <= size:
        return np.argsort(-values, kind="stable")
    limit = np.partition(values, len(values) - size)[len(values) - size]
    above = np.flatnonzero(values > limit)
    level = np.flatnonzero(values == limit)[: size - len(above)]
    places = np.sort(np.concatenate([above, level]))
    return places[np.argsort(-values[places], kind="stable")]
