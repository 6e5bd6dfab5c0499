"""The readers of prediction files, by suffix."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa

from lossary.errors import LossaryError
from lossary.scoring.addresses import file_path, is_address, is_query
from lossary.scoring.arrow_types import common_types
from lossary.scoring.blocks import STDIN
from lossary.scoring.csv_reader import Csv
from lossary.scoring.errors import UnreadableError, data_error, reason
from lossary.scoring.file_systems import is_foreign
from lossary.scoring.json_reader import JsonLines
from lossary.scoring.partitions import Partitioned, partition_values
from lossary.scoring.queries import open_query
from lossary.scoring.source import Source
from lossary.scoring.tables import is_table, open_table
from lossary.scoring.typed_readers import Arrow, Parquet


@contextmanager
def open_source(path: str, delimiter: str | None = None) -> Iterator[Source]:
    """Open a file by its suffix, a table or a query; standard input is CSV.

    ``delimiter`` separates the values of CSV where it is not that of the suffix.

    Raises
    ------
    DataError
        If the file cannot be opened: the message names the file.
    """
    with reading_errors(path):
        if is_query(path):
            source = open_query(path)
        elif is_table(path):
            source = open_table(path)
        else:
            source = _open_file(path, delimiter)
    with closing(source):
        yield source


def _open_file(path: str, delimiter: str | None) -> Source:
    kind = ".csv" if path == STDIN else suffix(path)
    if kind not in READERS:
        problem = f"the suffix must be one of {', '.join(READERS)}"
        raise data_error(path, problem)
    # An empty file of text has no rows; files of these formats have a header at least.
    if kind in TYPED and not is_address(path) and Path(path).stat().st_size == 0:
        raise UnreadableError(str(data_error(path, "the file is empty")))
    source = READERS[kind](path, delimiter)
    values = partition_values(path)
    return Partitioned(source, values) if values else source


@contextmanager
def reading_errors(path: str) -> Iterator[None]:
    """Turn the errors of libraries about a broken file into an error that names the file."""
    try:
        yield
    except LossaryError:
        raise
    except Exception as error:
        # The file systems of other libraries have errors of their own.
        known = isinstance(error, pa.ArrowException | OSError | UnicodeError | ImportError)
        if not (known or is_foreign(path)):
            raise
        text = str(data_error(path, f"the file cannot be read: {reason(error)}"))
        # What reads addresses has made its requests several times.
        is_passing = isinstance(error, OSError) and not is_address(path)
        raise UnreadableError(text, is_passing=is_passing) from None


def output_types(files: Sequence[str]) -> dict[str, Any]:
    """Return the types of the columns of files; columns without one are text."""
    if not all(is_typed(path) for path in files):
        return {}
    schemas = []
    for path in files:
        with open_source(path) as source:
            schemas.append(source.schema)
    return common_types(schemas)


def is_typed(path: str) -> bool:
    """Return whether the columns of a file or table have types."""
    return is_query(path) or is_table(path) or suffix(path) in TYPED


def suffix(path: str) -> str:
    """Return the suffix that names the format, in lower case; two for compressed files."""
    suffixes = [part.lower() for part in Path(file_path(path)).suffixes]
    return "".join(suffixes[-2:]) if suffixes[-1:] == [".gz"] else "".join(suffixes[-1:])


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
