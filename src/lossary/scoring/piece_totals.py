"""Totals by group that travel: as Arrow tables, which are merged with those of other pieces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from lossary.arrays import Array
from lossary.scoring.arrow_types import is_list
from lossary.scoring.block_calls import BlockCalls
from lossary.scoring.block_records import ValueRecords
from lossary.scoring.block_totals import Added, BlockTotals
from lossary.scoring.grouped_totals import GroupedTotals
from lossary.scoring.job import Job
from lossary.scoring.quantile_totals import QuantileTotals
from lossary.scoring.running_totals import RunningTotals, T
from lossary.scoring.totals import Totals

# Of the integers that have a record, one of so many at least has rows, or a table is smaller.
_DENSE = 2


class SentTotals(GroupedTotals[T]):
    """Totals by group that travel."""

    def tables(self, names: Sequence[str]) -> list[Any]:
        """Return the groups with their totals as Arrow tables, one for each set of types.

        A table has a row per group: the grouping columns, then a struct of totals for each loss.
        ``names`` are those of all columns.
        """
        self._flush()
        settled = self._settled()
        if not len(settled[0]):
            return []
        tables: list[Any] = []
        keys: list[Any]
        for keys, codes in self._groups.by_types():
            parts: list[Any] = [_struct(totals.take(codes).columns()) for totals in settled]
            tables.append(pa.table([*keys, *parts], names=[*names]))
        return tables

    def merge(self, table: Any) -> None:
        """Add a table of totals of other rows."""
        columns = [_one_chunk(column) for column in table.columns]
        keys, structs = columns[: len(self._columns)], columns[len(self._columns) :]
        codes = self._groups.encode([[key] for key in keys], table.num_rows)
        is_every = np.array_equal(codes, np.arange(len(self._groups)))
        for running, struct in zip(self._totals, structs, strict=True):
            totals = running.settled()
            totals.grow(len(self._groups))
            totals.merge(self._kind.of_columns(_columns(struct)), None if is_every else codes)

    def _settled(self) -> list[T]:
        """Return the totals of each loss, of all rows."""
        return [running.settled() for running in self._totals]


class PieceTotals(SentTotals[Totals]):
    """Totals by group of a piece, or of several that are merged.

    Parameters
    ----------
    losses, columns : int
        The number of losses, and the number of columns that group the rows.
    quantiles : sequence of float
        The quantiles of the losses.
    """

    def __init__(self, losses: int, columns: int, quantiles: Sequence[float] = ()) -> None:
        super().__init__(losses, columns, QuantileTotals if quantiles else Totals)
        self._blocks: BlockTotals | None = None
        for running in self._totals:
            if isinstance(totals := running.settled(), QuantileTotals):
                totals.shares = quantiles

    @classmethod
    def of_job(cls, job: Job) -> PieceTotals:
        """Return the totals of a job's losses, without rows."""
        return cls(len(job.losses), len(job.by), job.quantiles)

    def add_blocks(self, columns: Sequence[Any], calls: BlockCalls, rows: int) -> Added | None:
        """Add rows whose losses machine code computes; see :meth:`BlockTotals.add`."""
        if self._blocks is None:
            self._blocks = BlockTotals(len(self._totals), self._groups, calls.weights != 0)
        return self._blocks.add(columns, calls, rows)

    def add_nonfinite(self, columns: Sequence[Any], losses: Sequence[Array]) -> None:
        """Count losses of such rows that are not finite."""
        if self._blocks is not None:
            self._blocks.add_nonfinite(columns, losses)

    def tables(self, names: Sequence[str]) -> list[Any]:
        """Return the groups with their totals as Arrow tables, one for each set of types.

        Where all groups are integers close together, their records take the place of a table.
        """
        if self._blocks is not None and not self._rows and not len(self._groups):
            records = self._blocks.of_values()
            if 0 < len(records.counts) <= _DENSE * np.count_nonzero(records.counts):
                return [records]
        return super().tables(names)

    def merge(self, table: Any) -> None:
        """Add a table of totals of other rows, or the records in place of one."""
        if isinstance(table, ValueRecords):
            if self._blocks is None:
                self._blocks = BlockTotals(len(self._totals), self._groups, table.is_weighted)
            if self._blocks.merge(table):
                return
            values, figures = table.columns()
            columns = [values, *map(_struct, figures)]
            table = pa.table(columns, names=[*map(str, range(len(columns)))])
        super().merge(table)

    def finish(self) -> tuple[list[tuple[Any, ...]], list[Totals]]:
        """Return the values of the groups in order, and every loss's totals in that order."""
        self._add_records()
        return super().finish()

    def _settled(self) -> list[Totals]:
        self._add_records()
        return super()._settled()

    def _add_records(self) -> None:
        """Add what machine code has in its records."""
        blocks, self._blocks = self._blocks, None
        for codes, figures in blocks.columns() if blocks else ():
            for index, columns in enumerate(figures):
                added = Totals.of_columns(columns)
                totals = self._totals[index].settled()
                if not len(totals) and np.array_equal(codes, np.arange(len(self._groups))):
                    self._totals[index] = RunningTotals(added)
                    continue
                totals.grow(len(self._groups))
                totals.merge(added, codes)


def _one_chunk(column: Any) -> Any:
    """Return a column of a table as one array."""
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def _struct(columns: Mapping[str, Any]) -> Any:
    """Return columns, of which some may be Arrow arrays already, as one."""
    arrays = [
        pa.array(values) if isinstance(values, np.ndarray) else values
        for values in columns.values()
    ]
    return pa.StructArray.from_arrays(arrays, [*columns])


def _columns(struct: Any) -> dict[str, Any]:
    """Return the columns of a struct: lists as they are, numbers as arrays."""
    return {
        field.name: part if is_list(part.type) else np.asarray(part)
        for field, part in zip(struct.type, struct.flatten(), strict=True)
    }
