"""Reader of JSON lines."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from lossary.scoring.blocks import Blocks, last_line_end
from lossary.scoring.faults import DataError, data_error
from lossary.scoring.source import Batches, Rows, Selection, batch_rows

_TYPE = re.compile(
    r"JSON parse error: Column\(/([^/)]*).*\) changed from (\S+) to (\S+) in row (\d+)"
)
_OTHER = re.compile(r"JSON parse error: (.*) in row (\d+)")


class _Number(str):
    """A number as it is written."""

    __slots__ = ()


_DECODER = json.JSONDecoder(parse_int=_Number, parse_float=_Number, parse_constant=_Number)
_SPACE = re.compile(r"[ \t\r\n]*").match


@dataclass(frozen=True, slots=True)
class _Objects:
    """The objects of a block, where they start in its text, and how many came before it."""

    text: str
    starts: list[int]
    rows: list[dict[str, Any]]
    before: int


class JsonLines:
    """A file of JSON objects, one a line.

    Numbers to compute with are parsed by Arrow. What is copied, grouped, compared or shown is text:
    that of a string, and anything else as it is written. Other columns may hold anything.
    """

    textual = False
    rows: int | None = None
    schema = None

    def __init__(self, path: str) -> None:
        self._path = path
        # By column: the Arrow type to compute with; None as long as there is no value.
        self._kinds: dict[str, Any] = {}
        with closing(Blocks(path)) as blocks:
            if block := _next(blocks):
                self._learn(self._objects(block, 0))

    @property
    def columns(self) -> list[str]:
        """The names that were met."""
        return list(self._kinds)

    def complete(self) -> None:
        """Meet all names, also those that the first block does not have."""
        before = 0
        with closing(Blocks(self._path)) as blocks:
            while block := _next(blocks):
                objects = self._objects(block, before)
                self._learn(objects)
                before += len(objects.rows)

    def read(self, selection: Selection) -> Batches:
        """Yield the rows."""
        before = 0
        with closing(Blocks(self._path)) as blocks:
            while block := _next(blocks):
                numbers = self._numbers(block, selection.numbers, before)
                values = numbers
                if selection.values:
                    values = self._values(block, selection.values, before)
                before += numbers.num_rows
                blocks.fit(block, numbers.num_rows, len(selection.columns))
                size = batch_rows(values.num_columns + numbers.num_columns)
                for start in range(0, numbers.num_rows, size):
                    yield Rows(values.slice(start, size), numbers.slice(start, size))

    def close(self) -> None:
        """Nothing stays open between reads."""

    # --- a block ------------------------------------------------------------------------------
    def _numbers(self, block: bytes, names: Sequence[str], before: int) -> Any:
        """Return columns to compute with."""
        import pyarrow as pa

        if any(self._kinds[name] is None for name in names):
            self._learn(self._objects(block, before))
        schema = pa.schema([(name, self._kinds[name] or pa.float64()) for name in names])
        try:
            return _by_arrow(block, schema)
        except pa.ArrowInvalid:
            objects = self._objects(block, before)  # tells more of what is no JSON
        try:
            return _by_arrow(_reduced(objects, names), schema)
        except pa.ArrowInvalid as error:
            raise self._error(error, before) from None

    def _error(self, error: Exception, before: int) -> DataError:
        """Return the error with the row counted from the start of the file."""
        text = str(error).splitlines()[0]
        if found := _TYPE.search(text):
            change = f"from {found[2]} to {found[3]} in row {before + int(found[4]) + 1}"
            return data_error(self._path, f"column {found[1]!r} changes {change}")
        if found := _OTHER.search(text):
            row = before + int(found[2]) + 1
            return data_error(self._path, f"row {row} is broken: {found[1].rstrip('.')}")
        return data_error(self._path, f"the file cannot be read: {text}")

    def _objects(self, block: bytes, before: int) -> _Objects:
        """Parse a block, numbers as they are written."""
        objects = _Objects(block.decode(), [], [], before)
        place = _after_space(objects.text, 0)
        while place < len(objects.text):
            row = before + len(objects.rows) + 1
            try:
                value, end = _DECODER.raw_decode(objects.text, place)
            except json.JSONDecodeError as error:
                problem = error.msg[:1].lower() + error.msg[1:]
                raise data_error(self._path, f"row {row} is broken: {problem}") from None
            except RecursionError:
                raise data_error(self._path, f"row {row} is nested too deeply") from None
            if not isinstance(value, dict):
                problem = f'row {row} must be an object such as {{"column": 1}}'
                raise data_error(self._path, f"{problem}, got {_in_words(value)}")
            objects.starts.append(place)
            objects.rows.append(value)
            place = _after_space(objects.text, end)
        return objects

    def _learn(self, objects: _Objects) -> None:
        """Learn columns, and their types from the first value of each."""
        kinds = self._kinds
        for row in objects.rows:
            for name, value in row.items():
                if kinds.get(name) is None:
                    kinds[name] = None if value is None else _kind(value)

    def _values(self, block: bytes, names: Sequence[str], before: int) -> Any:
        """Return columns as text; where they hold strings alone, Arrow is faster."""
        import pyarrow as pa

        if all(self._kinds[name] == pa.string() for name in names):
            try:
                return _by_arrow(block, pa.schema([(name, pa.string()) for name in names]))
            except pa.ArrowInvalid:
                pass
        objects = self._objects(block, before)
        columns = [self._text(objects, name) for name in names]
        return pa.record_batch(columns, names=list(names))

    def _text(self, objects: _Objects, name: str) -> Any:
        import pyarrow as pa

        values = [row.get(name) for row in objects.rows]
        try:
            if not all(value is None or isinstance(value, str) for value in values):
                values = [_written(objects, place, name) for place in range(len(values))]
            return pa.array(values, pa.string())
        except UnicodeEncodeError as error:
            row = objects.before + values.index(error.object) + 1
            problem = f"column {name!r} must hold text, got half a surrogate pair in row {row}"
            raise data_error(self._path, problem) from None


def _next(blocks: Blocks) -> bytes:
    """Return the next block that is not blank; empty at the end."""
    while (block := blocks.next(last_line_end)) and not block.strip():
        pass
    return block


def _after_space(text: str, place: int) -> int:
    found = _SPACE(text, place)
    return found.end() if found else place


def _by_arrow(block: bytes, schema: Any) -> Any:
    """Parse the columns of a schema."""
    from pyarrow import json as arrow_json

    table = arrow_json.read_json(
        io.BytesIO(block),
        # One thread and one block, so that errors tell the row.
        arrow_json.ReadOptions(use_threads=False, block_size=len(block) + 1),
        arrow_json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore"),
    )
    return table.combine_chunks().to_batches()[0]


def _reduced(objects: _Objects, names: Sequence[str]) -> bytes:
    """Return JSON lines of some columns alone: Arrow is strict about the others too."""
    lines = []
    for place in range(len(objects.rows)):
        found = {name: _raw(objects, place, name) for name in names}
        members = [f"{json.dumps(name)}: {raw}" for name, raw in found.items() if raw]
        lines.append("{" + ", ".join(members) + "}\n")
    return "".join(lines).encode()


def _written(objects: _Objects, place: int, name: str) -> str | None:
    """Return a value of an object: the text of a string, anything else as it is written."""
    value = objects.rows[place].get(name)
    return value if value is None or isinstance(value, str) else _raw(objects, place, name)


def _raw(objects: _Objects, place: int, name: str) -> str:
    """Return the JSON of a value of an object; empty if it has none of that name."""
    text, found = objects.text, ""
    place = _after_space(text, objects.starts[place] + 1)
    while text[place] != "}":
        if text[place] == ",":
            place = _after_space(text, place + 1)
        key, end = _DECODER.raw_decode(text, place)
        start = _after_space(text, _after_space(text, end) + 1)
        _, end = _DECODER.raw_decode(text, start)
        if key == name:
            found = text[start:end]
        place = _after_space(text, end)
    return found


def _kind(value: Any) -> Any:
    """Return the Arrow type to compute with of a column that holds a value."""
    import pyarrow as pa

    match value:
        case bool():
            return pa.bool_()
        case _Number():
            return pa.float64()
        case str():
            return pa.string()
        case list():
            inside = next((item for item in value if item is not None), None)
            return pa.list_(pa.float64() if inside is None else _kind(inside))
        case _:
            return pa.struct([])


def _in_words(value: Any) -> str:
    """Return what kind of JSON a value is."""
    match value:
        case list():
            return "an array"
        case bool():
            return "a boolean"
        case _Number():
            return "a number"
        case str():
            return "a string"
        case _:
            return "null"
