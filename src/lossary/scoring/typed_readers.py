"""Readers of the formats whose columns have types: Parquet and Arrow."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from lossary.scoring.arrow_types import batch_without_views
from lossary.scoring.source import Batches, Rows, Selection, batch_rows, sliced


class Parquet:
    """A Parquet file."""

    textual = False

    def __init__(self, path: str) -> None:
        import pyarrow.parquet as pq

        # Without pre-buffering, memory holds a batch, not the column chunks of the whole file.
        self._file = pq.ParquetFile(
            path, pre_buffer=False, buffer_size=1 << 20, page_checksum_verification=True
        )
        self.schema = self._file.schema_arrow
        self.rows: int | None = self._file.metadata.num_rows
        self.columns = list(self.schema.names)

    def complete(self) -> None:
        """Do nothing: the schema names all columns."""

    def read(self, selection: Selection) -> Batches:
        """Yield the rows, reading no other columns than those selected."""
        columns = selection.columns
        for batch in self._file.iter_batches(batch_rows(len(columns)), columns=columns):
            converted = batch_without_views(batch)
            yield Rows(converted, converted)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class Arrow:
    """An Arrow (Feather) file, in the file format or the streaming format."""

    textual = False

    def __init__(self, path: str) -> None:
        self._map = pa.memory_map(path)
        try:
            self.schema = pa.ipc.open_file(self._map).schema
            self._is_stream = False
        except pa.ArrowInvalid:
            self._map.seek(0)
            self.schema = pa.ipc.open_stream(self._map).schema
            self._is_stream = True
        self.columns = list(self.schema.names)

    @property
    def rows(self) -> int | None:
        """The number of rows; a stream does not store it."""
        if self._is_stream:
            return None
        self._map.seek(0)
        return int(pa.ipc.open_file(self._map).count_rows())

    def complete(self) -> None:
        """Do nothing: the schema names all columns."""

    def read(self, selection: Selection) -> Batches:
        """Yield the rows; the batches of the file may be large and are cut without a copy."""
        for batch in sliced(self._batches(selection)):
            converted = batch_without_views(batch)
            yield Rows(converted, converted)

    def close(self) -> None:
        """Close the file."""
        self._map.close()

    def _batches(self, selection: Selection) -> Iterator[Any]:
        names = set(selection.columns)
        fields = [index for index, name in enumerate(self.columns) if name in names]
        options = pa.ipc.IpcReadOptions(included_fields=fields)
        self._map.seek(0)
        if self._is_stream:
            yield from pa.ipc.open_stream(self._map, options=options)
        else:
            file = pa.ipc.open_file(self._map, options=options)
            yield from (file.get_batch(i) for i in range(file.num_record_batches))
