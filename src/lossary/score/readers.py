"""Prediction files as streams of Arrow record batches, by suffix."""

from __future__ import annotations

import glob
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from lossary.score.faults import data_error

BATCH_ROWS = 131_072
STDIN = "-"

Batches = Iterator[Any]


@dataclass(frozen=True, slots=True)
class Selection:
    """What to read of a file.

    Attributes
    ----------
    columns : sequence of str
        The columns to read.
    numbers, labels : frozenset of str
        Those among them that must hold numbers, and those whose values are only compared: text
        formats have no types of their own, and guessing them from the first rows fails later.
    """

    columns: Sequence[str]
    numbers: frozenset[str] = frozenset()
    labels: frozenset[str] = frozenset()


class Source(Protocol):
    """An open file: its columns, and its rows in batches."""

    columns: list[str]
    textual: bool

    def read(self, selection: Selection) -> Batches:
        """Yield record batches of at most ``BATCH_ROWS`` rows, and never the whole file."""

    def close(self) -> None:
        """Close the file."""


def find_files(patterns: Sequence[str], output: Path | None = None) -> list[str]:
    """Return the files that patterns name, each once: paths, globs, folders, ``-``.

    What an earlier run wrote to ``output`` is no input because it lies in the same folder.
    """
    found: list[str] = []
    for pattern in patterns:
        path = Path(pattern)
        if pattern == STDIN or path.is_file():
            found.append(pattern)
            continue
        if path.is_dir():
            candidates = [p for p in path.rglob("*") if _is_data(p.relative_to(path))]
            problem = f"the folder holds no file with the suffix {_known()}"
        else:
            candidates = [Path(p) for p in glob.glob(pattern, recursive=True)]
            problem = "no such file"
        files = [
            str(p)
            for p in sorted(candidates)
            if p.is_file() and not (output and same_file(p, output))
        ]
        if not files:
            raise data_error(pattern, problem)
        found += files
    return list(dict.fromkeys(found))


@contextmanager
def open_source(path: str) -> Iterator[Source]:
    """Open a file by its suffix; standard input is CSV.

    Raises
    ------
    DataError
        If it cannot be read, here or later: the message names the file.
    """
    make = READERS.get(".csv" if path == STDIN else suffix(path))
    if make is None:
        problem = f"the suffix must be one of {_known()}"
        raise data_error(path, problem)
    with data_errors(path):
        if path != STDIN and Path(path).stat().st_size == 0:
            raise data_error(path, "the file is empty")
        source = make(path)
    with closing(source):
        yield source


@contextmanager
def data_errors(path: str) -> Iterator[None]:
    """Turn what Arrow says about a broken file into an error that names the file."""
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError, UnicodeError) as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        text = error.strerror if isinstance(error, OSError) and error.strerror else lines[0]
        problem = f"the file cannot be read: {text}"
        raise data_error(path, problem) from None


class Parquet:
    """A Parquet file."""

    textual = False

    def __init__(self, path: str) -> None:
        import pyarrow.parquet as pq

        # Without pre-buffering, memory stays that of a batch, not of the file's column chunks.
        self._file = pq.ParquetFile(
            path, pre_buffer=False, buffer_size=1 << 20, page_checksum_verification=True
        )
        self.columns = list(self._file.schema_arrow.names)

    def read(self, selection: Selection) -> Batches:
        """Yield the rows, reading no other columns than those selected."""
        yield from self._file.iter_batches(BATCH_ROWS, columns=list(selection.columns))

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class Arrow:
    """An Arrow (Feather) file, in the file format or the streaming one."""

    textual = False

    def __init__(self, path: str) -> None:
        import pyarrow as pa

        self._map = pa.memory_map(path)
        try:
            self.columns = list(pa.ipc.open_file(self._map).schema.names)
            self._is_stream = False
        except pa.ArrowInvalid:
            self._map.seek(0)
            self.columns = list(pa.ipc.open_stream(self._map).schema.names)
            self._is_stream = True

    def read(self, selection: Selection) -> Batches:
        """Yield the rows; the file's own batches may be large and are cut without a copy."""
        import pyarrow as pa

        places = sorted(self.columns.index(name) for name in selection.columns)
        options = pa.ipc.IpcReadOptions(included_fields=places)
        self._map.seek(0)
        if self._is_stream:
            yield from sliced(pa.ipc.open_stream(self._map, options=options))
        else:
            file = pa.ipc.open_file(self._map, options=options)
            yield from sliced(file.get_batch(i) for i in range(file.num_record_batches))

    def close(self) -> None:
        """Close the file."""
        self._map.close()


def sliced(batches: Any) -> Batches:
    """Cut batches into ones of at most ``BATCH_ROWS`` rows."""
    for batch in batches:
        for start in range(0, batch.num_rows, BATCH_ROWS):
            yield batch.slice(start, BATCH_ROWS)


def _csv(path: str) -> Source:
    from lossary.score.csv_reader import Csv

    return Csv(path, "\t" if suffix(path).startswith(".tsv") else ",")


def _json_lines(path: str) -> Source:
    from lossary.score.json_reader import JsonLines

    return JsonLines(path)


READERS: dict[str, Callable[[str], Source]] = {
    ".parquet": Parquet,
    ".csv": _csv,
    ".csv.gz": _csv,
    ".tsv": _csv,
    ".tsv.gz": _csv,
    ".arrow": Arrow,
    ".feather": Arrow,
    ".jsonl": _json_lines,
    ".jsonl.gz": _json_lines,
    ".ndjson": _json_lines,
}


def suffix(path: str) -> str:
    """Return the suffix that tells the format, in lower case; two for compressed files."""
    suffixes = [part.lower() for part in Path(path).suffixes]
    return "".join(suffixes[-2:]) if suffixes[-1:] == [".gz"] else "".join(suffixes[-1:])


def _is_data(inside: Path) -> bool:
    hidden = any(part.startswith((".", "_")) for part in inside.parts)
    return not hidden and suffix(str(inside)) in READERS


def same_file(one: str | Path, other: Path) -> bool:
    """Tell whether two paths lead to one file."""
    return Path(one).resolve() == other.resolve()


def _known() -> str:
    return ", ".join(READERS)
