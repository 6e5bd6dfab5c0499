"""Writer of CSV files."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

_NEEDS_QUOTES = r'[",\r\n]|^$'  # an empty text is quoted, a missing value is not


class CsvWriter:
    """Writes record batches as CSV and quotes only the values that need it.

    Arrow's own writer quotes every text, and the columns of a CSV file are text.
    """

    def __init__(self, path: str, schema: Any) -> None:
        self._file = pa.OSFile(path, "wb")
        self._write([pa.array([name], pa.large_string()) for name in schema.names])

    def write_batch(self, batch: Any) -> None:
        """Append a batch that is not empty."""
        self._write([column.cast(pa.large_string()) for column in batch.columns])

    def close(self) -> None:
        """Finish the file."""
        self._file.close()

    def _write(self, columns: list[Any]) -> None:
        comma, end, empty = (pa.scalar(text, pa.large_string()) for text in (",", "\n", ""))
        fields = [_quoted(column).fill_null(empty) for column in columns]
        lines = pc.binary_join_element_wise(*fields, comma)
        lines = pc.binary_join_element_wise(lines, end, empty)
        size = pc.sum(pc.binary_length(lines)).as_py()
        self._file.write(lines.buffers()[2].slice(0, size))


def _quoted(text: Any) -> Any:
    """Return values with quotation marks around those that need them."""
    needs_quotes = pc.match_substring_regex(text, _NEEDS_QUOTES)
    if not pc.any(needs_quotes).as_py():
        return text
    mark, empty = (pa.scalar(item, text.type) for item in ('"', ""))
    doubled = pc.replace_substring(text, '"', '""')
    return pc.if_else(needs_quotes, pc.binary_join_element_wise(mark, doubled, mark, empty), text)
