"""The pieces that a comparison is cut into: rows of A, and the same rows of B.

As those of a single model (``pieces``) they depend on the data alone.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from lossary.scoring.pieces import Piece, Span, cut, piece_rows, row_count


@dataclass(frozen=True, slots=True)
class PairPiece(Piece):
    """Rows of both models that are compared by one call; ``spans`` are those of A.

    Attributes
    ----------
    spans_b : tuple of Span, optional
        The rows of B, and maybe others around them; None where both predictions are in the same
        files.
    before : int
        The number of rows to skip at the start of these.
    size : int, optional
        The number of rows to compare; None for all, of which the numbers are to be compared then.
    """

    spans_b: tuple[Span, ...] | None = None
    before: int = 0
    size: int | None = None


def pieces_of_one(spans: Sequence[Span]) -> Iterator[PairPiece]:
    """Yield the pieces of two predictions in the same files."""
    for piece in cut(spans, piece_rows(spans)):
        yield PairPiece(piece.index, piece.spans)


def pieces_of_two(spans: Sequence[Span], spans_b: Sequence[Span]) -> Iterator[PairPiece]:
    """Yield the pieces of two sources; there is one where a format stores no number of rows.

    Both have the same number of rows, where it is known.
    """
    if row_count(spans) is None or row_count(spans_b) is None:
        yield PairPiece(0, _joined(spans), _joined(spans_b))
        return
    starts = [*accumulate((span.rows or 0 for span in spans_b), initial=0)]
    start = taken = 0
    for piece in cut(spans, piece_rows(spans)):
        size = piece.rows or 0
        first = taken
        while taken < len(spans_b) and starts[taken] < start + size:
            taken += 1
        if start + size == starts[-1]:
            taken = len(spans_b)  # those without rows too
        before = start - starts[first] if first < len(spans_b) else 0
        yield PairPiece(piece.index, piece.spans, _joined(spans_b[first:taken]), before, size)
        start += size
        if taken and starts[taken] > start:  # its other rows belong to the next piece
            taken -= 1


def _joined(spans: Sequence[Span]) -> tuple[Span, ...]:
    """Return spans of which those that follow one another in a file are one."""
    return next((piece.spans for piece in cut(spans, sys.maxsize)), ())
