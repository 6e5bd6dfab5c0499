"""The records to which machine code adds the losses of rows, one for each group."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

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

_LINE = 64  # bytes of a cache line, at which records begin


class BlockRecords:
    """The figures of groups that are consecutive integers, for a number of losses.

    Attributes
    ----------
    least : int
        The group of the first record.
    counts : array of int64
        The numbers of rows; others of a group are the same for all losses.
    """

    def __init__(self, losses: int) -> None:
        self._losses = losses
        self.least = 0
        self.counts = np.empty(0, np.int64)
        self._figures = np.empty((0, FIGURES, losses))
        self._nonfinite = np.empty((losses, 0), np.int64)
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
        self._figures, self.least = figures, least
        self.counts, self._nonfinite = counts, nonfinite

    def add(self, calls: BlockCalls, groups: Array, first: int, state: Array) -> int:
        """Add rows, from a block on, until a group has no record or a label is unknown.

        Return the block at which that was, or the number of blocks; ``state`` has what was found.
        """
        arrays = (
            *(calls.losses, calls.labels, groups),
            *(self._scratch, self._figures, self.counts, state),
        )
        rows, last_place = len(groups), len(self.counts) - 1
        block_function(self._losses, calls.label_type)(
            *map(address, arrays), self.least, last_place, rows, first, -(-rows // BLOCK)
        )
        return int(state[STOPPED])

    def add_nonfinite(self, groups: Array, losses: Sequence[Array]) -> None:
        """Count losses that are not finite; NaN becomes the smallest and the largest."""
        for index, values in enumerate(losses):
            nonfinite = ~np.isfinite(values)
            self._nonfinite[index] += np.bincount(groups[nonfinite], minlength=len(self.counts))
            self._figures[groups[np.isnan(values)], MINIMUM:, index] = np.nan

    def columns(self, places: Array) -> list[dict[str, Array]]:
        """Return the figures of each loss, of these records, as columns of :class:`Totals`."""
        counts = self.counts[places]
        found = []
        for figures, nonfinite in zip(
            self._figures[places].transpose(2, 1, 0).copy(), self._nonfinite, strict=True
        ):
            sums, errors, minimum, minus_maximum = figures
            found.append(
                {
                    "count": counts.copy(),
                    "nonfinite": nonfinite[places],
                    "weight": counts.astype(float),
                    "weight_error": np.zeros(len(counts)),
                    "sum": sums,
                    "sum_error": np.where(np.isfinite(sums), errors, 0.0),
                    "minimum": minimum,
                    "maximum": -minus_maximum,
                }
            )
        return found
