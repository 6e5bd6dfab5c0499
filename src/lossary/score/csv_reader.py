"""Reader of CSV files."""

from __future__ import annotations

import csv
import io
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from lossary.score.faults import DataError, data_error
from lossary.score.readers import STDIN, Batches, Selection, sliced

_BLOCK = 1 << 22
_CHUNK = 1 << 16

# "nan" is not among them: it is a number, and a loss of it is one too.
_NULLS = ["", "NA", "N/A", "#N/A", "null", "NULL", "None"]

_VALUE = re.compile(
    r"In CSV column #(\d+): Row #(\d+): CSV conversion error to (\S+): invalid value '(.*)'"
)
_SHAPE = re.compile(r"CSV parse error: Row #(\d+): (Expected .* columns, got \d+)")


class Csv:
    """A CSV file with a header, compressed or not, or standard input.

    Blocks of whole lines are read here and parsed by Arrow one by one. Arrow's own streaming
    reader waits for its input in a thread, where Ctrl-C does not reach it.
    """

    textual = True

    def __init__(self, path: str, delimiter: str) -> None:
        self._path = path
        self._delimiter = delimiter
        self._file = _standard_input() if path == STDIN else _opened(path)
        # Piece by piece: a longer read of a pipe does not see Ctrl-C between its pieces.
        self._more = self._file.read1 if path == STDIN else self._file.read
        self._ahead = b""
        header = self._header().decode("utf-8-sig")
        if not header.strip():
            raise data_error(path, "the file must begin with a line of column names")
        self.columns = next(csv.reader(io.StringIO(header), delimiter=delimiter))

    def read(self, selection: Selection) -> Batches:
        """Yield the rows. Columns that the selection gives no type have that of the first block."""
        import pyarrow as pa

        types = dict.fromkeys(selection.labels, pa.dictionary(pa.int32(), pa.string()))
        types |= dict.fromkeys(selection.numbers - selection.labels, pa.float64())
        rows = 0
        while block := self._block():
            if not block.strip():
                continue
            with self._errors(rows):
                table = self._parsed(block, selection.columns, types)
            types = {field.name: _concrete(field.type) for field in table.schema}
            rows += table.num_rows
            yield from sliced(table.to_batches())

    def _parsed(self, block: bytes, columns: Sequence[str], types: dict[str, Any]) -> Any:
        from pyarrow import csv as arrow_csv

        return arrow_csv.read_csv(
            io.BytesIO(block),
            # One thread and one block, so that errors tell the row.
            read_options=arrow_csv.ReadOptions(
                column_names=self.columns, use_threads=False, block_size=len(block) + 1
            ),
            parse_options=arrow_csv.ParseOptions(
                delimiter=self._delimiter, newlines_in_values=True
            ),
            convert_options=arrow_csv.ConvertOptions(
                include_columns=list(columns),
                column_types=types,
                null_values=_NULLS,
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            ),
        )

    # --- bytes --------------------------------------------------------------------------------
    def _header(self) -> bytes:
        """Take the first line; a quoted name may go over several."""
        while True:
            more = self._read(_CHUNK)
            first = _first_line_end(self._ahead, self._delimiter)
            if first >= 0 or not more:
                return self._take(first + 1 or len(self._ahead))

    def _block(self) -> bytes:
        """Take whole lines, about ``_BLOCK`` bytes of them; empty at the end."""
        while True:
            more = self._read(_BLOCK)
            last = _last_line_end(self._ahead, self._delimiter) if more else len(self._ahead) - 1
            if last >= 0 or not more:
                return self._take(last + 1)

    def _read(self, size: int) -> int:
        """Read further bytes, as many as asked for unless the end comes first."""
        parts = []
        missing = size
        while missing > 0 and (part := self._more(missing)):
            parts.append(part)
            missing -= len(part)
        self._ahead = b"".join([self._ahead, *parts])
        return size - missing

    def _take(self, size: int) -> bytes:
        taken, self._ahead = self._ahead[:size], self._ahead[size:]
        return taken

    @contextmanager
    def _errors(self, rows_before: int) -> Iterator[None]:
        """Count rows from the start of the file where Arrow counts from that of the block."""
        import pyarrow as pa

        try:
            yield
        except pa.ArrowInvalid as error:
            text = str(error)
            if found := _VALUE.search(text):
                name, row = self.columns[int(found[1])], rows_before + int(found[2])
                raise _wrong(self._path, name, found[3], found[4], row) from None
            if found := _SHAPE.search(text):
                row = rows_before + int(found[1])
                problem = f"row {row} is broken: {found[2].lower()}"
                raise data_error(self._path, problem) from None
            raise

    def close(self) -> None:
        """Close the file; standard input stays open."""
        if self._path != STDIN:
            self._file.close()


def _last_line_end(data: bytes, delimiter: str) -> int:
    """Return the place of the last line end outside quotes; -1 if there is none."""
    last = data.rfind(b"\n")
    for start, end in reversed(_quoted_line_ends(data, delimiter)):
        if last >= end:
            break
        last = min(last, data.rfind(b"\n", 0, start))
    return last


def _first_line_end(data: bytes, delimiter: str) -> int:
    """Return the place of the first line end outside quotes; -1 if there is none."""
    first = data.find(b"\n")
    for start, end in _quoted_line_ends(data, delimiter):
        if first < start:
            break
        first = data.find(b"\n", end)
    return first


def _quoted_line_ends(data: bytes, delimiter: str) -> list[tuple[int, int]]:
    """Return the places of quoted values that hold line ends; one without its end goes to ours.

    A quotation mark counts where a value begins: in the middle of one it is a character.
    """
    if b'"' not in data:
        return []
    plain = rb'[^"]++|(?<=[^\n%b])"|"(?:[^"\n]++|"")*+"' % delimiter.encode()
    pattern = rb'(?:%b)*+("(?:[^"]++|"")*+(?:"|\Z))?' % plain
    return [found.span(1) for found in re.finditer(pattern, data) if found[1]]


def _opened(path: str) -> Any:
    import pyarrow as pa

    return pa.input_stream(path, compression="detect")


def _standard_input() -> Any:
    if sys.stdin is None:
        raise data_error(STDIN, "there is no standard input")
    return sys.stdin.buffer


def _concrete(kind: Any) -> Any:
    """Return the type for later blocks: text where the first one had no value."""
    import pyarrow as pa

    return pa.string() if pa.types.is_null(kind) else kind


def _wrong(path: str, name: str, kind: str, value: str, row: int) -> DataError:
    got = f"got {value!r} in row {row}"
    if kind == "double":
        return data_error(path, f"column {name!r} must hold numbers, {got}")
    problem = f"column {name!r} holds values of type {kind} in its first rows, {got}"
    return data_error(path, problem, "In a Parquet file the column has one type.")
