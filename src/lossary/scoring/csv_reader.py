"""Reader of CSV files."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pyarrow as pa
from pyarrow import csv

from lossary.scoring.blocks import Blocks, first_line_end, last_line_end
from lossary.scoring.errors import data_error
from lossary.scoring.source import Batches, Rows, Selection, sliced

# Arrow reports column and row in the text of its errors only.
_NOT_TEXT = re.compile(r"In CSV column #(\d+): (?:Row #(\d+): )?CSV conversion error to string: ")
_WRONG_WIDTH = re.compile(r"CSV parse error: Row #(\d+): (Expected .* columns, got \d+)")


class Csv:
    """A CSV file with a header, compressed or not, or standard input.

    Every column is read as text; numbers are parsed later. An empty field is a missing value,
    quoted or not.
    """

    textual = True
    rows: int | None = None
    schema = None
    part_rows: list[int] | None = None

    def __init__(self, path: str, delimiter: str) -> None:
        self._path = path
        self._delimiter = delimiter
        self._blocks = Blocks(path)
        try:
            self.columns = self._names()
        except BaseException:
            self.close()
            raise

    def complete(self) -> None:
        """Do nothing: the header names all columns."""

    def read(self, selection: Selection, parts: range | None = None) -> Batches:
        """Yield the rows."""
        columns = selection.columns
        convert = csv.ConvertOptions(
            include_columns=columns,
            column_types=dict.fromkeys(columns, pa.string()),
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=True,
        )
        find_end = partial(_last_record_end, delimiter=self._delimiter)
        rows = 0
        while block := self._blocks.next(find_end):
            if not block.strip():
                continue
            with self._errors(rows):
                table = self._parse(block, column_names=self.columns, convert=convert)
            rows += table.num_rows
            # An unclosed quotation mark makes all later rows a part of one value.
            if self._blocks.is_ended and _is_open(block, self._delimiter):
                problem = (
                    f"row {rows} is broken: a value begins with a quotation mark and none ends it"
                )
                raise data_error(self._path, problem)
            self._blocks.fit(block, table.num_rows, len(columns))
            for batch in sliced(table.to_batches()):
                yield Rows(batch, batch)

    def close(self) -> None:
        """Close the file."""
        self._blocks.close()

    def _names(self) -> list[str]:
        """Return the names in the first line that is not blank; none if the file is empty."""
        find_end = partial(_first_record_end, delimiter=self._delimiter)
        while header := self._blocks.first(find_end):
            if header.strip():
                return list(self._parse(header + b"\n").column_names)
        return []

    def _parse(self, block: bytes, convert: Any = None, **reading: Any) -> Any:
        return csv.read_csv(
            io.BytesIO(block),
            # One thread and one block, so that errors have the number of the row.
            read_options=csv.ReadOptions(use_threads=False, block_size=len(block) + 1, **reading),
            parse_options=csv.ParseOptions(delimiter=self._delimiter, newlines_in_values=True),
            convert_options=convert,
        )

    @contextmanager
    def _errors(self, rows_before: int) -> Iterator[None]:
        """Count rows from the start of the file where Arrow counts from that of the block."""
        try:
            yield
        except pa.ArrowInvalid as error:
            text = str(error)
            if found := _NOT_TEXT.search(text):
                position = f" in row {rows_before + int(found[2])}" if found[2] else ""
                problem = f"column {self.columns[int(found[1])]!r} must hold UTF-8 text"
                raise data_error(self._path, f"{problem}, got other bytes{position}") from None
            if found := _WRONG_WIDTH.search(text):
                row = rows_before + int(found[1])
                problem = f"row {row} is broken: {found[2].lower()}"
                raise data_error(self._path, problem) from None
            raise


def _last_record_end(data: bytes, delimiter: str) -> int:
    """Return the index of the last line end outside quotes; -1 if there is none."""
    last = last_line_end(data)
    for start, end in reversed(_quoted_spans(data, delimiter)):
        if last >= end:
            break
        last = min(last, last_line_end(data, start))
    return last


def _first_record_end(data: bytes, delimiter: str) -> int:
    """Return the index of the first line end outside quotes; -1 if there is none."""
    first = first_line_end(data)
    for start, end in _quoted_spans(data, delimiter):
        if first < start:
            break
        first = first_line_end(data, end)
    return first


def _quoted_spans(data: bytes, delimiter: str) -> list[tuple[int, int]]:
    """Return the spans of quoted values that hold line ends; an unclosed one ends with the data.

    A quotation mark counts at the start of a value only; inside one it is a character.
    """
    return [found.span(1) for found in _quoted_values(data, delimiter)]


def _is_open(data: bytes, delimiter: str) -> bool:
    """Return whether the last quoted value has no closing mark."""
    return any(found[2] is None for found in _quoted_values(data, delimiter))


def _quoted_values(data: bytes, delimiter: str) -> list[re.Match[bytes]]:
    """Return matches of the quoted values that hold line ends: the value, its closing mark."""
    if b'"' not in data:
        return []
    separator = re.escape(delimiter.encode())
    skipped = rb'[^"]++|(?<=[^\r\n%b])"|"(?:[^"\r\n]++|"")*+"' % separator
    pattern = rb'(?:%b)*+("(?:[^"]++|"")*+(?:(")|\Z))?' % skipped
    return [found for found in re.finditer(pattern, data) if found[1]]
