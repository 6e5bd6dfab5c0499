"""Prediction files as streams of Arrow record batches, by suffix."""

from __future__ import annotations

import glob
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lossary.score.faults import DataError

BATCH_ROWS = 131_072
STDIN = "-"
_BLOCK = 1 << 22

Batches = Iterator[Any]


def find_files(patterns: Sequence[str]) -> list[str]:
    """Return the files that patterns name: paths, globs, folders, ``-`` for standard input."""
    found: list[str] = []
    for pattern in patterns:
        path = Path(pattern)
        if pattern == STDIN or path.is_file():
            found.append(pattern)
        elif path.is_dir():
            inside = [str(p) for p in sorted(path.rglob("*")) if _suffix(str(p)) in READERS]
            if not inside:
                msg = f"{pattern}: the folder holds no {_known()} file"
                raise DataError(msg)
            found += inside
        else:
            matches = sorted(glob.glob(pattern, recursive=True))
            if not matches:
                msg = f"{pattern}: no such file"
                raise DataError(msg)
            found += matches
    return found


def read(path: str, numeric: Sequence[str]) -> Batches:
    """Yield the record batches of a file; ``numeric`` names columns to read as numbers."""
    reader = READERS.get(".csv" if path == STDIN else _suffix(path))
    if reader is None:
        msg = f"{path}: the suffix must be one of {_known()}"
        raise DataError(msg)
    if path != STDIN and Path(path).stat().st_size == 0:
        msg = f"{path}: the file is empty"
        raise DataError(msg)
    with _data_errors(path):
        yield from reader(path, numeric)


@contextmanager
def _data_errors(path: str) -> Iterator[None]:
    """Turn what Arrow says about a broken file into an error that names the file."""
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError) as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        msg = f"{path}: the file cannot be read: {lines[0]}"
        raise DataError(msg) from None


def _parquet(path: str, numeric: Sequence[str]) -> Batches:
    import pyarrow.parquet as pq

    # Without pre-buffering, memory stays that of a batch, not of the file's column chunks.
    with pq.ParquetFile(path, pre_buffer=False, buffer_size=1 << 20) as file:
        yield from file.iter_batches(BATCH_ROWS)


def _csv(path: str, numeric: Sequence[str]) -> Batches:
    import pyarrow as pa
    from pyarrow import csv

    source = sys.stdin.buffer if path == STDIN else path
    options = csv.ConvertOptions(
        column_types=dict.fromkeys(numeric, pa.float64()), strings_can_be_null=True
    )
    reader = csv.open_csv(
        source, read_options=csv.ReadOptions(block_size=_BLOCK), convert_options=options
    )
    with reader:
        yield from _sliced(reader)


def _arrow(path: str, numeric: Sequence[str]) -> Batches:
    import pyarrow as pa

    with pa.memory_map(path) as file:
        try:
            reader = pa.ipc.open_file(file)
            batches = (reader.get_batch(i) for i in range(reader.num_record_batches))
        except pa.ArrowInvalid:  # the streaming format
            file.seek(0)
            batches = iter(pa.ipc.open_stream(file))
        yield from _sliced(batches)


def _json_lines(path: str, numeric: Sequence[str]) -> Batches:
    from pyarrow import json

    options = json.ReadOptions(block_size=_BLOCK)
    with json.open_json(path, read_options=options) as reader:
        yield from _sliced(reader)


def _sliced(batches: Any) -> Batches:
    for batch in batches:
        for start in range(0, batch.num_rows, BATCH_ROWS):
            yield batch.slice(start, BATCH_ROWS)


READERS: dict[str, Callable[[str, Sequence[str]], Batches]] = {
    ".parquet": _parquet,
    ".csv": _csv,
    ".csv.gz": _csv,
    ".arrow": _arrow,
    ".feather": _arrow,
    ".jsonl": _json_lines,
    ".ndjson": _json_lines,
}


def _suffix(path: str) -> str:
    suffixes = [suffix.lower() for suffix in Path(path).suffixes]
    return "".join(suffixes[-2:]) if suffixes[-1:] == [".gz"] else "".join(suffixes[-1:])


def _known() -> str:
    return ", ".join(READERS)
