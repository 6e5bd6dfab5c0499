"""Columns that the names of folders give, as in ``year=2026/month=01/part.parquet``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import unquote

import pyarrow as pa

from lossary.scoring.addresses import file_path
from lossary.scoring.source import Batches, Rows, Selection, Source

#: The name that Hive gives a folder of rows without a value.
_MISSING = "__HIVE_DEFAULT_PARTITION__"

Values = dict[str, str | None]


def partition_values(path: str) -> Values:
    """Return the values that the folders of a path name, by column; None for a missing value."""
    folders = re.split(r"[/\\]", file_path(path))[:-1]
    pairs = [folder.partition("=") for folder in folders]
    return {
        unquote(name): None if value == _MISSING else unquote(value)
        for name, equals, value in pairs
        if name and equals
    }


class Partitioned:
    """A file with further columns that have one value each; its own columns come first.

    These values are text as it is written. A loss computes from the numbers that they stand for.
    """

    def __init__(self, source: Source, values: Values) -> None:
        self._source = source
        self._values = values
        self.textual = source.textual
        self.schema: Any = None
        if source.schema is not None:
            further = [pa.field(name, pa.string()) for name in self._further()]
            self.schema = pa.schema([*source.schema, *further])

    @property
    def rows(self) -> int | None:
        """The number of rows; None for formats that do not store it."""
        return self._source.rows

    @property
    def columns(self) -> list[str]:
        """The names of the columns; none if the file is empty."""
        own = self._source.columns
        return [*own, *self._further()] if own else []

    def complete(self) -> None:
        """Read on until ``columns`` has every column of the file."""
        self._source.complete()

    @property
    def part_rows(self) -> list[int] | None:
        """The numbers of rows of the parts that can be read apart; None if there are no parts."""
        return self._source.part_rows

    def read(self, selection: Selection, parts: range | None = None) -> Batches:
        """Yield the rows, all or those of some parts."""
        further = self._further()
        values = [name for name in selection.values if name in further]
        numbers = [name for name in selection.numbers if name in further]
        own = Selection(
            values=[name for name in selection.values if name not in further],
            numbers=[name for name in selection.numbers if name not in further],
            groups=[name for name in selection.groups if name not in further],
        )
        if not own.columns:  # of which the number of rows is that of some column
            own = Selection(values=self._source.columns[:1], numbers=())
        for rows in self._source.read(own, parts):
            with_values = self._added(rows.values, values, as_numbers=False)
            if rows.numbers is rows.values and not numbers:
                yield Rows(with_values, with_values)
            else:
                yield Rows(with_values, self._added(rows.numbers, numbers, as_numbers=True))

    def close(self) -> None:
        """Close the file."""
        self._source.close()

    def _further(self) -> list[str]:
        """Return the columns that the file itself does not have."""
        own = set(self._source.columns)
        return [name for name in self._values if name not in own]

    def _added(self, batch: Any, names: Sequence[str], *, as_numbers: bool) -> Any:
        """Return a record batch with further columns."""
        for name in names:
            value = pa.scalar(self._values[name], pa.string())
            if as_numbers and not self.textual:
                value = _number(value)
            batch = batch.append_column(name, pa.repeat(value, batch.num_rows))
        return batch


def _number(text: Any) -> Any:
    """Return the number that a text stands for; the text itself if it stands for none."""
    try:
        return text.cast(pa.float64())
    except pa.ArrowInvalid:
        return text
