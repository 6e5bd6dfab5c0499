"""Totals of losses by groups of rows, over batches of any size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lossary.scoring.accumulate import Totals
from lossary.scoring.columns import Array
from lossary.scoring.groups import Groups, Key

# To look values up costs their number beside that of the rows. So rows wait until they are this
# many times the groups: 5 million rows in 200,000 groups take 2 s instead of 9 s, and what waits
# grows with the groups, not with the data.
_ROWS_PER_GROUP = 4
_LEAST_ROWS = 1 << 17


@dataclass(frozen=True, slots=True)
class Losses:
    """A loss of some rows.

    Attributes
    ----------
    values, part : array
        The losses, and which rows take part.
    weights, masses : array, optional
        What to multiply the losses with, and what rows count for in a mean, where these are not 1.
    """

    values: Array
    part: Array
    weights: Array | None = None
    masses: Array | None = None


class GroupedTotals:
    """Totals by group for several losses over the same rows.

    Parameters
    ----------
    losses, columns : int
        How many losses there are, and how many columns group the rows.
    """

    def __init__(self, losses: int, columns: int) -> None:
        self._totals = [Totals() for _ in range(losses)]
        self._groups = Groups(columns)
        self._columns: list[list[Any]] = [[] for _ in range(columns)]
        self._losses: list[list[Losses]] = [[] for _ in range(losses)]
        self._rows = 0

    def add(self, columns: Sequence[Any], losses: Sequence[Losses]) -> None:
        """Add rows: the Arrow columns that group them, and their losses."""
        waiting = [arrays[0].type for arrays in self._columns if arrays]
        if waiting and waiting != [column.type for column in columns]:
            self._flush()
        for arrays, column in zip(self._columns, columns, strict=True):
            arrays.append(column)
        for some, more in zip(self._losses, losses, strict=True):
            some.append(more)
        self._rows += len(losses[0].values)
        if self._rows >= max(_LEAST_ROWS, _ROWS_PER_GROUP * len(self._groups)):
            self._flush()

    def finished(self) -> tuple[list[Key], list[Totals]]:
        """Return the groups' values in order, and the totals of every loss in that order."""
        self._flush()
        keys, order = self._groups.ordered()
        return keys, [totals.taken(order) for totals in self._totals]

    def _flush(self) -> None:
        if not self._rows:
            return
        groups = self._groups.of(self._columns, self._rows)
        size = len(self._groups)
        for totals, losses in zip(self._totals, self._losses, strict=True):
            part = np.flatnonzero(np.concatenate([item.part for item in losses]))
            values = np.concatenate([item.values for item in losses])[part]
            weights, masses = (
                None if arrays[0] is None else np.concatenate(arrays)[part]
                for arrays in zip(*((item.weights, item.masses) for item in losses), strict=True)
            )
            totals.merge(Totals.of(groups[part], size, values, weights, masses))
        self._columns = [[] for _ in self._columns]
        self._losses = [[] for _ in self._losses]
        self._rows = 0
