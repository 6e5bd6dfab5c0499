"""Rows of SQL queries, of DuckDB and of databases with an ADBC driver."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa

from lossary.errors import LossaryError
from lossary.optional import require
from lossary.scoring.addresses import parsed_query
from lossary.scoring.arrow_types import without_views
from lossary.scoring.errors import data_error, reason
from lossary.scoring.source import BATCH_ROWS, Batches, Rows, Selection, Source, sliced
from lossary.scoring.typed_source import TypedSource, plain_rows

_DATABASE = re.compile(r"(\w[\w+.-]+):")
#: Modules of drivers, by the scheme of a database; others are found by the driver manager.
DRIVERS = {
    "sqlite": "adbc_driver_sqlite",
    "postgresql": "adbc_driver_postgresql",
    "postgres": "adbc_driver_postgresql",
    "grpc": "adbc_driver_flightsql",
    "grpc+tls": "adbc_driver_flightsql",
    "snowflake": "adbc_driver_snowflake",
}


def open_query(address: str) -> Source:
    """Open a query by its address; see :func:`lossary.scoring.query_address`."""
    query, database = parsed_query(address)
    found = _DATABASE.match(database)
    kind = found[1].lower() if found else ""
    with query_errors(address):
        if kind in {"", "duckdb", "md"}:
            return DuckDB(address, query, database.removeprefix("duckdb:"))
        return Adbc(address, query, kind, database)


class DuckDB(TypedSource):
    """A query of DuckDB, to a file of its own or in memory, where it reads other files."""

    def __init__(self, address: str, query: str, database: str) -> None:
        duckdb = require("score", "duckdb")
        self._address = address
        # Tables are those of the database, and never Python's variables.
        settings = {"python_enable_replacements": False}
        is_stored = bool(database) and database != ":memory:"
        self._connection = duckdb.connect(database, read_only=is_stored, config=settings)
        try:
            self._relation = self._connection.sql(query)
            if self._relation is None:
                raise data_error(address, "the query has no result")
            schema = self._relation.limit(0).to_arrow_table().schema
        except BaseException:
            self.close()
            raise
        self.schema = _plain(schema)

    def read(self, selection: Selection, parts: range | None = None) -> Batches:
        """Yield the rows as they are computed, of the columns that are used."""
        names = ", ".join('"{}"'.format(name.replace('"', '""')) for name in selection.columns)
        with query_errors(self._address):
            with self._relation.project(names).to_arrow_reader(BATCH_ROWS) as reader:
                yield from _rows(reader)

    def close(self) -> None:
        """Close the database."""
        self._connection.close()


class Adbc(TypedSource):
    """A query of a database that has an ADBC driver."""

    def __init__(self, address: str, query: str, kind: str, database: str) -> None:
        self._address = address
        self._connection = _connected(kind, database)
        try:
            self._cursor = self._connection.cursor()
            self._cursor.execute(query)
            self._reader = self._cursor.fetch_record_batch()
        except BaseException:
            self.close()
            raise
        self.schema = _plain(self._reader.schema)

    def read(self, selection: Selection, parts: range | None = None) -> Batches:
        """Yield the rows as they arrive; they can be read once."""
        texts = [name for name in selection.numbers if self._is_numeric(name)]
        with query_errors(self._address):
            batches = (batch.select(selection.columns) for batch in self._reader)
            for rows in _rows(batches):
                yield Rows(rows.values, _parsed(rows.values, texts)) if texts else rows

    def _is_numeric(self, name: str) -> bool:
        """Return whether a column holds numbers of any precision, which arrive as text."""
        arrow_type = self._reader.schema.field(name).type
        return isinstance(arrow_type, pa.OpaqueType) and arrow_type.type_name == "numeric"

    def close(self) -> None:
        """Close the connection."""
        if hasattr(self, "_cursor"):
            self._cursor.close()
        self._connection.close()


def _rows(batches: Any) -> Iterator[Rows]:
    for batch in sliced(batches):
        columns = [getattr(column, "storage", column) for column in batch.columns]
        yield plain_rows(pa.record_batch(columns, names=batch.schema.names))


def _parsed(batch: Any, names: Iterable[str]) -> Any:
    """Return a record batch with columns of text as numbers."""
    for name in names:
        index = batch.schema.get_field_index(name)
        batch = batch.set_column(index, name, batch.column(index).cast(pa.float64()))
    return batch


def _plain(schema: Any) -> Any:
    """Return a schema without views, and without what databases add to types of their own."""
    types = [getattr(field.type, "storage_type", field.type) for field in schema]
    return pa.schema(list(zip(schema.names, map(without_views, types), strict=True)))


def _connected(kind: str, database: str) -> Any:
    """Connect to a database by its own driver, or by one that the driver manager finds."""
    if kind == "sqlite":
        path = database.removeprefix("sqlite:").removeprefix("///")
        if not Path(path).is_file():
            raise data_error(database, "no such file")
        database = f"{Path(path).absolute().as_uri()}?mode=ro"
    if module := DRIVERS.get(kind):
        return require("score", f"{module}.dbapi", library=module).connect(database)
    library = "adbc_driver_manager"
    manager = require("score", f"{library}.dbapi", library=library)
    return manager.connect(driver=kind, uri=database)


@contextmanager
def query_errors(address: str) -> Iterator[None]:
    """Turn the errors of databases into one that names the query."""
    try:
        yield
    except (LossaryError, ImportError):
        raise
    except Exception as error:
        raise data_error(address, f"the query failed: {reason(error)}") from None
