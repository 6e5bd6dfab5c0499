"""Figures of all losses by group, to which machine code adds blocks of rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from lossary.arrays import Array
from lossary.scoring.block_calls import BlockCalls
from lossary.scoring.block_kernel import BLOCK, NONFINITE, STATE_WORDS, VIOLATED, WRONG
from lossary.scoring.block_records import BlockRecords, ValueRecords
from lossary.scoring.groups import Groups

#: Rows in a batch for each group, from which on rows are added at once.
_ROWS_PER_GROUP = 4
#: Integers further apart have no record of their own: most of the records would be empty.
_MOST = 1 << 14


class Added(NamedTuple):
    """What was found in the blocks that were added.

    Attributes
    ----------
    is_whole : bool
        Whether all blocks were added, and none had an unknown label or an infinite weight.
    is_finite, has_violations : bool
        Whether all losses are finite, and whether values are outside the domains of the losses.
    """

    is_whole: bool
    is_finite: bool
    has_violations: bool


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
    is_weighted : bool
        Whether rows have weights.
    """

    def __init__(self, losses: int, groups: Groups, is_weighted: bool) -> None:
        self._groups = groups
        self._by_code = BlockRecords(losses, is_weighted)
        self._by_value = BlockRecords(losses, is_weighted)
        self._type: Any = None  # of the values

    def add(self, columns: Sequence[Any], calls: BlockCalls, rows: int) -> Added | None:
        """Add rows, given what groups them and the calls of their losses.

        Return what was found; None, and do nothing, where it is faster to add the losses later: of
        one group, or of rows that are few for the groups.
        """
        last, done = -(-rows // BLOCK), 0
        state = np.zeros(STATE_WORDS, np.int64)
        values = self._values(columns)
        if values is not None:
            done = self._by_value.add(calls, values, done, state)
            is_open = done < last and not state[WRONG]
            if is_open and self._has_room(values[done * BLOCK :]):
                done = self._by_value.add(calls, values, done, state)
        if done < last and not state[WRONG]:
            if done == 0 and len(self._groups) * _ROWS_PER_GROUP > rows:
                return None
            codes = self._codes(columns, rows)
            if done == 0 and len(self._groups) == 1:
                return None
            done = self._by_code.add(calls, codes, done, state)
        return Added(done == last, not state[NONFINITE], bool(state[VIOLATED]))

    def add_nonfinite(self, columns: Sequence[Any], losses: Sequence[Array]) -> None:
        """Count losses that are not finite; NaN becomes the smallest and the largest."""
        self._by_code.add_nonfinite(self._codes(columns, len(losses[0])), losses)

    def columns(self) -> Iterator[tuple[Array, list[dict[str, Array]]]]:
        """Yield codes of groups, with the figures of each loss as columns of :class:`Totals`."""
        values, figures = self.of_values().columns()
        if len(values):
            yield self._groups.encode([[values]], len(values)), figures
        records = self._by_code
        codes = np.arange(min(len(self._groups), len(records.counts)))
        if len(codes):
            yield codes, records.columns(codes)

    def of_values(self) -> ValueRecords:
        """Return the figures of integers that have a record of their own."""
        return self._by_value.of_values(self._type)

    def merge(self, records: ValueRecords) -> bool:
        """Add such figures of other rows; return False, and do nothing, where they do not fit."""
        if self._type not in (None, records.type):
            return False
        stop = records.least + len(records.counts)
        if not self._fits(records.least, stop):
            return False
        self._type = records.type
        self._by_value.merge(records)
        return True

    def _values(self, columns: Sequence[Any]) -> Array | None:
        """Return the only column if it holds integers and none is missing; else None."""
        first, *others = columns
        types = pa.types
        is_plain = types.is_integer(first.type) and not types.is_uint64(first.type)
        if others or not is_plain or first.null_count or self._type not in (None, first.type):
            return None
        self._type = first.type
        if types.is_int64(first.type):  # without the many steps of Arrow's conversion
            return np.frombuffer(first.buffers()[1], np.int64, len(first), 8 * first.offset)
        return np.ascontiguousarray(first, np.int64)

    def _has_room(self, values: Array) -> bool:
        """Make records for values; return False where that is too many, or a single one."""
        least, stop = int(values.min()), int(values.max()) + 1
        if not self._fits(least, stop):
            return False
        self._by_value.make_room(least, stop)
        return True

    def _fits(self, least: int, stop: int) -> bool:
        """Return whether there may be records from an integer to before another."""
        records = self._by_value
        if len(records.counts):
            least = min(least, records.least)
            stop = max(stop, records.least + len(records.counts))
        return 1 < stop - least <= _MOST

    def _codes(self, columns: Sequence[Any], rows: int) -> Array:
        """Return the codes of rows, all of which have records."""
        codes = self._groups.encode([[column] for column in columns], rows)
        known, groups = len(self._by_code.counts), len(self._groups)
        if groups > known:  # by half at least, so that growing by a few is rare
            self._by_code.make_room(0, max(groups, known + known // 2))
        return codes
