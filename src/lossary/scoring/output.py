"""The file of per-row losses, written beside columns of the input."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from lossary.arrays import Array
from lossary.scoring.arrow_types import dictionary_decoded, value_type
from lossary.scoring.columns import Batch
from lossary.scoring.csv_writer import CsvWriter
from lossary.scoring.errors import DataError, data_error, reason
from lossary.scoring.grouped_totals import RowLosses
from lossary.scoring.replacing import replacing


class Output:
    """Appends batches to a file. The first batch decides the columns."""

    def __init__(self, path: Path, temporary: Path, types: dict[str, Any]) -> None:
        self._path = str(path)
        self._temporary = str(temporary)
        self._types = types
        self._open_writer, self._takes_dictionaries = WRITERS[path.suffix.lower()]
        self._copied: Sequence[str] = ()
        self._schema: Any = None
        self._writer: Any = None

    def check_names(self, path: str, copied: Sequence[str], titles: Sequence[str]) -> None:
        """Raise if the names of a file's columns do not fit the output."""
        for title in titles:
            if title in copied:
                problem = f"there is a column {title!r} already, so --output cannot add it"
                raise data_error(path, problem, "Choose the columns to copy with --columns.")
        self._copied = self._copied or copied
        if set(copied) != set(self._copied):
            problem = "its columns differ from those of the files before it"
            remedy = "Write them to outputs of their own, or choose columns with --columns."
            raise data_error(path, problem, remedy)

    def write(
        self, batch: Batch, titles: Sequence[str], losses: Sequence[tuple[Array, Array]]
    ) -> None:
        """Append a batch with its losses: for each loss the values, and which are missing."""
        try:
            if self._writer is None:
                self._schema = self._output_schema(titles)
                self._writer = self._open_writer(self._temporary, self._schema)
            columns = [
                _cast(batch.values.column(name), field.type)
                for name, field in zip(self._copied, self._schema, strict=False)
            ]
            columns += [pa.array(values, mask=missing) for values, missing in losses]
            if len(batch):
                self._writer.write_batch(pa.record_batch(columns, schema=self._schema))
        except (pa.ArrowException, OSError) as error:
            raise _unwritable(self._path, error) from None

    def _output_schema(self, titles: Sequence[str]) -> Any:
        types = [self._types.get(name, pa.string()) for name in self._copied]
        if not self._takes_dictionaries:
            types = [value_type(item) for item in types]
        types += [pa.float64()] * len(titles)
        return pa.schema(list(zip([*self._copied, *titles], types, strict=True)))

    def close(self) -> None:
        """Finish the file."""
        if self._writer is not None:
            self._writer.close()


@contextmanager
def open_output(path: Path, types: dict[str, Any]) -> Iterator[Output]:
    """Open an output, whose file appears when it is complete.

    ``types`` are those of the columns to copy; columns without one are text.
    """
    try:
        with replacing(path) as temporary:
            output = Output(path, temporary, types)
            try:
                yield output
            finally:
                output.close()
    except (pa.ArrowException, OSError) as error:
        raise _unwritable(str(path), error) from None


def spread(size: int, mask: Array | None, losses: RowLosses) -> tuple[Array, Array]:
    """Return losses for all rows of a batch of this size, and which rows have none.

    ``mask`` has the rows that take part, None if all do.
    """
    rows = np.arange(size) if mask is None else np.flatnonzero(mask)
    values = np.zeros(size)
    values[rows] = losses.values
    missing = np.ones(size, dtype=bool)
    missing[rows if losses.mask is None else rows[losses.mask]] = False
    return values, missing


def _cast(column: Any, arrow_type: Any) -> Any:
    return column if column.type == arrow_type else dictionary_decoded(column).cast(arrow_type)


def _unwritable(path: str, error: Exception) -> DataError:
    return data_error(path, f"--output cannot be written: {reason(error)}")


def _parquet(path: str, schema: Any) -> Any:
    import pyarrow.parquet as pq

    return pq.ParquetWriter(path, schema)


# By suffix: the function that opens a writer, and whether dictionaries may differ between batches.
WRITERS: dict[str, tuple[Callable[[str, Any], Any], bool]] = {
    ".parquet": (_parquet, True),
    ".csv": (CsvWriter, False),
    ".arrow": (pa.ipc.new_file, False),
}
