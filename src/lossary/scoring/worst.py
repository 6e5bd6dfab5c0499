"""The rows with the largest loss."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from lossary.arrays import Array

Record = dict[str, Any]


class Worst:
    """The ``size`` rows with the largest loss. Earlier rows win ties; NaN counts as infinity."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._losses = np.empty(0)
        self._records: list[Record] = []

    def add(self, losses: Array, describe: Callable[[Array], list[Record]]) -> None:
        """Add the losses of further rows; ``describe`` returns records for indices among them."""
        if self.size == 0 or len(losses) == 0:
            return
        comparable = np.where(np.isnan(losses), math.inf, losses)
        if len(self._losses) == self.size and comparable.max() <= self._losses[-1]:
            return
        indices = _largest(comparable, self.size)
        records = self._records + describe(indices)
        merged = np.concatenate([self._losses, comparable[indices]])
        order = np.argsort(-merged, kind="stable")[: self.size]
        self._losses = merged[order]
        self._records = [records[index] for index in order]

    def merge(self, records: Sequence[Record]) -> None:
        """Add the records of later rows."""
        losses = np.array([record["loss"] for record in records])
        self.add(losses, lambda indices: [records[index] for index in indices.tolist()])

    def records(self) -> list[Record]:
        """Return the rows, the largest loss first."""
        return list(self._records)


def _largest(values: Array, size: int) -> Array:
    """Return the indices of the largest values, in descending order; earlier ones win ties."""
    if len(values) <= size:
        return np.argsort(-values, kind="stable")
    limit = np.partition(values, len(values) - size)[len(values) - size]
    above = np.flatnonzero(values > limit)
    equal = np.flatnonzero(values == limit)[: size - len(above)]
    indices = np.sort(np.concatenate([above, equal]))
    return indices[np.argsort(-values[indices], kind="stable")]
