"""Per-row losses written beside the input columns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lossary.scoring.columns import Array, Batch
from lossary.scoring.csv_writer import CsvWriter
from lossary.scoring.faults import DataError, data_error
from lossary.scoring.replacing import replacing


class Output:
    """Appends batches to a file; the first one decides the columns."""

    def __init__(self, path: Path, temporary: Path, kinds: dict[str, Any]) -> None:
        self._path = str(path)
        self._temporary = str(temporary)
        self._kinds = kinds
        self._open_writer, self._takes_dictionaries = WRITERS[path.suffix.lower()]
        self._copied: Sequence[str] = ()
        self._schema: Any = None
        self._writer: Any = None

    def check_names(self, path: str, copied: Sequence[str], titles: Sequence[str]) -> None:
        """Refuse a file whose columns do not fit, because of their names."""
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
        """Append a batch with its losses: values, and which of them are missing."""
        import pyarrow as pa

        try:
            if self._writer is None:
                self._schema = self._output_schema(titles)
                self._writer = self._open_writer(self._temporary, self._schema)
            columns = [
                _cast(batch.values.column(name), field.type)
                for name, field in zip(self._copied, self._schema, strict=False)
            ]
            columns += [pa.array(values, mask=empty) for values, empty in losses]
            if len(batch):
                self._writer.write_batch(pa.record_batch(columns, schema=self._schema))
        except (pa.ArrowException, OSError) as error:
            raise _unwritable(self._path, error) from None

    def _output_schema(self, titles: Sequence[str]) -> Any:
        import pyarrow as pa

        kinds = [self._kinds.get(name, pa.string()) for name in self._copied]
        if not self._takes_dictionaries:
            kinds = [kind.value_type if _is_dictionary(kind) else kind for kind in kinds]
        kinds += [pa.float64()] * len(titles)
        return pa.schema(list(zip([*self._copied, *titles], kinds, strict=True)))

    def close(self) -> None:
        """Finish the file."""
        if self._writer is not None:
            self._writer.close()


@contextmanager
def open_output(path: Path, kinds: dict[str, Any]) -> Iterator[Output]:
    """Open an output that appears under its name when it is complete, and not before.

    ``kinds`` are the types of the columns to copy; those that it lacks are text.
    """
    import pyarrow as pa

    try:
        with replacing(path) as temporary:
            output = Output(path, temporary, kinds)
            try:
                yield output
            finally:
                output.close()
    except (pa.ArrowException, OSError) as error:
        raise _unwritable(str(path), error) from None


def _cast(column: Any, kind: Any) -> Any:
    if column.type == kind:
        return column
    plain = column.dictionary_decode() if _is_dictionary(column.type) else column
    return plain.cast(kind)


def _is_dictionary(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_dictionary(kind))


def _unwritable(path: str, error: Exception) -> DataError:
    return data_error(path, f"--output cannot be written: {_first_line(error)}")


def _first_line(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return (str(error).splitlines() or [type(error).__name__])[0]


def _parquet(path: str, schema: Any) -> Any:
    import pyarrow.parquet as pq

    return pq.ParquetWriter(path, schema)


def _arrow(path: str, schema: Any) -> Any:
    import pyarrow as pa

    return pa.ipc.new_file(path, schema)


# By suffix: what opens a writer, and whether it takes dictionaries that change between batches.
WRITERS: dict[str, tuple[Callable[[str, Any], Any], bool]] = {
    ".parquet": (_parquet, True),
    ".csv": (CsvWriter, False),
    ".arrow": (_arrow, False),
}
