"""The pieces that a job is cut into, each scored by one call.

The cut depends on the data alone, never on who scores the pieces or on how many do. So every engine
and every number of workers gives the same result, to the last bit.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from lossary.scoring.addresses import display_name

#: Rows of a piece, at least; the last one may have fewer.
PIECE_ROWS = 1 << 20
#: No more pieces than this, so that merging their results takes seconds for any number of rows.
MAX_PIECES = 1 << 12
#: How many bytes of text count as a row.
BYTES_PER_ROW = 64


@dataclass(frozen=True, slots=True)
class Span:
    """Rows of one file, or of a table in memory.

    Attributes
    ----------
    path : str
        The file; a name for messages where there is a table.
    parts : range, optional
        The row groups of a Parquet file, or the record batches of an Arrow file; None for a file
        that is read from its start to its end.
    rows_before : int
        The number of rows of the file before these.
    rows : int, optional
        The number of rows, where the format stores it.
    size : int
        The number of rows, or an estimate.
    table : pyarrow.Table, optional
        The rows, where they are in memory.
    """

    path: str
    parts: range | None = None
    rows_before: int = 0
    rows: int | None = None
    size: int = 0
    table: Any = None

    def __str__(self) -> str:
        path = display_name(self.path)
        if self.table is not None:
            return f"rows {self.rows_before + 1} to {self.rows_before + self.size} of {path}"
        if self.parts is None or len(self.parts) == 0:
            return path
        return f"{path}, parts {self.parts.start} to {self.parts[-1]}"

    def joined(self, following: Span) -> Span | None:
        """Return these rows and those directly behind them in the file; None for any others."""
        parts, next_parts = self.parts, following.parts
        if parts is None or next_parts is None:
            return None
        if self.path != following.path or parts.stop != next_parts.start:
            return None
        rows = None if self.rows is None or following.rows is None else self.rows + following.rows
        parts = range(parts.start, next_parts.stop)
        return replace(self, parts=parts, rows=rows, size=self.size + following.size)


@dataclass(frozen=True, slots=True)
class Piece:
    """Rows that are scored by one call.

    Attributes
    ----------
    index : int
        The place of the piece among all.
    spans : tuple of Span
        The rows, in order: of one file or of several.
    """

    index: int
    spans: tuple[Span, ...]

    def __str__(self) -> str:
        first, last = self.spans[0], self.spans[-1]
        return str(first) if first is last else f"{first} to {last}"

    @property
    def rows(self) -> int | None:
        """The number of rows, where the formats of all files store it."""
        return row_count(self.spans)

    def without(self, span: Span) -> Piece:
        """Return the piece without the rows of a span."""
        return replace(self, spans=tuple(item for item in self.spans if item is not span))


def row_count(spans: Iterable[Span]) -> int | None:
    """Return the number of rows of spans; None if a format does not store it."""
    total = 0
    for span in spans:
        if span.rows is None:
            return None
        total += span.rows
    return total


def piece_rows(spans: Sequence[Span]) -> int:
    """Return the number of rows of a piece of these data."""
    return max(PIECE_ROWS, sum(span.size for span in spans) // MAX_PIECES)


def cut(spans: Iterable[Span], rows: int) -> Iterator[Piece]:
    """Yield pieces of a number of rows, or a little more: a span is never divided."""
    held: list[Span] = []
    index = size = 0
    for span in spans:
        if held and (joined := held[-1].joined(span)):
            held[-1] = joined
        else:
            held.append(span)
        size += span.size
        if size >= rows:
            yield Piece(index, tuple(held))
            held, size, index = [], 0, index + 1
    if held:
        yield Piece(index, tuple(held))
