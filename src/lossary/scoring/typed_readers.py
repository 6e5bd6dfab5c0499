"""Readers of what has types of columns: Parquet, Arrow and tables in memory."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from typing import Any

import pyarrow as pa

from lossary.bounded_cache import BoundedCache
from lossary.scoring.addresses import is_address
from lossary.scoring.arrow_types import is_text
from lossary.scoring.file_systems import open_file
from lossary.scoring.source import Batches, Selection, batch_rows, sliced
from lossary.scoring.typed_source import TypedSource, plain_rows, plain_rows_of

# The metadata of the files read last. To read those of 1,000 row groups of 100 columns takes 0.1 s,
# which is as long as to score six pieces.
_METADATA = BoundedCache(8)


class Parquet(TypedSource):
    """A Parquet file."""

    def __init__(self, path: str) -> None:
        import pyarrow.parquet as pq

        self._handle = open_file(path)
        # Pre-buffering gets the column chunks of row groups by few requests. Without it, memory
        # holds a batch, not the column chunks of the whole file.
        self._is_remote = is_address(path)
        self._open = partial(
            pq.ParquetFile,
            self._handle,
            pre_buffer=self._is_remote,
            buffer_size=1 << 20,
            page_checksum_verification=True,
        )
        try:
            self._file = self._opened()
        except BaseException:
            self._handle.close()
            raise
        self.schema = self._file.schema_arrow

    def _opened(self) -> Any:
        """Open the file, with its metadata where they are known from another piece."""
        if self._is_remote:
            return self._open()
        stat = os.fstat(self._handle.fileno())
        key = stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns
        known = _METADATA.find(key)
        file = self._open(metadata=known)
        if known is None:
            _METADATA.keep(key, file.metadata)
        return file

    @property
    def part_rows(self) -> list[int] | None:
        """The numbers of rows of the row groups."""
        metadata = self._file.metadata
        return [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)]

    def read(self, selection: Selection, parts: range | None = None) -> Batches:
        """Yield the rows, of all row groups or some, reading no columns but those selected."""
        columns = selection.columns
        size = batch_rows(len(columns))
        rows = plain_rows_of(self.schema)
        file = self._with_dictionaries(selection)
        for groups in self._read_together(parts):
            # Without Arrow's own threads: pieces are read in parallel.
            for batch in file.iter_batches(
                size, row_groups=groups, columns=columns, use_threads=False
            ):
                yield rows(batch)

    def _read_together(self, parts: range | None) -> list[list[int]]:
        """Return the row groups by the calls that read them.

        Memory holds the column chunks of a call where the file is remote: no more than a piece.
        """
        every = [*(range(self._file.num_row_groups) if parts is None else parts)]
        return [[group] for group in every] if parts is None and self._is_remote else [every]

    def _with_dictionaries(self, selection: Selection) -> Any:
        """Return the file, with text that groups the rows as the dictionaries that are stored."""
        names = [
            name
            for name in selection.groups
            if name not in selection.numbers and is_text(self.schema.field(name).type)
        ]
        if not names:
            return self._file
        return self._open(metadata=self._file.metadata, read_dictionary=names)

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        self._handle.close()


class Arrow(TypedSource):
    """An Arrow (Feather) file, in the file format or the streaming format."""

    def __init__(self, path: str) -> None:
        self._is_remote = is_address(path)
        self._handle = open_file(path) if self._is_remote else pa.memory_map(path)
        try:
            self.schema = pa.ipc.open_file(self._handle).schema
            self._is_stream = False
        except pa.ArrowInvalid:
            self._handle.seek(0)
            self.schema = pa.ipc.open_stream(self._handle).schema
            self._is_stream = True

    @property
    def rows(self) -> int | None:
        """The number of rows; a stream does not store it."""
        if self._is_stream:
            return None
        self._handle.seek(0)
        return int(pa.ipc.open_file(self._handle).count_rows())

    @property
    def part_rows(self) -> list[int] | None:
        """The numbers of rows of the record batches; None where one would have to read them."""
        if self._is_stream or self._is_remote:
            return None
        self._handle.seek(0)
        options = pa.ipc.IpcReadOptions(included_fields=[0] if self.columns else [])
        file = pa.ipc.open_file(self._handle, options=options)
        return [file.get_batch(i).num_rows for i in range(file.num_record_batches)]

    def read(self, selection: Selection, parts: range | None = None) -> Batches:
        """Yield the rows; the batches of the file may be large and are cut without a copy."""
        for batch in sliced(self._batches(selection, parts)):
            yield plain_rows(batch)

    def close(self) -> None:
        """Close the file."""
        self._handle.close()

    def _batches(self, selection: Selection, parts: range | None) -> Iterator[Any]:
        names = set(selection.columns)
        fields = [index for index, name in enumerate(self.columns) if name in names]
        options = pa.ipc.IpcReadOptions(included_fields=fields)
        self._handle.seek(0)
        if self._is_stream:
            yield from pa.ipc.open_stream(self._handle, options=options)
        else:
            file = pa.ipc.open_file(self._handle, options=options)
            every = range(file.num_record_batches)
            yield from (file.get_batch(i) for i in (every if parts is None else parts))


class Memory(TypedSource):
    """A table in memory."""

    def __init__(self, table: Any) -> None:
        self._table = table
        self.schema = table.schema

    @property
    def rows(self) -> int:
        """The number of rows."""
        return int(self._table.num_rows)

    def read(self, selection: Selection, parts: range | None = None) -> Batches:
        """Yield the rows, cut at the same places whatever the chunks of the table are."""
        for batch in sliced(self._table.select(selection.columns).combine_chunks().to_batches()):
            yield plain_rows(batch)
