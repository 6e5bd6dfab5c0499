"""Totals by group that travel: as Arrow tables, which are merged with those of other pieces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from lossary.arrays import Array
from lossary.scoring.grouped_totals import GroupedTotals
from lossary.scoring.totals import Totals


class PieceTotals(GroupedTotals[Totals]):
    """Totals by group of a piece, or of several that are merged.

    Parameters
    ----------
    losses, columns : int
        The number of losses, and the number of columns that group the rows.
    """

    def __init__(self, losses: int, columns: int) -> None:
        super().__init__(losses, columns, Totals)

    def tables(self, names: Sequence[str]) -> list[Any]:
        """Return the groups with their totals as Arrow tables, one for each set of types.

        A table has a row per group: the grouping columns, then a struct of totals for each loss.
        ``names`` are those of all columns.
        """
        self._flush()
        if not len(self._totals[0]):
            return []
        tables = []
        for columns, codes in self._groups.by_types():
            structs = [_struct(totals.take(codes).columns()) for totals in self._totals]
            tables.append(pa.table([*columns, *structs], names=[*names]))
        return tables

    def merge(self, table: Any) -> None:
        """Add a table of totals of other rows."""
        columns = [column.combine_chunks() for column in table.columns]
        keys, structs = columns[: len(self._columns)], columns[len(self._columns) :]
        codes = self._groups.encode([[key] for key in keys], table.num_rows)
        for totals, struct in zip(self._totals, structs, strict=True):
            totals.grow(len(self._groups))
            totals.merge(Totals.of_columns(_columns(struct)), codes)


def _struct(columns: Mapping[str, Array]) -> Any:
    return pa.StructArray.from_arrays([pa.array(values) for values in columns.values()], [*columns])


def _columns(struct: Any) -> dict[str, Array]:
    parts = zip(struct.type, struct.flatten(), strict=True)
    return {field.name: np.asarray(part) for field, part in parts}
