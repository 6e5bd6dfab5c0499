"""Reader of JSON lines."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from lossary.score.faults import data_error
from lossary.score.readers import Batches, Selection, sliced

_BLOCK = 1 << 22

_TYPE = re.compile(
    r"JSON parse error: Column\(/([^/)]*).*\) changed from (\S+) to (\S+) in row (\d+)"
)
_NO_OBJECT = re.compile(r"JSON parse error: Column\(\) changed from object to (\S+) in row (\d+)")
_SYNTAX = re.compile(r"JSON parse error: (.*) in row (\d+)")


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
            if found := _NO_OBJECT.search(text):
                row = rows_before + int(found[2]) + 1
                given = f"an {found[1]}" if found[1] == "array" else f"a {found[1]}"
                problem = f'row {row} must be an object such as {{"column": 1}}, got {given}'
                raise data_error(self._path, problem) from None
            if found := _TYPE.search(text):
                row = rows_before + int(found[4]) + 1
                change = f"from {found[2]} to {found[3]} in row {row}"
                problem = f"column {found[1]!r} changes {change}"
                raise data_error(self._path, problem) from None
            if found := _SYNTAX.search(text):
                row = rows_before + int(found[2]) + 1
                problem = f"row {row} is broken: {found[1].rstrip('.')}"
                raise data_error(self._path, problem) from None
            raise

    def close(self) -> None:
        """Nothing stays open between reads."""


def _widened(kind: Any) -> Any:
    """Return the type to read numbers as: float64 where the first rows hold integers."""
    import pyarrow as pa

    if pa.types.is_list(kind):
        return pa.list_(_widened(kind.value_type))
    plain = pa.types.is_integer(kind) or pa.types.is_null(kind)
    return pa.float64() if plain else kind
