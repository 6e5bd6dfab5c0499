"""Prediction files: which there are, and their readers by suffix."""

from __future__ import annotations

import glob
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from lossary.scoring.blocks import STDIN
from lossary.scoring.csv_reader import Csv
from lossary.scoring.faults import data_error
from lossary.scoring.json_reader import JsonLines
from lossary.scoring.source import Source
from lossary.scoring.typed_readers import Arrow, Parquet, common_types


def output_types(files: Sequence[str]) -> dict[str, Any]:
    """Return the types of columns that are copied from files; what is not named is text."""
    if not all(suffix(path) in TYPED for path in files):
        return {}
    schemas = []
    for path in files:
        with open_source(path) as source:
            schemas.append(source.schema)
    return common_types(schemas)


def count_rows(files: Sequence[str]) -> int | None:
    """Return how many rows files have together; None where only reading them all would tell."""
    total = 0
    for path in files:
        if suffix(path) not in TYPED:
            return None
        with open_source(path) as source, data_errors(path):
            if (rows := source.rows) is None:
                return None
            total += rows
    return total


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
def open_source(path: str, delimiter: str | None = None) -> Iterator[Source]:
    """Open a file by its suffix; standard input is CSV.

    ``delimiter`` is what separates the values of CSV where it is not the suffix's own.

    Raises
    ------
    DataError
        If it cannot be read, here or later: the message names the file.
    """
    kind = ".csv" if path == STDIN else suffix(path)
    if kind not in READERS:
        problem = f"the suffix must be one of {_known()}"
        raise data_error(path, problem)
    with data_errors(path):
        # Text without a byte is text without a row; these formats have a header at least.
        if kind in TYPED and Path(path).stat().st_size == 0:
            raise data_error(path, "the file is empty")
        source = READERS[kind](path, delimiter)
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


def _csv(path: str, delimiter: str | None) -> Source:
    return Csv(path, delimiter or ("\t" if suffix(path).startswith(".tsv") else ","))


READERS: dict[str, Callable[[str, str | None], Source]] = {
    ".parquet": lambda path, _: Parquet(path),
    ".csv": _csv,
    ".csv.gz": _csv,
    ".tsv": _csv,
    ".tsv.gz": _csv,
    ".arrow": lambda path, _: Arrow(path),
    ".feather": lambda path, _: Arrow(path),
    ".jsonl": lambda path, _: JsonLines(path),
    ".jsonl.gz": lambda path, _: JsonLines(path),
    ".ndjson": lambda path, _: JsonLines(path),
}
TYPED = {".parquet", ".arrow", ".feather"}


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
