"""Figures of all losses by group, in records to which machine code adds blocks of rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lossary.arrays import Array
from lossary.kernels.host import address
from lossary.kernels.memory import aligned
from lossary.scoring.block_kernel import (
    BLOCK,
    FIGURES,
    MINIMUM,
    NONFINITE,
    STOPPED,
    block_function,
)
from lossary.scoring.groups import Groups
from lossary.scoring.lookup import Lookup

#: Rows in a batch for each group, from which on rows are added at once.
ROWS_PER_GROUP = 4
_LINE = 64  # bytes of a cache line, at which records begin


class BlockTotals:
    """The figures of groups, for a number of losses.

    Parameters
    ----------
    losses : int
        The number of losses.
    groups : Groups
        The groups, which new values are added to.
    """

    def __init__(self, losses: int, groups: Groups) -> None:
        self._groups = groups
        self._losses = losses
        self._figures = np.empty((0, FIGURES, losses))
        self._counts = np.empty(0, np.int64)
        self._nonfinite = np.empty((losses, 0), np.int64)
        self._codes = np.empty(BLOCK, np.int64)
        self._scratch = np.zeros((losses, BLOCK))

    def add(self, columns: Sequence[Any], calls: Array, rows: int) -> bool | None:
        """Add rows, given what groups them and the words of their losses.

        Return whether all losses are finite; None, and do nothing, where it is faster to add the
        losses later: of one group, or of rows that are few for the groups.
        """
        blocks, done, is_finite = -(-rows // BLOCK), 0, True
        found = self._groups.lookup(columns)
        if found is not None and len(self._groups) > 1:
            values, lookup = found
            done, is_finite = self._run(calls, values, rows, 0, lookup)
        elif len(self._groups) * ROWS_PER_GROUP > rows:
            return None
        if done < blocks:
            codes = self._groups.encode([[column] for column in columns], rows)
            if len(self._groups) == 1:
                return None
            done, is_rest_finite = self._run(calls, codes, rows, done)
            is_finite &= is_rest_finite
        return is_finite

    def _run(
        self, calls: Array, values: Array, rows: int, first: int, lookup: Lookup | None = None
    ) -> tuple[int, bool]:
        """Add rows from a block on; return where that stopped, and whether losses are finite."""
        self._grow(len(self._groups))
        state = np.zeros(2, np.int64)
        function = block_function(self._losses, lookup is not None)
        table, least = (values, 0) if lookup is None else (lookup.table, lookup.least)
        arrays = calls, values, table, self._codes, self._scratch, self._figures, self._counts
        size, last = len(table) - 1, -(-rows // BLOCK)
        function(*map(address, (*arrays, state)), least, size, rows, first, last)
        return int(state[STOPPED]), not state[NONFINITE]

    def add_nonfinite(self, columns: Sequence[Any], losses: Sequence[Array]) -> None:
        """Count losses that are not finite; NaN becomes the smallest and the largest."""
        codes = self._groups.encode([[column] for column in columns], len(losses[0]))
        for index, values in enumerate(losses):
            nonfinite = ~np.isfinite(values)
            self._nonfinite[index] += np.bincount(codes[nonfinite], minlength=len(self._counts))
            self._figures[codes[np.isnan(values)], MINIMUM:, index] = np.nan

    def columns(self) -> list[dict[str, Array]]:
        """Return the figures of each loss as columns of :class:`Totals`."""
        found = []
        groups = len(self._groups)
        self._grow(groups)
        for index in range(self._losses):
            figures = np.ascontiguousarray(self._figures[:groups, :, index].T)
            sums, errors, minimum, minus_maximum = figures
            found.append(
                {
                    "count": self._counts[:groups],
                    "nonfinite": self._nonfinite[index, :groups],
                    "weight": self._counts[:groups].astype(float),
                    "weight_error": np.zeros(groups),
                    "sum": sums,
                    "sum_error": np.where(np.isfinite(sums), errors, 0.0),
                    "minimum": minimum,
                    "maximum": -minus_maximum,
                }
            )
        return found

    def _grow(self, groups: int) -> None:
        """Make records of groups without rows, up to this number of groups."""
        known = len(self._counts)
        if groups <= known:
            return
        groups = max(groups, known + known // 2)  # so that growing by a few is rare
        figures = aligned((groups, FIGURES, self._losses), np.dtype(float), _LINE)
        figures[:known] = self._figures
        figures[known:, :MINIMUM], figures[known:, MINIMUM:] = 0.0, np.inf
        self._figures = figures
        self._counts = np.pad(self._counts, (0, groups - known))
        self._nonfinite = np.pad(self._nonfinite, ((0, 0), (0, groups - known)))
