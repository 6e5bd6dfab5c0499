"""Delta tables: the data files of a version, without the rows that its log deletes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from lossary.optional import require
from lossary.scoring.addresses import is_address
from lossary.scoring.arrow_types import batch_without_views
from lossary.scoring.file_systems import ATTEMPTS, TIMEOUT, s3_settings
from lossary.scoring.source import Batches, Rows, Selection, sliced
from lossary.scoring.typed_readers import Parquet
from lossary.scoring.typed_source import TypedSource, plain_schema

_VERSION = re.compile(r"(.+)@v(\d+)")
_DECORATION = re.compile(r"\x1b\[[\d;]*m|^[\s\u21b3]+", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class DataFile:
    """A Parquet file of a table.

    Attributes
    ----------
    path : str
        The file.
    rows : int, optional
        The number of its rows, where the log has it.
    partition : mapping
        The values of the columns that the file does not have, by column.
    kept : pyarrow.BooleanArray, optional
        Which rows were not deleted, at least up to the last that was; None if none was.
    """

    path: str
    rows: int | None
    partition: dict[str, Any]
    kept: Any = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A version of a table: the types of its columns and its files.

    ``files`` is None for a table whose files have other names for its columns.
    """

    table: Any
    schema: Any
    files: list[DataFile] | None


def versioned(path: str) -> tuple[str, int | None]:
    """Return the folder and the version of a name such as ``tables/scores@v12``."""
    found = _VERSION.fullmatch(path)
    return (found[1], int(found[2])) if found else (path, None)


def with_version(path: str) -> str:
    """Return the name of a table with its version, which is the latest unless the name has one."""
    folder, version = versioned(path)
    if version is not None:
        return path
    return f"{folder.rstrip('/')}@v{_opened(folder, None).version()}"


class Delta(TypedSource):
    """A version of a Delta table. Its parts are its data files, in the order they were written."""

    def __init__(self, path: str) -> None:
        self._snapshot = _snapshot(path)
        self.schema = self._snapshot.schema

    @property
    def part_rows(self) -> list[int] | None:
        """The numbers of rows of the data files."""
        files = self._snapshot.files
        return None if files is None else [_count(file) for file in files]

    def read(self, selection: Selection, parts: range | None = None) -> Batches:
        """Yield the rows, of all data files or some."""
        schema = pa.schema([self.schema.field(name) for name in selection.columns])
        files = self._snapshot.files
        if files is None:
            batches = _scanned(self._snapshot.table, schema)
        else:
            chosen = files if parts is None else files[parts.start : parts.stop]
            batches = (batch for file in chosen for batch in _read(file, schema))
        for batch in batches:
            yield Rows(batch, batch)


def _read(file: DataFile, schema: Any) -> Iterator[Any]:
    """Yield the rows of a data file that were not deleted, with the columns of the table."""
    with closing(Parquet(file.path)) as source:
        known = source.columns
        own = [name for name in schema.names if name in known]
        first = 0
        for rows in source.read(Selection(own or known[:1], ())):
            size = rows.values.num_rows
            columns = [_column(rows.values, field, file) for field in schema]
            batch = pa.record_batch(columns, schema=schema)
            yield batch if file.kept is None else batch.filter(_part(file.kept, first, size))
            first += size


def _part(kept: Any, first: int, size: int) -> Any:
    """Return which of some rows are kept: all of those behind the end of the mask."""
    mask = kept.slice(first, size)
    return pa.concat_arrays([mask, pa.repeat(pa.scalar(True), size - len(mask))])


def _column(batch: Any, field: Any, file: DataFile) -> Any:
    """Return a column of the table: of the file, of its partition, or of missing values."""
    if field.name in batch.schema.names:
        column = batch.column(field.name)
        return column if column.type == field.type else column.cast(field.type)
    value = pa.scalar(file.partition.get(field.name)).cast(field.type)
    return pa.repeat(value, batch.num_rows)


def _count(file: DataFile) -> int:
    """Return the number of rows that were not deleted."""
    if file.rows is None:
        with closing(Parquet(file.path)) as source:
            rows = source.rows or 0
    else:
        rows = file.rows
    return rows if file.kept is None else rows - int(file.kept.false_count)


def _scanned(table: Any, schema: Any) -> Iterator[Any]:
    """Yield rows as the library reads them."""
    with _errors():
        for batch in sliced(pa.RecordBatchReader.from_stream(table.scan(columns=schema.names))):
            yield batch_without_views(batch)


# --- the log ----------------------------------------------------------------------------------
def _snapshot(path: str) -> Snapshot:
    """Return what the log says of a version."""
    table = _opened(*versioned(path))
    with _errors():
        schema = plain_schema(pa.schema(table.schema()))
        mode = table.metadata().configuration.get("delta.columnMapping.mode", "none")
        return Snapshot(table, schema, _data_files(table) if mode == "none" else None)


def _data_files(table: Any) -> list[DataFile]:
    """Return the data files in the order they were written."""
    kept = _kept_rows(table)
    actions = pa.table(table.get_add_actions(flatten=True)).to_pylist()
    files = []
    for path, action in zip(table.file_uris(), actions, strict=True):
        prefix = "partition."
        partition = {
            name.removeprefix(prefix): value
            for name, value in action.items()
            if name.startswith(prefix)
        }
        file = DataFile(path, action.get("num_records"), partition, kept.get(_place(path)))
        files.append((action["modification_time"], file))
    return [file for _, file in sorted(files, key=lambda item: (item[0], item[1].path))]


def _kept_rows(table: Any) -> dict[str, Any]:
    """Return which rows of files were not deleted, by the place of the file."""
    vectors = pa.RecordBatchReader.from_stream(table.deletion_vectors())
    return {
        _place(path.as_py()): mask.values
        for batch in vectors
        for path, mask in zip(batch["filepath"], batch["selection_vector"], strict=True)
    }


def _place(path: str) -> str:
    """Return a path without what differs between the two ways in which the library writes it."""
    return path.removeprefix("file://")


def _opened(folder: str, version: int | None) -> Any:
    deltalake = require("score", "deltalake")
    with _errors():
        return deltalake.DeltaTable(folder, version=version, storage_options=_options(folder))


def _options(folder: str) -> dict[str, str] | None:
    """Return how to reach an object store; credentials are found in the environment."""
    if not is_address(folder):
        return None
    options = {"timeout": f"{TIMEOUT:g}s", "max_retries": str(ATTEMPTS - 1)}
    endpoint = s3_settings()[0]
    if folder.startswith("s3") and endpoint is not None:
        options["aws_endpoint"] = endpoint
        options["allow_http"] = "true" if endpoint.startswith("http:") else "false"
    return options


@contextmanager
def _errors() -> Iterator[None]:
    """Turn the library's errors, of several decorated lines, into one that says the cause."""
    deltalake = require("score", "deltalake")
    try:
        yield
    except (deltalake.exceptions.DeltaError, OSError, ValueError) as error:
        lines = [_DECORATION.sub("", line).strip() for line in str(error).splitlines()]
        lines = [line for line in lines if line] or [type(error).__name__]
        text = lines[0] if len(lines) == 1 else f"{lines[0]}: {lines[-1]}"
        raise OSError(text) from None
