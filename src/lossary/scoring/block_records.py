"""The records to which machine code adds the losses of rows, one for each group."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from lossary.arrays import Array
from lossary.kernels.host import address
from lossary.kernels.memory import aligned
from lossary.scoring.block_calls import BlockCalls
from lossary.scoring.block_kernel import (
    BLOCK,
    FIGURES,
    MINIMUM,
    STOPPED,
    block_function,
)
from lossary.scoring.totals import two_sum

_LINE = 64  # bytes of a cache line, at which records begin


class BlockRecords:
    """The figures of groups that are consecutive integers, for a number of losses.

    Parameters
    ----------
    losses : int
        The number of losses.
    is_weighted : bool
        Whether rows have weights.

    Attributes
    ----------
    least : int
        The group of the first record.
    counts : array of int64
        The numbers of rows; others of a group are the same for all losses.
    """

    def __init__(self, losses: int, is_weighted: bool) -> None:
        self._losses = losses
        self.least = 0
        self.counts = np.empty(0, np.int64)
        self._figures = np.empty((0, FIGURES, losses))
        self._nonfinite = np.empty((losses, 0), np.int64)
        # The sum of the weights of each group and its error; nothing without weights.
        self._weight_sums = np.empty((0, 2 if is_weighted else 0))
        self._scratch = np.zeros((losses, BLOCK))

    def make_room(self, least: int, stop: int) -> None:
        """Make records for the groups from ``least`` to before ``stop``, where there are none."""
        known = len(self.counts)
        if known:
            least, stop = min(least, self.least), max(stop, self.least + known)
        size, before = stop - least, self.least - least if known else 0
        if size == known:
            return
        figures = aligned((size, FIGURES, self._losses), np.dtype(float), _LINE)
        figures[:, :MINIMUM], figures[:, MINIMUM:] = 0.0, np.inf
        figures[before : before + known] = self._figures
        counts, nonfinite = np.zeros(size, np.int64), np.zeros((self._losses, size), np.int64)
        counts[before : before + known] = self.counts
        nonfinite[:, before : before + known] = self._nonfinite
        weight_sums = np.zeros((size, self._weight_sums.shape[1]))
        weight_sums[before : before + known] = self._weight_sums
        self._figures, self.least = figures, least
        self.counts, self._nonfinite, self._weight_sums = counts, nonfinite, weight_sums

    def add(self, calls: BlockCalls, groups: Array, first: int, state: Array) -> int:
        """Add rows, from a block on, until a group has no record or a value is wrong.

        Return the block at which that was, or the number of blocks; ``state`` has what was found.
        """
        figures = self._figures, self._weight_sums, self.counts
        arrays = groups, self._scratch, *figures, state
        rows, last_place = len(groups), len(self.counts) - 1
        block_function(self._losses, calls.label_type, calls.weights != 0)(
            *(address(calls.losses), address(calls.labels), calls.weights),
            *map(address, arrays),
            *(self.least, last_place, rows, first, -(-rows // BLOCK)),
        )
        return int(state[STOPPED])

    def add_nonfinite(self, groups: Array, losses: Sequence[Array]) -> None:
        """Count losses that are not finite; NaN becomes the smallest and the largest."""
        for index, values in enumerate(losses):
            nonfinite = ~np.isfinite(values)
            self._nonfinite[index] += np.bincount(groups[nonfinite], minlength=len(self.counts))
            self._figures[groups[np.isnan(values)], MINIMUM:, index] = np.nan

    def merge(self, other: ValueRecords) -> None:
        """Add the figures of other rows of the same integers."""
        self.make_room(other.least, other.least + len(other.counts))
        start = other.least - self.least
        at = slice(start, start + len(other.counts))
        self.counts[at] += other.counts
        self._nonfinite[:, at] += other.nonfinite
        mine, figures = self._figures[at], other.figures
        with np.errstate(invalid="ignore", over="ignore"):
            _merge_sums(mine, figures)
            if other.is_weighted:
                _merge_sums(self._weight_sums[at], other.weight_sums)
            mine[:, MINIMUM:] = np.minimum(mine[:, MINIMUM:], figures[:, MINIMUM:])

    def of_values(self, arrow_type: Any) -> ValueRecords:
        """Return the figures, where groups are integers of a type."""
        return ValueRecords(
            *(arrow_type, self.least, self.counts),
            *(self._figures, self._nonfinite, self._weight_sums),
        )

    def columns(self, places: Array) -> list[dict[str, Array]]:
        """Return the figures of each loss, of these records, as columns of :class:`Totals`."""
        return self.of_values(None).columns_at(places)


class ValueRecords(NamedTuple):
    """The figures of integers that follow one another, as they travel.

    Attributes
    ----------
    type : pyarrow.DataType
        The type of the integers.
    least : int
        The first of them.
    counts, figures, nonfinite, weight_sums : array
        Those of :class:`BlockRecords`.
    """

    type: Any
    least: int
    counts: Array
    figures: Array
    nonfinite: Array
    weight_sums: Array

    @property
    def is_weighted(self) -> bool:
        """Whether rows have weights."""
        return bool(self.weight_sums.shape[1])

    def columns(self) -> tuple[Any, list[dict[str, Array]]]:
        """Return the integers with rows, and the figures of each loss as columns of ``Totals``."""
        places = np.flatnonzero(self.counts)
        values = pa.array(places + self.least)
        values = values if self.type in (None, values.type) else values.cast(self.type)
        return values, self.columns_at(places)

    def columns_at(self, places: Array) -> list[dict[str, Array]]:
        """Return the figures of each loss, of these records, as columns of ``Totals``."""
        counts = self.counts[places]
        weights, weight_errors = counts.astype(float), np.zeros(len(counts))
        if self.is_weighted:
            weights, weight_errors = self.weight_sums[places].T
        found = []
        for figures, nonfinite in zip(
            self.figures[places].transpose(2, 1, 0).copy(), self.nonfinite, strict=True
        ):
            sums, errors, minimum, minus_maximum = figures
            found.append(
                {
                    "count": counts.copy(),
                    "nonfinite": nonfinite[places],
                    "weight": weights.copy(),
                    "weight_error": _finite(weight_errors, weights),
                    "sum": sums,
                    "sum_error": _finite(errors, sums),
                    "minimum": minimum,
                    "maximum": -minus_maximum,
                }
            )
        return found


def _finite(errors: Array, sums: Array) -> Array:
    """Return rounding errors; 0 for a sum that is infinite, whose error is none."""
    return np.where(np.isfinite(sums), errors, 0.0)


def _merge_sums(records: Array, others: Array) -> None:
    """Add sums, which are the first of each record and which their errors follow."""
    total, error = two_sum(records[:, 0], others[:, 0])
    records[:, 1] += error + others[:, 1]
    records[:, 0] = total
