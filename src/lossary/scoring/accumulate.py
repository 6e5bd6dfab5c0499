"""Sums of losses by group, over batches of any size."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from lossary.scoring.columns import Array

Record = dict[str, Any]


class Totals:
    """Per group: count, weight, weighted sum, smallest and largest loss.

    Vectorised over the groups, and mergeable. Sums carry their rounding error (Neumaier 1974,
    doi:10.1002/zamm.19740540106), so the result hardly depends on how the data are cut.
    """

    def __init__(self, size: int = 0) -> None:
        self.count = np.zeros(size, dtype=np.int64)
        self.nonfinite = np.zeros(size, dtype=np.int64)
        self.weight = _Sums(np.zeros(size))
        self.sum = _Sums(np.zeros(size))
        self.minimum = np.full(size, math.inf)
        self.maximum = np.full(size, -math.inf)

    @classmethod
    def of(
        cls,
        groups: Array,
        size: int,
        losses: Array,
        weights: Array | None = None,
        masses: Array | None = None,
    ) -> Totals:
        """Return the totals of some losses; ``groups`` gives each one's group among ``size``.

        Losses are multiplied with ``weights``; ``masses`` is what they count for in a mean, if
        that is not the weights.
        """
        masses = weights if masses is None else masses
        totals = cls(size)
        totals.count += np.bincount(groups, minlength=size)
        # As in the losses themselves: weight 0 adds exactly 0, whatever the loss is.
        weighted = losses if weights is None else np.where(weights == 0, 0.0, losses) * weights
        totals.sum = _Sums(_by_group(groups, weighted, size))
        totals.weight = _Sums(
            totals.count.astype(float) if masses is None else _by_group(groups, masses, size)
        )
        bad = ~np.isfinite(losses)
        if bad.any():
            totals.nonfinite += np.bincount(groups[bad], minlength=size)
        with np.errstate(invalid="ignore"):  # NaN is to come through, not to be warned about
            np.minimum.at(totals.minimum, groups, losses)
            np.maximum.at(totals.maximum, groups, losses)
        return totals

    def __len__(self) -> int:
        return len(self.count)

    def merge(self, other: Totals) -> None:
        """Add the totals of other rows; group by group, and groups that are new."""
        size = max(len(self), len(other))
        self._grow(size)
        other._grow(size)
        self.count += other.count
        self.nonfinite += other.nonfinite
        self.weight.merge(other.weight)
        self.sum.merge(other.sum)
        np.minimum(self.minimum, other.minimum, out=self.minimum)
        np.maximum(self.maximum, other.maximum, out=self.maximum)

    def taken(self, groups: Array) -> Totals:
        """Return the totals of some groups, in a given order."""
        totals = Totals()
        totals.count = self.count[groups]
        totals.nonfinite = self.nonfinite[groups]
        totals.weight = self.weight.taken(groups)
        totals.sum = self.sum.taken(groups)
        totals.minimum = self.minimum[groups]
        totals.maximum = self.maximum[groups]
        return totals

    def whole(self) -> Totals:
        """Return the totals of all groups together."""
        total = Totals(1)
        total.count[0] = self.count.sum()
        total.nonfinite[0] = self.nonfinite.sum()
        total.weight = self.weight.whole()
        total.sum = self.sum.whole()
        total.minimum[0] = self.minimum.min(initial=math.inf)
        total.maximum[0] = self.maximum.max(initial=-math.inf)
        return total

    def figures(self, denominator: str) -> dict[str, Array]:
        """Return the figures of all groups. A mean over nothing is 0, as the losses' own is."""
        weight, total = self.weight.values(), self.sum.values()
        divisor = self.count if denominator == "count" else weight
        with np.errstate(divide="ignore", invalid="ignore"):
            # Where weights cancel the sign is that of the sum, not of the zero.
            mean = np.where(divisor == 0, total * math.inf, total / divisor)
        mean = np.where((divisor == 0) & (total == 0), 0.0, mean)
        return {
            "mean": mean,
            "sum": total,
            "weight": weight,
            "count": self.count,
            "minimum": np.where(self.count, self.minimum, math.nan),
            "maximum": np.where(self.count, self.maximum, math.nan),
            "nonfinite": self.nonfinite,
        }

    def records(self, denominator: str) -> Iterator[Record]:
        """Yield the figures of the groups as plain numbers."""
        figures = self.figures(denominator)
        for row in zip(*(values.tolist() for values in figures.values()), strict=True):
            yield dict(zip(figures, row, strict=True))

    def record(self, group: int, denominator: str) -> Record:
        """Return the figures of one group as plain numbers."""
        return next(self.taken(np.array([group])).records(denominator))

    def _grow(self, size: int) -> None:
        missing = size - len(self)
        if missing > 0:
            self.count = np.pad(self.count, (0, missing))
            self.nonfinite = np.pad(self.nonfinite, (0, missing))
            self.weight.grow(missing)
            self.sum.grow(missing)
            self.minimum = np.pad(self.minimum, (0, missing), constant_values=math.inf)
            self.maximum = np.pad(self.maximum, (0, missing), constant_values=-math.inf)


class _Sums:
    """Sums with what their additions rounded off, one per group."""

    def __init__(self, values: Array) -> None:
        self._high = values
        self._low = np.zeros(len(values))

    def values(self) -> Array:
        return self._high + self._low

    def taken(self, places: Array) -> _Sums:
        sums = _Sums(self._high[places])
        sums._low = self._low[places]
        return sums

    def grow(self, missing: int) -> None:
        self._high = np.pad(self._high, (0, missing))
        self._low = np.pad(self._low, (0, missing))

    def merge(self, other: _Sums) -> None:
        a, b = self._high, other._high
        with np.errstate(invalid="ignore", over="ignore"):
            total = a + b
            lost = np.where(np.abs(a) >= np.abs(b), (a - total) + b, (b - total) + a)
        self._low += other._low + np.where(np.isfinite(total), lost, 0.0)
        self._high = total

    def whole(self) -> _Sums:
        values = np.concatenate([self._high, self._low])
        return _Sums(np.array([math.fsum(values) if np.isfinite(values).all() else values.sum()]))


def _by_group(groups: Array, values: Array, size: int) -> Array:
    """Sum values by group: pairwise where there is one group, else one after another."""
    if size == 1:
        return np.array([values.sum()])
    return np.bincount(groups, values, size)
