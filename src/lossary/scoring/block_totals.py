"""Figures of all losses by group, to which machine code adds blocks of rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from lossary.arrays import Array
from lossary.scoring.block_kernel import BLOCK
from lossary.scoring.block_records import BlockRecords
from lossary.scoring.groups import Groups

#: Rows in a batch for each group, from which on rows are added at once.
_ROWS_PER_GROUP = 4
#: Integers further apart have no record of their own: most of the records would be empty.
_MOST = 1 << 14


class BlockTotals:
    """The figures of groups, for a number of losses.

    A column of integers that are close together has a record for each of them, which needs no
    lookup; other columns have one for each of their groups.

    Parameters
    ----------
    losses : int
        The number of losses.
    groups : Groups
        The groups, which new values are added to.
    """

    def __init__(self, losses: int, groups: Groups) -> None:
        self._groups = groups
        self._by_code = BlockRecords(losses)
        self._by_value = BlockRecords(losses)
        self._type: Any = None  # of the values

    def add(self, columns: Sequence[Any], calls: Array, rows: int) -> bool | None:
        """Add rows, given what groups them and the words of their losses.

        Return whether all losses are finite; None, and do nothing, where it is faster to add the
        losses later: of one group, or of rows that are few for the groups.
        """
        last, done, is_finite = -(-rows // BLOCK), 0, True
        values = self._values(columns)
        if values is not None:
            done, is_finite = self._by_value.add(calls, values, 0)
            if done < last and self._has_room(values[done * BLOCK :]):
                done, is_rest_finite = self._by_value.add(calls, values, done)
                is_finite &= is_rest_finite
        if done == last:
            return is_finite
        if done == 0 and len(self._groups) * _ROWS_PER_GROUP > rows:
            return None
        codes = self._codes(columns, rows)
        if done == 0 and len(self._groups) == 1:
            return None
        return is_finite & self._by_code.add(calls, codes, done)[1]

    def add_nonfinite(self, columns: Sequence[Any], losses: Sequence[Array]) -> None:
        """Count losses that are not finite; NaN becomes the smallest and the largest."""
        self._by_code.add_nonfinite(self._codes(columns, len(losses[0])), losses)

    def columns(self) -> Iterator[tuple[Array, list[dict[str, Array]]]]:
        """Yield codes of groups, with the figures of each loss as columns of :class:`Totals`."""
        records = self._by_value
        places = np.flatnonzero(records.counts)
        if len(places):
            values = pa.array(places + records.least).cast(self._type)
            codes = self._groups.encode([[values]], len(places))
            yield codes, records.columns(places)
        records = self._by_code
        codes = np.arange(min(len(self._groups), len(records.counts)))
        if len(codes):
            yield codes, records.columns(codes)

    def _values(self, columns: Sequence[Any]) -> Array | None:
        """Return the only column if it holds integers and none is missing; else None."""
        first, *others = columns
        types = pa.types
        is_plain = types.is_integer(first.type) and not types.is_uint64(first.type)
        if others or not is_plain or first.null_count or self._type not in (None, first.type):
            return None
        self._type = first.type
        return np.ascontiguousarray(first, np.int64)

    def _has_room(self, values: Array) -> bool:
        """Make records for values; return False where that is too many, or a single one."""
        records = self._by_value
        least, stop = int(values.min()), int(values.max()) + 1
        if len(records.counts):
            least = min(least, records.least)
            stop = max(stop, records.least + len(records.counts))
        if not 1 < stop - least <= _MOST:
            return False
        records.make_room(least, stop)
        return True

    def _codes(self, columns: Sequence[Any], rows: int) -> Array:
        """Return the codes of rows, all of which have records."""
        codes = self._groups.encode([[column] for column in columns], rows)
        known, groups = len(self._by_code.counts), len(self._groups)
        if groups > known:  # by half at least, so that growing by a few is rare
            self._by_code.make_room(0, max(groups, known + known // 2))
        return codes
