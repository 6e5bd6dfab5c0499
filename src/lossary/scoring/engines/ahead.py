"""Pieces on the workers of a cluster: some are sent before their turn, results come in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from typing import Any

from lossary.errors import LossaryError
from lossary.scoring.errors import data_error
from lossary.scoring.partial import Partial
from lossary.scoring.pieces import Piece

# Pieces that are sent before their turn, for each core of the cluster. What they give stays in its
# memory until its turn comes.
_AHEAD = 4
_ASKED_EVERY = 16


def results_in_order(
    pieces: Iterable[Piece],
    send: Callable[[Piece], Any],
    result: Callable[[Piece, Any], Partial],
    cancel: Callable[[list[Any]], object],
    cores: Callable[[], int],
) -> Generator[Partial]:
    """Yield the results in the order of the pieces.

    Parameters
    ----------
    pieces : iterable of Piece
        What is to be done.
    send : callable
        Sends a piece to the cluster and returns a reference to its result.
    result : callable
        Waits for the result of a piece, given the piece and the reference.
    cancel : callable
        Cancels what is left, given its references, whatever ends the job.
    cores : callable
        Returns the number of cores of the cluster, which may change.
    """
    waiting: deque[tuple[Piece, Any]] = deque()
    most = _AHEAD
    try:
        for piece in pieces:
            if piece.index % _ASKED_EVERY == 0:
                most = _AHEAD * (cores() or 1)
            waiting.append((piece, send(piece)))
            if len(waiting) >= most:
                yield result(*waiting.popleft())
        while waiting:
            yield result(*waiting.popleft())
    finally:
        cancel([reference for _, reference in waiting])


def lost_workers_error(piece: Piece, count: int) -> LossaryError:
    """Return the error for a piece that several workers were lost with."""
    problem = f"the workers that scored it were lost, {count} in all"
    remedy = "They may need more memory; what they last wrote to their logs may tell."
    return data_error(str(piece), problem, remedy)
