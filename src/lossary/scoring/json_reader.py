"""Reader of JSON lines."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any

import pyarrow as pa
from pyarrow import json as arrow_json

from lossary.scoring.blocks import Blocks, last_line_end
from lossary.scoring.errors import DataError, data_error, reason
from lossary.scoring.json_objects import Objects, WrittenNumber, parse_objects
from lossary.scoring.source import Batches, Rows, Selection, batch_rows

# Arrow reports column and row in the text of its errors only.
_CHANGED_TYPE = re.compile(
    r"JSON parse error: Column\(/([^/)]*).*\) changed from (\S+) to (\S+) in row (\d+)"
)
_OTHER_ERROR = re.compile(r"JSON parse error: (.*) in row (\d+)")


class JsonLines:
    """A file of JSON objects, one per line.

    Arrow parses the numbers to compute with. Values that are copied, grouped, compared or shown
    are text: the content of a string, and any other value as it is written. Columns that are not
    used may hold anything.
    """

    textual = False
    rows: int | None = None
    schema = None
    part_rows: list[int] | None = None

    def __init__(self, path: str) -> None:
        self._path = path
        # By column, the Arrow type to compute with: that of its first value, None without one.
        self._types: dict[str, Any] = {}
        with closing(Blocks(path)) as blocks:
            if block := next(_blocks(blocks), b""):
                self._add_types(parse_objects(path, block, 0))

    @property
    def columns(self) -> list[str]:
        """The names that were read so far."""
        return list(self._types)

    def complete(self) -> None:
        """Read the names of the whole file."""
        rows_before = 0
        with closing(Blocks(self._path)) as blocks:
            for block in _blocks(blocks):
                objects = parse_objects(self._path, block, rows_before)
                self._add_types(objects)
                rows_before += len(objects.values)

    def read(self, selection: Selection, parts: range | None = None) -> Batches:
        """Yield the rows."""
        rows_before = 0
        with closing(Blocks(self._path)) as blocks:
            for block in _blocks(blocks):
                numbers = self._numbers(block, selection.numbers, rows_before)
                values = numbers
                if selection.values:
                    values = self._values(block, selection.values, rows_before)
                rows_before += numbers.num_rows
                blocks.fit(block, numbers.num_rows, len(selection.columns))
                size = batch_rows(values.num_columns + numbers.num_columns)
                for start in range(0, numbers.num_rows, size):
                    yield Rows(values.slice(start, size), numbers.slice(start, size))

    def close(self) -> None:
        """Do nothing: the file is open during a read only."""

    # --- a block ------------------------------------------------------------------------------
    def _numbers(self, block: bytes, names: Sequence[str], rows_before: int) -> Any:
        """Return columns to compute with."""
        if any(self._types[name] is None for name in names):
            self._add_types(parse_objects(self._path, block, rows_before))
        schema = pa.schema([(name, self._types[name] or pa.float64()) for name in names])
        try:
            return _parse_columns(block, schema)
        except pa.ArrowInvalid:
            # Of invalid JSON this raises a better error. Valid JSON is parsed again without the
            # columns that are not used, because Arrow rejects values in those too.
            objects = parse_objects(self._path, block, rows_before)
        try:
            return _parse_columns(objects.selected(names), schema)
        except pa.ArrowInvalid as error:
            raise self._error(error, rows_before) from None

    def _error(self, error: Exception, rows_before: int) -> DataError:
        """Return the error with the row counted from the start of the file."""
        text = reason(error)
        if found := _CHANGED_TYPE.search(text):
            change = f"from {found[2]} to {found[3]} in row {rows_before + int(found[4]) + 1}"
            return data_error(self._path, f"column {found[1]!r} changes {change}")
        if found := _OTHER_ERROR.search(text):
            row = rows_before + int(found[2]) + 1
            return data_error(self._path, f"row {row} is broken: {found[1].rstrip('.')}")
        return data_error(self._path, f"the file cannot be read: {text}")

    def _add_types(self, objects: Objects) -> None:
        """Add columns, and the types of those whose first value is here."""
        types = self._types
        for row in objects.values:
            for name, value in row.items():
                if types.get(name) is None:
                    types[name] = None if value is None else _arrow_type(value)

    def _values(self, block: bytes, names: Sequence[str], rows_before: int) -> Any:
        """Return columns as text."""
        if all(self._types[name] == pa.string() for name in names):
            try:  # Arrow is faster, and can parse columns that hold strings only.
                return _parse_columns(block, pa.schema([(name, pa.string()) for name in names]))
            except pa.ArrowInvalid:
                pass
        objects = parse_objects(self._path, block, rows_before)
        columns = [self._text_column(objects, name) for name in names]
        return pa.record_batch(columns, names=list(names))

    def _text_column(self, objects: Objects, name: str) -> Any:
        values = [objects.written_text(index, name) for index in range(len(objects.values))]
        try:
            return pa.array(values, pa.string())
        except UnicodeEncodeError as error:
            row = objects.rows_before + values.index(error.object) + 1
            problem = f"column {name!r} must hold text, got half a surrogate pair in row {row}"
            raise data_error(self._path, problem) from None


def _blocks(blocks: Blocks) -> Iterator[bytes]:
    """Yield the blocks that are not blank."""
    while block := blocks.next(last_line_end):
        if block.strip():
            yield block


def _parse_columns(block: bytes, schema: Any) -> Any:
    """Parse the columns of a schema with Arrow."""
    table = arrow_json.read_json(
        io.BytesIO(block),
        # One thread and one block, so that errors have the number of the row.
        arrow_json.ReadOptions(use_threads=False, block_size=len(block) + 1),
        arrow_json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore"),
    )
    return table.combine_chunks().to_batches()[0]


def _arrow_type(value: Any) -> Any:
    """Return the Arrow type of a column of numbers whose first value this is."""
    match value:
        case bool():
            return pa.bool_()
        case WrittenNumber():
            return pa.float64()
        case str():
            return pa.string()
        case list():
            inside = next((item for item in value if item is not None), None)
            return pa.list_(pa.float64() if inside is None else _arrow_type(inside))
        case _:
            return pa.struct([])
