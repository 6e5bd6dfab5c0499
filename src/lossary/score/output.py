"""Per-row losses written beside the input columns: all of the file, or nothing."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SUFFIXES = (".parquet", ".csv", ".arrow")


class Output:
    """Writes record batches to a file that appears under its name when it is complete."""

    def __init__(self, path: Path, temporary: Path) -> None:
        self._suffix = path.suffix.lower()
        self._temporary = temporary
        self._writer: Any = None

    def write(self, batch: Any) -> None:
        """Append a batch; the first one decides the columns."""
        if self._writer is None:
            self._writer = self._open(batch.schema)
        self._writer.write_batch(batch)

    def _open(self, schema: Any) -> Any:
        if self._suffix == ".parquet":
            import pyarrow.parquet as pq

            return pq.ParquetWriter(self._temporary, schema)
        if self._suffix == ".csv":
            from pyarrow import csv

            return csv.CSVWriter(self._temporary, schema)
        import pyarrow as pa

        return pa.ipc.new_file(str(self._temporary), schema)

    def close(self) -> None:
        """Finish the file."""
        if self._writer is not None:
            self._writer.close()


@contextmanager
def open_output(path: Path) -> Iterator[Output]:
    """Open an output that replaces ``path`` once it is complete, and leaves nothing otherwise."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    os.close(handle)
    temporary = Path(name)
    output = Output(path, temporary)
    try:
        yield output
        output.close()
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    except BaseException:
        output.close()
        temporary.unlink(missing_ok=True)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
