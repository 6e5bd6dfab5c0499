"""Writer of CSV files."""

from __future__ import annotations

from typing import Any

_QUOTED = r'[",\r\n]|^$'  # an empty text is quoted, the lack of a value is not


class CsvWriter:
    """Writes record batches as CSV: values are quoted where they need it, and only there.

    (Arrow's own writer quotes every text, and text is what the columns of a CSV file are.)
    """

    def __init__(self, path: str, schema: Any) -> None:
        import pyarrow as pa

        self._file = pa.OSFile(path, "wb")
        self._write([pa.array([name], pa.large_string()) for name in schema.names])

    def write_batch(self, batch: Any) -> None:
        """Append a batch that is not empty."""
        import pyarrow as pa

        self._write([column.cast(pa.large_string()) for column in batch.columns])

    def close(self) -> None:
        """Finish the file."""
        self._file.close()

    def _write(self, columns: list[Any]) -> None:
        import pyarrow as pa
        import pyarrow.compute as pc

        comma, end, empty = (pa.scalar(text, pa.large_string()) for text in (",", "\n", ""))
        fields = [_quoted(column).fill_null(empty) for column in columns]
        lines = pc.binary_join_element_wise(*fields, comma)
        lines = pc.binary_join_element_wise(lines, end, empty)
        size = pc.sum(pc.binary_length(lines)).as_py()
        self._file.write(lines.buffers()[2].slice(0, size))


def _quoted(text: Any) -> Any:
    """Return values with quotation marks around those that need them."""
    import pyarrow as pa
    import pyarrow.compute as pc

    need = pc.match_substring_regex(text, _QUOTED)
    if not pc.any(need).as_py():
        return text
    mark, nothing = (pa.scalar(item, text.type) for item in ('"', ""))
    doubled = pc.replace_substring(text, '"', '""')
    return pc.if_else(need, pc.binary_join_element_wise(mark, doubled, mark, nothing), text)
