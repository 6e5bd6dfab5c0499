"""What travels back from another process: a result, or the error about a piece."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from lossary.errors import LossaryError
from lossary.scoring.engines.engine import Function
from lossary.scoring.partial import Partial
from lossary.scoring.pieces import Piece


@dataclass(frozen=True, slots=True)
class Outcome:
    """Calls a function of a piece, and returns the package's own errors instead of raising them.

    An engine that sees an error writes it to its logs or keeps its text alone.
    """

    function: Function

    def __call__(self, piece: Piece) -> Partial | LossaryError:
        """Return the result for a piece, or the error."""
        try:
            return self.function(piece)
        except LossaryError as error:
            return error


@dataclass(frozen=True, slots=True)
class Done:
    """The results of pieces that were scored together, up to the first error.

    Attributes
    ----------
    outcomes : list of (Partial or LossaryError)
        The results.
    seconds : float
        How long it took.
    """

    outcomes: list[Partial | LossaryError]
    seconds: float


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Calls a function of a piece for several, as :class:`Outcome` does for one."""

    function: Function

    def __call__(self, pieces: Sequence[Piece]) -> Done:
        """Return the results for pieces; those behind an error are not scored."""
        outcome, found = Outcome(self.function), []
        start = time.perf_counter()
        for piece in pieces:
            found.append(outcome(piece))
            if isinstance(found[-1], LossaryError):
                break
        return Done(found, time.perf_counter() - start)


def partial_of(outcome: Partial | LossaryError) -> Partial:
    """Return the result; raise if it is an error."""
    if isinstance(outcome, LossaryError):
        raise outcome
    return outcome
