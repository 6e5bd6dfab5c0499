"""The engine of this process: threads, because kernels and PyArrow release the GIL."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event

from lossary.errors import value_error
from lossary.kernels.threads import get_num_threads
from lossary.scoring.engines.engine import Function
from lossary.scoring.engines.options import EngineOptions
from lossary.scoring.partial import Partial
from lossary.scoring.pieces import Piece

# Pieces that wait for a thread, and results that wait for their turn, for each thread.
_AHEAD = 2


class LocalEngine:
    """Scores pieces in threads; with one worker, in the calling thread.

    Attributes
    ----------
    stopped : Event
        Set when the results are no longer wanted, for functions to look at.
    """

    in_process = True

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self.stopped = Event()

    def map(self, function: Function, pieces: Iterable[Piece]) -> Generator[Partial]:
        """Yield the results in the order of the pieces."""
        if self.workers == 1:
            yield from map(function, pieces)
            return
        with ThreadPoolExecutor(self.workers, "lossary-score") as pool:
            waiting: deque[Future[Partial]] = deque()
            try:
                for piece in pieces:
                    waiting.append(pool.submit(function, piece))
                    if len(waiting) >= _AHEAD * self.workers:
                        yield waiting.popleft().result()
                while waiting:
                    yield waiting.popleft().result()
            except BaseException:
                self.stopped.set()
                pool.shutdown(wait=False, cancel_futures=True)
                raise


def open_engine(function: str, options: EngineOptions) -> LocalEngine:
    """Return the engine, with a thread for each core unless the number of workers is given."""
    if options.scheduler is not None:
        requirement = "must be left out for the local engine"
        raise value_error(function, "scheduler", requirement, repr(options.scheduler))
    return LocalEngine(options.workers or get_num_threads())
