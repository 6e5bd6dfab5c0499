"""The engine of Ray: a running cluster, or processes of this machine."""

from __future__ import annotations

import logging
import signal
import socket
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any
from urllib.parse import urlsplit

import ray
from ray import exceptions

from lossary.errors import LossaryError, value_error
from lossary.kernels.threads import get_num_threads
from lossary.scoring.engines.ahead import Pieces, lost_workers_error, results_in_order
from lossary.scoring.engines.engine import Function
from lossary.scoring.engines.options import EngineOptions
from lossary.scoring.engines.outcome import Done, Outcomes
from lossary.scoring.partial import Partial
from lossary.scoring.pieces import Piece

# How often a piece is scored again whose worker is lost.
_RETRIES = 3
_SECONDS_TO_CONNECT = 10
_LOST = (
    exceptions.LocalRayletDiedError,
    exceptions.NodeDiedError,
    exceptions.ObjectLostError,
    exceptions.OutOfMemoryError,
    exceptions.WorkerCrashedError,
)


class RayEngine:
    """Scores pieces on the workers of a Ray cluster.

    Ray does the pieces of a lost worker again on others.

    Parameters
    ----------
    function : str
        The public function, for messages.
    options : EngineOptions
        The address of a cluster such as ``ray://host:10001``. Without one, the cluster that this
        process is connected to is used; if there is none, processes of this machine are started and
        ended.
    """

    in_process = False

    def __init__(self, function: str, options: EngineOptions) -> None:
        self._function = function
        self._address = options.scheduler
        self._workers = options.workers

    def map(self, function: Function, pieces: Iterable[Piece]) -> Generator[Partial]:
        """Yield the results in the order of the pieces."""
        with ExitStack() as stack:
            self._connect(stack)
            task = ray.remote(_scored).options(name="lossary-score", max_retries=_RETRIES)
            outcomes = Outcomes(function)

            def send(pieces: Pieces) -> Any:
                return task.remote(outcomes, pieces)

            yield from results_in_order(pieces, send, _result, _cancel, _cores)

    def _connect(self, stack: ExitStack) -> None:
        """Connect to a cluster, until the stack ends; keep a connection that is there."""
        is_connected = ray.is_initialized()
        if self._workers is not None and (is_connected or self._address is not None):
            remedy = "The cluster has the workers that it has."
            requirement = "must be left out where a cluster is there"
            raise value_error(self._function, "workers", requirement, self._workers, remedy)
        if is_connected:
            if self._address is not None:
                remedy = "Call ray.shutdown() before."
                requirement = "must be left out where this process is connected to Ray"
                raise self._error(requirement, remedy)
            return
        stack.enter_context(_sigterm_restored())
        stack.callback(ray.shutdown)
        # Ray would tell where it connects to, and print what workers print.
        quiet: Any = {"log_to_driver": False, "logging_level": logging.WARNING}
        if self._address is None:
            cores = self._workers or get_num_threads()
            ray.init("local", num_cpus=cores, include_dashboard=False, **quiet)
            return
        try:
            _check_answers(self._address)
            ray.init(self._address, **quiet)
        except (OSError, RuntimeError, ValueError) as error:
            requirement = "must be the address of a running Ray cluster, as ray://host:10001"
            raise self._error(requirement, str(error).partition("\n")[0]) from None

    def _error(self, requirement: str, remedy: str) -> LossaryError:
        return value_error(self._function, "scheduler", requirement, repr(self._address), remedy)


def _scored(outcomes: Outcomes, pieces: Pieces) -> Done:
    """Score pieces, in a worker."""
    return outcomes(pieces)


def _result(pieces: Pieces, reference: Any) -> Done:
    try:
        done: Done = ray.get(reference)
    except _LOST:
        raise lost_workers_error(pieces, _RETRIES + 1) from None
    return done


def _cancel(references: Sequence[Any]) -> None:
    for reference in references:
        ray.cancel(reference)


def _cores() -> int:
    return int(ray.cluster_resources().get("CPU", 1))


def _check_answers(address: str) -> None:
    """Raise OSError if nothing listens at an address: Ray itself would try for minutes."""
    parts = urlsplit(address if "://" in address else f"//{address}")
    if parts.hostname and parts.port:
        socket.create_connection((parts.hostname, parts.port), timeout=_SECONDS_TO_CONNECT).close()


@contextmanager
def _sigterm_restored() -> Iterator[None]:
    """Restore what this process does when it is told to end, which Ray replaces."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if before is not None and signal.getsignal(signal.SIGTERM) is not before:
            signal.signal(signal.SIGTERM, before)


def open_engine(function: str, options: EngineOptions) -> RayEngine:
    """Return the engine."""
    return RayEngine(function, options)
