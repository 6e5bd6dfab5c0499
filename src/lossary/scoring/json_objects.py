"""The JSON objects of a block of text, with numbers and nested values as they are written."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lossary.scoring.errors import data_error


class WrittenNumber(str):
    """A number as it is written."""

    __slots__ = ()


_DECODER = json.JSONDecoder(
    parse_int=WrittenNumber, parse_float=WrittenNumber, parse_constant=WrittenNumber
)
_SPACE = re.compile(r"[ \t\r\n]*").match


@dataclass(frozen=True, slots=True)
class Objects:
    """The objects of a block.

    Attributes
    ----------
    text : str
        The text of the block.
    starts : list of int
        Where the objects start in the text.
    values : list of dict
        The objects.
    rows_before : int
        The number of rows before the block.
    """

    text: str
    starts: list[int]
    values: list[dict[str, Any]]
    rows_before: int

    def written(self, index: int, name: str) -> str:
        """Return the JSON of a value of an object; empty if it has none of this name."""
        text, found = self.text, ""
        position = _skip_space(text, self.starts[index] + 1)
        while text[position] != "}":
            if text[position] == ",":
                position = _skip_space(text, position + 1)
            key, end = _DECODER.raw_decode(text, position)
            start = _skip_space(text, _skip_space(text, end) + 1)
            _, end = _DECODER.raw_decode(text, start)
            if key == name:
                found = text[start:end]
            position = _skip_space(text, end)
        return found

    def written_text(self, index: int, name: str) -> str | None:
        """Return the content of a string, None for null, and any other value as written."""
        value = self.values[index].get(name)
        return value if value is None or isinstance(value, str) else self.written(index, name)

    def selected(self, names: Sequence[str]) -> bytes:
        """Return JSON lines of some columns only."""
        lines = []
        for index in range(len(self.values)):
            written = {name: self.written(index, name) for name in names}
            members = [f"{json.dumps(name)}: {item}" for name, item in written.items() if item]
            lines.append("{" + ", ".join(members) + "}\n")
        return "".join(lines).encode()


def parse_objects(path: str, block: bytes, rows_before: int) -> Objects:
    """Parse a block of whole lines."""
    objects = Objects(block.decode(), [], [], rows_before)
    position = _skip_space(objects.text, 0)
    while position < len(objects.text):
        row = rows_before + len(objects.values) + 1
        try:
            value, end = _DECODER.raw_decode(objects.text, position)
        except json.JSONDecodeError as error:
            problem = error.msg[:1].lower() + error.msg[1:]
            raise data_error(path, f"row {row} is broken: {problem}") from None
        except RecursionError:
            raise data_error(path, f"row {row} is nested too deeply") from None
        if not isinstance(value, dict):
            problem = f'row {row} must be an object such as {{"column": 1}}'
            raise data_error(path, f"{problem}, got {_kind_of_value(value)}")
        objects.starts.append(position)
        objects.values.append(value)
        position = _skip_space(objects.text, end)
    return objects


def _skip_space(text: str, position: int) -> int:
    found = _SPACE(text, position)
    return found.end() if found else position


def _kind_of_value(value: Any) -> str:
    match value:
        case list():
            return "an array"
        case bool():
            return "a boolean"
        case WrittenNumber():
            return "a number"
        case str():
            return "a string"
        case _:
            return "null"
