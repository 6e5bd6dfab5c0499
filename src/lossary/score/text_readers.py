"""Readers of formats without types: CSV and JSON lines."""

from __future__ import annotations

import csv
import io
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from lossary.score.faults import DataError, data_error
from lossary.score.readers import STDIN, Batches, Selection, sliced

_BLOCK = 1 << 22

# "nan" is not among them: it is a number, and a loss of it is one too.
_NULLS = ["", "NA", "N/A", "#N/A", "null", "NULL", "None"]

_CSV_VALUE = re.compile(
    r"In CSV column #(\d+): Row #(\d+): CSV conversion error to (\S+): invalid value '(.*)'"
)
_CSV_SHAPE = re.compile(r"CSV parse error: Row #(\d+): (Expected .* columns, got \d+)")
_JSON_TYPE = re.compile(
    r"JSON parse error: Column\(/([^/)]*).*\) changed from (\S+) to (\S+) in row (\d+)"
)
_JSON_SYNTAX = re.compile(r"JSON parse error: (.*) in row (\d+)")


class Csv:
    """A CSV file with a header, compressed or not, or standard input."""

    textual = True

    def __init__(self, path: str, delimiter: str) -> None:
        import pyarrow as pa

        self._path = path
        self._delimiter = delimiter
        raw: Any = sys.stdin.buffer
        if path != STDIN:
            raw = pa.input_stream(path, compression="detect")
        self._stream = io.BufferedReader(raw, _BLOCK)
        self.columns = self._header()

    def _header(self) -> list[str]:
        """Read the first line; quoted names may go over several."""
        text = self._stream.readline().decode("utf-8-sig")
        if not text.strip():
            raise data_error(self._path, "the file must begin with a line of column names")
        while text.count('"') % 2 and (line := self._stream.readline()):
            text += line.decode()
        return next(csv.reader(io.StringIO(text), delimiter=self._delimiter))

    def read(self, selection: Selection) -> Batches:
        """Yield the rows. One thread, so that errors tell the row."""
        import pyarrow as pa
        from pyarrow import csv as arrow_csv

        if not self._stream.peek(1):
            return
        label = pa.dictionary(pa.int32(), pa.string())
        types = dict.fromkeys(selection.labels, label)
        types |= dict.fromkeys(selection.numbers - selection.labels, pa.float64())
        with self._errors():
            yield from arrow_csv.open_csv(
                self._stream,
                read_options=arrow_csv.ReadOptions(
                    column_names=self.columns, use_threads=False, block_size=_BLOCK
                ),
                parse_options=arrow_csv.ParseOptions(
                    delimiter=self._delimiter, newlines_in_values=True
                ),
                convert_options=arrow_csv.ConvertOptions(
                    include_columns=list(selection.columns),
                    column_types=types,
                    null_values=_NULLS,
                    strings_can_be_null=True,
                    quoted_strings_can_be_null=False,
                ),
            )

    @contextmanager
    def _errors(self) -> Iterator[None]:
        import pyarrow as pa

        try:
            yield
        except pa.ArrowInvalid as error:
            text = str(error)
            if found := _CSV_VALUE.search(text):
                name, value = self.columns[int(found[1])], found[4]
                raise _wrong(self._path, name, found[3], value, found[2]) from None
            if found := _CSV_SHAPE.search(text):
                problem = f"row {found[1]} is broken: {found[2].lower()}"
                raise data_error(self._path, problem) from None
            raise

    def close(self) -> None:
        """Close the file; standard input stays open."""
        if self._path == STDIN:
            self._stream.detach()
        else:
            self._stream.close()


class JsonLines:
    """A file of JSON objects, one a line."""

    textual = False

    def __init__(self, path: str) -> None:
        self._path = path
        with self._errors(0), self._open() as reader:
            self._schema = reader.schema
        self.columns = list(self._schema.names)

    def read(self, selection: Selection) -> Batches:
        """Yield the rows. Columns and types are those of the first block; numbers are float64."""
        import pyarrow as pa

        fields = [
            field.with_type(_widened(field.type)) if field.name in selection.numbers else field
            for field in (self._schema.field(name) for name in selection.columns)
        ]
        rows = 0
        with self._errors(rows):
            reader = self._open(
                explicit_schema=pa.schema(fields), unexpected_field_behavior="ignore"
            )
        with reader:
            while True:
                with self._errors(rows):
                    batch = next(reader, None)
                if batch is None:
                    return
                rows += batch.num_rows
                yield from sliced([batch])

    def _open(self, **options: Any) -> Any:
        from pyarrow import json

        return json.open_json(
            self._path,
            read_options=json.ReadOptions(block_size=_BLOCK, use_threads=False),
            parse_options=json.ParseOptions(**options),
        )

    @contextmanager
    def _errors(self, rows_before: int) -> Iterator[None]:
        """Count rows from the start of the file where Arrow counts from that of the block."""
        import pyarrow as pa

        try:
            yield
        except pa.ArrowInvalid as error:
            text = str(error).splitlines()[0]
            if "Empty JSON" in text:
                raise data_error(self._path, "there are no rows") from None
            if found := _JSON_TYPE.search(text):
                row = rows_before + int(found[4]) + 1
                change = f"from {found[2]} to {found[3]} in row {row}"
                problem = f"column {found[1]!r} changes {change}"
                raise data_error(self._path, problem) from None
            if found := _JSON_SYNTAX.search(text):
                row = rows_before + int(found[2]) + 1
                problem = f"row {row} is broken: {found[1]}"
                raise data_error(self._path, problem) from None
            raise

    def close(self) -> None:
        """Nothing stays open between reads."""


def _wrong(path: str, name: str, kind: str, value: str, row: str) -> DataError:
    got = f"got {value!r} in row {row}"
    if kind == "double":
        return data_error(path, f"column {name!r} must hold numbers, {got}")
    problem = f"column {name!r} holds values of type {kind} in its first rows, {got}"
    return data_error(path, problem, "In a Parquet file the column has one type.")


def _widened(kind: Any) -> Any:
    """Return the type to read numbers as: float64 where the first rows hold integers."""
    import pyarrow as pa

    if pa.types.is_list(kind):
        return pa.list_(_widened(kind.value_type))
    plain = pa.types.is_integer(kind) or pa.types.is_null(kind)
    return pa.float64() if plain else kind
