"""Readers of the formats whose columns have types: Parquet and Arrow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from lossary.scoring.source import Batches, Rows, Selection, batch_rows, sliced


class Parquet:
    """A Parquet file."""

    textual = False

    def __init__(self, path: str) -> None:
        import pyarrow.parquet as pq

        # Without pre-buffering, memory stays that of a batch, not of the file's column chunks.
        self._file = pq.ParquetFile(
            path, pre_buffer=False, buffer_size=1 << 20, page_checksum_verification=True
        )
        self.schema = self._file.schema_arrow
        self.rows: int | None = self._file.metadata.num_rows
        self.columns = list(self.schema.names)

    def complete(self) -> None:
        """Nothing is left to learn: the schema names all columns."""

    def read(self, selection: Selection) -> Batches:
        """Yield the rows, reading no other columns than those selected."""
        columns = selection.columns
        for batch in self._file.iter_batches(batch_rows(len(columns)), columns=columns):
            plain = _without_views(batch)
            yield Rows(plain, plain)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class Arrow:
    """An Arrow (Feather) file, in the file format or the streaming one."""

    textual = False

    def __init__(self, path: str) -> None:
        import pyarrow as pa

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
        """How many rows there are; a stream does not say."""
        import pyarrow as pa

        if self._is_stream:
            return None
        self._map.seek(0)
        return int(pa.ipc.open_file(self._map).count_rows())

    def complete(self) -> None:
        """Nothing is left to learn: the schema names all columns."""

    def read(self, selection: Selection) -> Batches:
        """Yield the rows; the file's own batches may be large and are cut without a copy."""
        for batch in sliced(self._batches(selection)):
            plain = _without_views(batch)
            yield Rows(plain, plain)

    def close(self) -> None:
        """Close the file."""
        self._map.close()

    def _batches(self, selection: Selection) -> Iterator[Any]:
        import pyarrow as pa

        chosen = set(selection.columns)
        fields = [place for place, name in enumerate(self.columns) if name in chosen]
        options = pa.ipc.IpcReadOptions(included_fields=fields)
        self._map.seek(0)
        if self._is_stream:
            yield from pa.ipc.open_stream(self._map, options=options)
        else:
            file = pa.ipc.open_file(self._map, options=options)
            yield from (file.get_batch(i) for i in range(file.num_record_batches))


def common_types(schemas: Sequence[Any]) -> dict[str, Any]:
    """Return by name the type that holds the columns of several files: text if nothing else."""
    import pyarrow as pa

    found: dict[str, list[Any]] = {}
    for schema in schemas:
        for field in schema:
            found.setdefault(field.name, []).append(plain_type(field.type))
    return {name: _common_type(kinds, pa.string()) for name, kinds in found.items()}


def _common_type(kinds: list[Any], otherwise: Any) -> Any:
    import pyarrow as pa

    if len(set(kinds)) == 1:
        return kinds[0]
    plain = [kind.value_type if pa.types.is_dictionary(kind) else kind for kind in kinds]
    try:
        fields = [pa.schema([("column", kind)]) for kind in dict.fromkeys(plain)]
        return pa.unify_schemas(fields, promote_options="permissive").field(0).type
    except pa.ArrowTypeError:
        return otherwise


def plain_type(kind: Any) -> Any:
    """Return a type without views, which Polars writes and few of Arrow's functions take."""
    import pyarrow as pa

    if pa.types.is_string_view(kind):
        return pa.large_string()
    if pa.types.is_binary_view(kind):
        return pa.large_binary()
    if pa.types.is_dictionary(kind):
        return pa.dictionary(kind.index_type, plain_type(kind.value_type), kind.ordered)
    if pa.types.is_list(kind):
        return pa.list_(plain_type(kind.value_type))
    if pa.types.is_large_list(kind):
        return pa.large_list(plain_type(kind.value_type))
    if pa.types.is_fixed_size_list(kind):
        return pa.list_(plain_type(kind.value_type), kind.list_size)
    if pa.types.is_struct(kind):
        return pa.struct([(field.name, plain_type(field.type)) for field in kind])
    return kind


def _without_views(batch: Any) -> Any:
    import pyarrow as pa

    kinds = [plain_type(kind) for kind in batch.schema.types]
    if kinds == batch.schema.types:
        return batch
    columns = [_cast(column, kind) for column, kind in zip(batch.columns, kinds, strict=True)]
    return pa.record_batch(columns, names=batch.schema.names)


def _cast(column: Any, kind: Any) -> Any:
    import pyarrow as pa

    if column.type == kind:
        return column
    if pa.types.is_dictionary(kind):
        values = column.dictionary.cast(kind.value_type)
        return pa.DictionaryArray.from_arrays(column.indices, values, ordered=kind.ordered)
    return column.cast(kind)
