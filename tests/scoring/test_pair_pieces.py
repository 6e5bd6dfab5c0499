"""The pieces of comparisons: every row of A beside the same row of B, whatever the row groups."""

import random

import pytest

from lossary.scoring import pieces
from lossary.scoring.pair_pieces import pieces_of_one, pieces_of_two
from lossary.scoring.pieces import Span


def spans(name, sizes):
    """Return the spans of a file with row groups of these sizes."""
    found, before = [], 0
    for part, rows in enumerate(sizes):
        found.append(Span(name, range(part, part + 1), before, rows, rows))
        before += rows
    return found


def divided(source, rows):
    """Return a number of rows in random parts, of which some are empty."""
    sizes = []
    while sum(sizes) < rows:
        sizes.append(min(source.choice([0, 0, 1, 3, 10, 40]), rows - sum(sizes)))
    return sizes + [0] * source.randint(0, 1)


@pytest.mark.parametrize("seed", range(30))
def test_rows_are_paired_once(seed, monkeypatch):
    monkeypatch.setattr(pieces, "PIECE_ROWS", 20)
    source = random.Random(seed)
    rows = source.choice([0, 1, 20, 150])
    a, b = (spans(name, divided(source, rows) or [0]) for name in "ab")
    start = 0
    seen_b = set()
    for place, piece in enumerate(pieces_of_two(a, b)):
        assert piece.index == place
        assert piece.rows == piece.size
        if piece.size:
            stop = start + piece.size
            head, tail = piece.spans_b[0], piece.spans_b[-1]
            first, last = b[head.parts[0]], b[tail.parts[-1]]
            assert head.rows_before + piece.before == start
            assert stop <= last.rows_before + last.rows
            # Nothing is read but the row groups that have these rows.
            assert piece.before < first.rows or not first.rows
            assert last.rows_before < stop or not last.rows
        seen_b |= {part for span in piece.spans_b for part in span.parts}
        start += piece.size
    assert start == rows
    assert seen_b == set(range(len(b)))  # those without rows too: they have columns


def test_text_is_one_piece():
    text = Span("c.csv", size=1 << 24)
    (piece,) = pieces_of_two(spans("a", [5, 5]), [text])
    assert (piece.size, piece.spans_b, len(piece.spans)) == (None, (text,), 1)
    (first, second) = pieces_of_one([text, Span("d.csv", size=1 << 24)])
    assert (first.spans_b, second.index) == (None, 1)
