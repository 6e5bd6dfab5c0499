"""What travels back from another process: a result, or the error about a piece."""

from __future__ import annotations

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


def partial_of(outcome: Partial | LossaryError) -> Partial:
    """Return the result; raise if it is an error."""
    if isinstance(outcome, LossaryError):
        raise outcome
    return outcome
