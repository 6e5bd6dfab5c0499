"""Sums of losses by group, and the rows with the largest loss, over batches of any size."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]
Record = dict[str, Any]


class Totals:
    """Per group: count, weight, weighted sum, smallest and largest loss.

    Vectorised over the groups. Sums are carried with their rounding error (Neumaier 1974,
    doi:10.1002/zamm.19740540106), so the result hardly depends on how the data are cut.
    """

    def __init__(self) -> None:
        self.count = np.zeros(0, dtype=np.int64)
        self.nonfinite = np.zeros(0, dtype=np.int64)
        self.weight = _Sum()
        self.sum = _Sum()
        self.minimum = np.zeros(0)
        self.maximum = np.zeros(0)

    def add(self, groups: Array, size: int, losses: Array, weights: Array | None) -> None:
        """Add losses; ``groups`` gives each one's group among ``size``."""
        self._grow(size)
        weight = np.ones(len(losses)) if weights is None else weights
        weighted = np.where(weight == 0.0, 0.0, losses * np.where(weight == 0.0, 0.0, weight))
        self.count += np.bincount(groups, minlength=size)
        bad = ~np.isfinite(losses)
        if bad.any():
            self.nonfinite += np.bincount(groups[bad], minlength=size)
        self.weight.add(np.bincount(groups, weight, size))
        self.sum.add(np.bincount(groups, weighted, size))
        np.minimum.at(self.minimum, groups, losses)
        np.maximum.at(self.maximum, groups, losses)

    def _grow(self, size: int) -> None:
        missing = size - len(self.count)
        if missing > 0:
            self.count = np.pad(self.count, (0, missing))
            self.nonfinite = np.pad(self.nonfinite, (0, missing))
            self.weight.grow(missing)
            self.sum.grow(missing)
            self.minimum = np.pad(self.minimum, (0, missing), constant_values=math.inf)
            self.maximum = np.pad(self.maximum, (0, missing), constant_values=-math.inf)

    def record(self, group: int, denominator: str) -> Record:
        """Return one group's figures."""
        if group >= len(self.count):
            self._grow(group + 1)
        count, weight = int(self.count[group]), float(self.weight.value[group])
        total = float(self.sum.value[group])
        divisor = count if denominator == "count" else weight
        return {
            "mean": total / divisor if divisor else 0.0,
            "sum": total,
            "weight": weight,
            "count": count,
            "minimum": float(self.minimum[group]) if count else math.nan,
            "maximum": float(self.maximum[group]) if count else math.nan,
            "nonfinite": int(self.nonfinite[group]),
        }


class _Sum:
    """Compensated sums, one per group."""

    def __init__(self) -> None:
        self._high = np.zeros(0)
        self._low = np.zeros(0)

    def grow(self, missing: int) -> None:
        self._high = np.pad(self._high, (0, missing))
        self._low = np.pad(self._low, (0, missing))

    def add(self, values: Array) -> None:
        total = self._high + values
        larger = np.abs(self._high) >= np.abs(values)
        with np.errstate(invalid="ignore"):
            lost = np.where(larger, (self._high - total) + values, (values - total) + self._high)
        self._low += np.where(np.isfinite(total), lost, 0.0)
        self._high = total

    @property
    def value(self) -> Array:
        return self._high + self._low


@dataclass(order=True)
class _Entry:
    key: tuple[float, str, int]
    loss: float = field(compare=False)
    record: Record = field(compare=False)


class Worst:
    """The rows with the largest loss; ties go to the earlier file and row; NaN is the largest."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._entries: list[_Entry] = []

    def add(self, losses: Array, kept: Array, path: str, first_row: int, batch: Any) -> None:
        """Offer a batch's losses; ``kept`` tells which rows count."""
        if self.size == 0 or not kept.any():
            return
        ranked = np.where(np.isnan(losses), math.inf, losses)
        ranked = np.where(kept, ranked, -math.inf)
        size = min(self.size, len(ranked))
        order = np.argsort(-ranked, kind="stable")[:size]
        for row in order[kept[order]].tolist():
            key = (-float(ranked[row]), path, first_row + row)
            if len(self._entries) == self.size and key >= self._entries[-1].key:
                break
            (record,) = batch.slice(row, 1).to_pylist()
            self._entries.append(_Entry(key, float(losses[row]), record))
            self._entries.sort()
            del self._entries[self.size :]

    def records(self) -> list[Record]:
        """Return the rows, the largest loss first."""
        return [
            {"loss": entry.loss, "file": entry.key[1], "row": entry.key[2], "values": entry.record}
            for entry in self._entries
        ]
