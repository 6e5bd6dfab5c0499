"""Per-row losses written beside the input columns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lossary.score.columns import Array, Batch
from lossary.score.faults import data_error
from lossary.score.replacing import replacing


class Output:
    """Appends batches to a file; the first one decides the columns."""

    def __init__(self, path: Path, temporary: Path) -> None:
        self._path = str(path)
        self._temporary = str(temporary)
        self._open_writer = WRITERS[path.suffix.lower()]
        self._plain = path.suffix.lower() == ".csv"
        self._schema: Any = None
        self._writer: Any = None

    def check_names(self, path: str, columns: Sequence[str], titles: Sequence[str]) -> None:
        """Refuse a file that has a column of the name of a loss."""
        for title in titles:
            if title in columns:
                problem = f"there is a column {title!r} already, so --output cannot add it"
                raise data_error(path, problem)

    def write(
        self, batch: Batch, titles: Sequence[str], losses: Sequence[tuple[Array, Array]]
    ) -> None:
        """Append a batch with its losses: values, and which of them are missing."""
        import pyarrow as pa

        data = batch.data
        for title, (values, empty) in zip(titles, losses, strict=True):
            data = data.append_column(title, pa.array(values, mask=empty))
        try:
            if self._plain:
                data = _without_dictionaries(data)
            if self._writer is None:
                self._schema = data.schema
                self._writer = self._open_writer(self._temporary, data.schema)
            if data.schema.names != self._schema.names:
                problem = "its columns differ from those of the files before it"
                raise data_error(batch.path, problem, "Write them to outputs of their own.")
            self._writer.write_batch(data.cast(self._schema))
        except (pa.ArrowException, OSError) as error:
            problem = f"--output cannot be written: {_first_line(error)}"
            raise data_error(self._path, problem) from None

    def close(self) -> None:
        """Finish the file."""
        if self._writer is not None:
            self._writer.close()


@contextmanager
def open_output(path: Path) -> Iterator[Output]:
    """Open an output that appears under its name when it is complete, and not before."""
    try:
        with replacing(path) as temporary:
            output = Output(path, temporary)
            try:
                yield output
            finally:
                output.close()
    except OSError as error:
        raise data_error(str(path), f"--output cannot be written: {_first_line(error)}") from None


def _without_dictionaries(data: Any) -> Any:
    """Return a batch for CSV, whose writer knows no dictionaries."""
    import pyarrow as pa

    for place, field in enumerate(data.schema):
        if pa.types.is_dictionary(field.type):
            data = data.set_column(place, field.name, data.column(place).dictionary_decode())
    return data


def _first_line(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return (str(error).splitlines() or [type(error).__name__])[0]


def _parquet(path: str, schema: Any) -> Any:
    import pyarrow.parquet as pq

    return pq.ParquetWriter(path, schema)


def _csv(path: str, schema: Any) -> Any:
    from pyarrow import csv

    return csv.CSVWriter(path, schema)


def _arrow(path: str, schema: Any) -> Any:
    import pyarrow as pa

    return pa.ipc.new_file(path, schema)


WRITERS: dict[str, Callable[[str, Any], Any]] = {
    ".parquet": _parquet,
    ".csv": _csv,
    ".arrow": _arrow,
}
