"""The rows of files and of tables in memory, as the smallest parts that can be read apart."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import accumulate
from typing import Any

import pyarrow as pa

from lossary.scoring.addresses import is_query, is_web
from lossary.scoring.blocks import STDIN
from lossary.scoring.errors import UnreadableError
from lossary.scoring.file_systems import file_size
from lossary.scoring.pieces import BYTES_PER_ROW, PIECE_ROWS, Span
from lossary.scoring.readers import is_typed, open_source, reading_errors
from lossary.scoring.tables import is_table
from lossary.scoring.web_file import has_ranges

#: The name of a table in memory, in messages.
TABLE = "<table>"
# Files are opened in parallel, because on network file systems opening one takes long.
_OPENED_TOGETHER = 16


def file_spans(
    files: Sequence[str], delimiter: str | None
) -> tuple[list[Span], list[UnreadableError]]:
    """Return the spans of files, and the errors about those that cannot be read."""
    spans: list[Span] = []
    errors: list[UnreadableError] = []
    with ThreadPoolExecutor(min(_OPENED_TOGETHER, max(1, len(files)))) as pool:
        for found in pool.map(lambda path: _spans_or_error(path, delimiter), files):
            if isinstance(found, UnreadableError):
                errors.append(found)
            else:
                spans += found
    return spans, errors


def table_spans(batches: Iterable[Any], name: str = TABLE) -> Iterator[Span]:
    """Yield the spans of record batches, cut at the same rows whatever the batches are.

    ``name`` is that of the table in messages.
    """
    held: list[Any] = []
    rows_before = rows = 0
    for batch in batches:
        held.append(batch)
        rows += batch.num_rows
        if rows >= PIECE_ROWS:
            table = pa.Table.from_batches(held)
            whole = rows - rows % PIECE_ROWS
            for start in range(0, whole, PIECE_ROWS):
                yield _table_span(name, table.slice(start, PIECE_ROWS), rows_before + start)
            rows_before += whole
            held, rows = table.slice(whole).to_batches(), rows - whole
    if rows:
        yield _table_span(name, pa.Table.from_batches(held), rows_before)


def _table_span(name: str, table: Any, rows_before: int) -> Span:
    rows = table.num_rows
    return Span(name, rows_before=rows_before, rows=rows, size=rows, table=table)


def _spans_or_error(path: str, delimiter: str | None) -> list[Span] | UnreadableError:
    try:
        return _spans(path, delimiter)
    except UnreadableError as error:
        error.span = Span(path)
        return error


def _is_whole(path: str) -> bool:
    """Return whether a file of a web server is to be read whole: text, or without ranges."""
    with reading_errors(path):
        return is_web(path) and not (is_typed(path) and has_ranges(path))


def _spans(path: str, delimiter: str | None) -> list[Span]:
    """Return a file as its parts; as one span if it has none that can be read apart."""
    if path == STDIN or is_query(path) or _is_whole(path):
        return [Span(path)]
    counts = None
    if is_typed(path):
        with open_source(path, delimiter) as source, reading_errors(path):
            counts = source.part_rows
    if counts is None:
        with reading_errors(path):
            size = 0 if is_table(path) else file_size(path)
        return [Span(path, size=size // BYTES_PER_ROW)]
    if not counts:  # no rows, but there are columns that the job may lack
        return [Span(path, range(0), rows=0)]
    starts = accumulate(counts, initial=0)
    return [
        Span(path, range(part, part + 1), start, rows, rows)
        for part, (start, rows) in enumerate(zip(starts, counts, strict=False))
    ]
