"""Pieces that take little time are sent to clusters together, and their results come in order."""

import pyarrow as pa
import pytest

from lossary.errors import LossaryError
from lossary.scoring.engines.ahead import results_in_order
from lossary.scoring.engines.outcome import Done, Outcomes
from lossary.scoring.pieces import Piece, Span

PIECES = [Piece(index, (Span("a.parquet", range(index, index + 1)),)) for index in range(200)]


def run(pieces, seconds, cores=2, function=lambda piece: piece.index):
    """Return the results and the sizes of the tasks, where a piece takes some time."""
    sent, waiting, cancelled = [], [], []

    def send(task):
        sent.append(len(task))
        waiting.append(task)
        assert len(waiting) <= 4 * cores
        return Outcomes(function)(task)

    def result(task, done):
        assert waiting.pop(0) == task
        return Done(done.outcomes, seconds * len(task))

    found = list(results_in_order(pieces, send, result, cancelled.extend, lambda: cores))
    assert not cancelled
    return found, sent


@pytest.mark.parametrize(("seconds", "most"), [(0.0, 1), (0.001, 8), (0.03, 3), (0.2, 1)])
def test_a_task_takes_a_tenth_of_a_second(seconds, most):
    found, sent = run(PIECES, seconds)
    assert found == [*range(200)]
    assert max(sent) == most
    assert sent[:8] == [1] * 8  # as nothing is known of the time yet
    assert sent[-1] == 1


def test_pieces_in_memory_are_sent_one_by_one():
    taken = []

    def pieces():
        for index in range(30):
            taken.append(index)
            yield Piece(index, (Span("table", table=pa.table({"x": [index]})),))

    found, sent = run(pieces(), 0.001)
    assert found == taken
    assert sent == [1] * 30


def test_an_error_comes_in_its_turn():
    def function(piece):
        if piece.index >= 50:
            message = f"piece {piece.index}"
            raise LossaryError(message)
        return piece.index

    def result(task, done):
        return Done(done.outcomes, 0.01 * len(task))

    found = results_in_order(PIECES, Outcomes(function), result, lambda references: None, lambda: 2)
    assert [next(found) for _ in range(50)] == [*range(50)]
    with pytest.raises(LossaryError, match="piece 50"):
        next(found)
