"""Reader of CSV files."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from lossary.scoring.blocks import Blocks, first_line_end, last_line_end
from lossary.scoring.faults import data_error
from lossary.scoring.source import Batches, Rows, Selection, sliced

_TEXT = re.compile(r"In CSV column #(\d+): (?:Row #(\d+): )?CSV conversion error to string: ")
_SHAPE = re.compile(r"CSV parse error: Row #(\d+): (Expected .* columns, got \d+)")


class Csv:
    """A CSV file with a header, compressed or not, or standard input.

    Every column is read as the text that is written; what is computed is converted later. An empty
    field is a missing value, whether it is quoted or not.
    """

    textual = True
    rows: int | None = None
    schema = None

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
        """Nothing is left to learn: the header names all columns."""

    def read(self, selection: Selection) -> Batches:
        """Yield the rows."""
        import pyarrow as pa
        from pyarrow import csv

        columns = selection.columns
        convert = csv.ConvertOptions(
            include_columns=columns,
            column_types=dict.fromkeys(columns, pa.string()),
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=True,
        )
        cut = partial(_last_record_end, delimiter=self._delimiter)
        rows = 0
        while block := self._blocks.next(cut):
            if not block.strip():
                continue
            with self._errors(rows):
                table = self._parsed(block, column_names=self.columns, convert=convert)
            rows += table.num_rows
            # A quotation mark that is not closed takes all later rows for a part of one value.
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
        """Return the names in the first line; none if the file is empty."""
        cut = partial(_first_record_end, delimiter=self._delimiter)
        while header := self._blocks.first(cut):
            if header.strip():
                return list(self._parsed(header + b"\n").column_names)
        return []

    def _parsed(self, block: bytes, convert: Any = None, **reading: Any) -> Any:
        from pyarrow import csv

        return csv.read_csv(
            io.BytesIO(block),
            # One thread and one block, so that errors tell the row.
            read_options=csv.ReadOptions(use_threads=False, block_size=len(block) + 1, **reading),
            parse_options=csv.ParseOptions(delimiter=self._delimiter, newlines_in_values=True),
            convert_options=convert,
        )

    @contextmanager
    def _errors(self, rows_before: int) -> Iterator[None]:
        """Count rows from the start of the file where Arrow counts from that of the block."""
        import pyarrow as pa

        try:
            yield
        except pa.ArrowInvalid as error:
            text = str(error)
            if found := _TEXT.search(text):
                place = f" in row {rows_before + int(found[2])}" if found[2] else ""
                problem = f"column {self.columns[int(found[1])]!r} must hold UTF-8 text"
                raise data_error(self._path, f"{problem}, got other bytes{place}") from None
            if found := _SHAPE.search(text):
                row = rows_before + int(found[1])
                problem = f"row {row} is broken: {found[2].lower()}"
                raise data_error(self._path, problem) from None
            raise


def _last_record_end(data: bytes, delimiter: str) -> int:
    """Return the index of the last line end outside quotes; -1 if there is none."""
    last = last_line_end(data)
    for start, end in reversed(_quoted_line_ends(data, delimiter)):
        if last >= end:
            break
        last = min(last, last_line_end(data, start))
    return last


def _first_record_end(data: bytes, delimiter: str) -> int:
    """Return the index of the first line end outside quotes; -1 if there is none."""
    first = first_line_end(data)
    for start, end in _quoted_line_ends(data, delimiter):
        if first < start:
            break
        first = first_line_end(data, end)
    return first


def _quoted_line_ends(data: bytes, delimiter: str) -> list[tuple[int, int]]:
    """Return the spans of quoted values that hold line ends; one without its end goes to ours.

    A quotation mark counts where a value begins: in the middle of one it is a character.
    """
    return [found.span(1) for found in _quoted(data, delimiter)]


def _is_open(data: bytes, delimiter: str) -> bool:
    """Return whether the last quoted value lacks its end."""
    return any(found[2] is None for found in _quoted(data, delimiter))


def _quoted(data: bytes, delimiter: str) -> list[re.Match[bytes]]:
    if b'"' not in data:
        return []
    between = re.escape(delimiter.encode())
    plain = rb'[^"]++|(?<=[^\r\n%b])"|"(?:[^"\r\n]++|"")*+"' % between
    pattern = rb'(?:%b)*+("(?:[^"]++|"")*+(?:(")|\Z))?' % plain
    return [found for found in re.finditer(pattern, data) if found[1]]
