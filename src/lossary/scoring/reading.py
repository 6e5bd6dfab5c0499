"""The rows of files as batches, with the columns that jobs use of them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager

from lossary.scoring.addresses import display_name
from lossary.scoring.binding import Binding, Use, bind
from lossary.scoring.columns import Batch
from lossary.scoring.errors import DataError, UnreadableError
from lossary.scoring.pieces import Span
from lossary.scoring.readers import open_source, reading_errors
from lossary.scoring.source import Selection, Source
from lossary.scoring.typed_readers import Memory


def bind_source(
    path: str,
    source: Source,
    uses: Sequence[Use],
    optional: Collection[Use] = (),
) -> Binding:
    """Find the columns of a file, beyond its start where they are not all there."""
    with reading_errors(path):
        if any(use.option == "--output" for use in uses):  # which copies every column
            source.complete()
        try:
            binding = bind(path, source.columns, uses, optional)
            if not binding.lacking:
                return binding
        except DataError:
            pass
        source.complete()
        return bind(path, source.columns, uses, optional)


@contextmanager
def open_span(span: Span, delimiter: str | None) -> Iterator[Source]:
    """Open the file of a span; or its table, which is as good as a file."""
    if span.table is not None:
        yield Memory(span.table)
        return
    with open_source(span.path, delimiter) as source:
        yield source


@contextmanager
def reading(span: Span) -> Iterator[None]:
    """Add the span to an error about a file that cannot be read."""
    try:
        yield
    except UnreadableError as error:
        error.span = span
        raise


def read_batches(
    path: str,
    source: Source,
    selection: Selection,
    parts: range | None = None,
    rows_before: int = 0,
) -> Iterator[Batch]:
    """Yield the rows of a file, or of parts of it; they count from 1 in the file."""
    first_row = rows_before + 1
    name = display_name(path)
    try:
        with reading_errors(path):
            for data in source.read(selection, parts):
                next_row = first_row + data.values.num_rows
                rows = range(first_row, next_row)
                yield Batch(data.values, name, rows, source.textual, data.numbers)
                first_row = next_row
    except UnreadableError:
        raise
    except DataError as error:  # a row that is broken
        raise UnreadableError(str(error)) from None
