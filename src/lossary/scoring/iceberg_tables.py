"""Iceberg tables: the rows of a snapshot, as their library reads them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from typing import Any

import pyarrow as pa

from lossary.errors import LossaryError
from lossary.optional import require
from lossary.scoring.addresses import scheme
from lossary.scoring.arrow_types import batch_without_views
from lossary.scoring.errors import data_error, reason
from lossary.scoring.file_systems import TIMEOUT, s3_settings
from lossary.scoring.source import Batches, Rows, Selection, sliced
from lossary.scoring.typed_source import TypedSource, plain_schema

METADATA = ".metadata.json"
_NAME = re.compile(r"iceberg://([^/]+)/(.+)", re.IGNORECASE)
_SNAPSHOT = re.compile(r"(.+)@(\d+)")
_NUMBER = re.compile(r"v?(\d+)[.-]")


def is_table(name: str) -> bool:
    """Return whether a name is one of a table in a catalog, or of a table's metadata."""
    return scheme(name) == "iceberg" or _parts(name)[0].endswith(METADATA)


def with_snapshot(name: str) -> str:
    """Return the name of a table in a catalog with its snapshot, the latest unless it has one."""
    if _parts(name)[1] is not None or scheme(name) != "iceberg":
        return name
    with _errors(), _opened(name) as table:
        snapshot = table.current_snapshot()
    return name if snapshot is None else f"{name}@{snapshot.snapshot_id}"


def latest_metadata(names: Iterable[str]) -> str | None:
    """Return which file of a table's folder of metadata is the latest; None if there is none."""
    numbers = {
        name: int(found[1])
        for name in names
        if name.endswith(METADATA) and (found := _NUMBER.match(name))
    }
    return max(numbers, key=lambda name: (numbers[name], name), default=None)


class Iceberg(TypedSource):
    """A snapshot of an Iceberg table. Its parts are its data files, if no row was deleted apart."""

    def __init__(self, name: str) -> None:
        with _errors(), ExitStack() as stack:
            self._table = stack.enter_context(_opened(name))
            self._snapshot = _chosen_snapshot(self._table, _parts(name)[1])
            self._tasks = list(self._scan().plan_files())
            schema = _arrow_schema(self._scan().projection())
            self._stack = stack.pop_all()
        self.schema = plain_schema(schema)

    @property
    def part_rows(self) -> list[int] | None:
        """The numbers of rows of the data files; None where other files delete rows of them."""
        if any(task.delete_files for task in self._tasks):
            return None
        return [task.file.record_count for task in self._tasks]

    def read(self, selection: Selection, parts: range | None = None) -> Batches:
        """Yield the rows, of all data files or some, one file after another."""
        schema = pa.schema([self.schema.field(name) for name in selection.columns])
        tasks = self._tasks if parts is None else self._tasks[parts.start : parts.stop]
        for batch in sliced(self._batches(schema.names, tasks)):
            converted = batch_without_views(batch).select(schema.names).cast(schema)
            yield Rows(converted, converted)

    def close(self) -> None:
        """Close the catalog; data files are open during a read only."""
        self._stack.close()

    def _scan(self, names: Iterable[str] = ("*",)) -> Any:
        return self._table.scan(selected_fields=tuple(names), snapshot_id=self._snapshot)

    def _batches(self, names: Iterable[str], tasks: Iterable[Any]) -> Iterator[Any]:
        arrow = require("score", "pyiceberg.io.pyarrow", library="pyiceberg")
        every = require("score", "pyiceberg.expressions", library="pyiceberg").AlwaysTrue()
        table = self._table
        with _errors():
            scan = arrow.ArrowScan(table.metadata, table.io, self._scan(names).projection(), every)
            for task in tasks:
                yield from scan.to_record_batches([task])


def _parts(name: str) -> tuple[str, int | None]:
    """Return a name without its snapshot, and the snapshot."""
    found = _SNAPSHOT.fullmatch(name)
    return (found[1], int(found[2])) if found else (name, None)


@contextmanager
def _opened(name: str) -> Iterator[Any]:
    """Open a table of a catalog, or one by its metadata."""
    place, _ = _parts(name)
    if found := _NAME.fullmatch(place):
        catalogs = require("score", "pyiceberg.catalog", library="pyiceberg")
        with closing(catalogs.load_catalog(found[1])) as catalog:
            yield catalog.load_table(found[2].replace("/", "."))
        return
    if scheme(place) == "iceberg":
        raise data_error(name, "is not the name of a table", "Write iceberg://CATALOG/TABLE.")
    tables = require("score", "pyiceberg.table", library="pyiceberg")
    yield tables.StaticTable.from_metadata(place, properties=_properties())


def _chosen_snapshot(table: Any, number: int | None) -> int | None:
    """Return a snapshot that is not the latest one, whose columns have their latest names."""
    latest = table.current_snapshot()
    return None if latest is not None and latest.snapshot_id == number else number


def _properties() -> dict[str, str]:
    """Return how to reach an object store; credentials are found in the environment."""
    endpoint, region, _ = s3_settings()
    region = region or ("us-east-1" if endpoint else None)  # which another server does not look at
    properties = {"s3.connect-timeout": str(TIMEOUT), "s3.request-timeout": str(TIMEOUT)}
    if endpoint is not None:
        properties["s3.endpoint"] = endpoint
    if region is not None:
        properties["s3.region"] = region
    return properties


def _arrow_schema(schema: Any) -> Any:
    return require("score", "pyiceberg.io.pyarrow", library="pyiceberg").schema_to_pyarrow(
        schema, include_field_ids=False
    )


@contextmanager
def _errors() -> Iterator[None]:
    """Turn the library's errors, and those of its catalogs, into one kind."""
    try:
        yield
    except (ImportError, LossaryError):
        raise
    except Exception as error:
        raise OSError(reason(error)) from None
