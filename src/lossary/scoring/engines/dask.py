"""The engine of Dask's distributed scheduler: a running cluster, or processes of this machine."""

from __future__ import annotations

import secrets
from collections.abc import Generator, Iterable
from contextlib import ExitStack
from typing import Any

from dask import config as dask_config
from distributed import Client, LocalCluster
from distributed.scheduler import KilledWorker

from lossary.errors import value_error
from lossary.kernels.threads import get_num_threads
from lossary.scoring.engines.ahead import Pieces, lost_workers_error, results_in_order
from lossary.scoring.engines.engine import Function
from lossary.scoring.engines.options import EngineOptions
from lossary.scoring.engines.outcome import Done, Outcomes
from lossary.scoring.partial import Partial
from lossary.scoring.pieces import Piece

_SECONDS_TO_CONNECT = 10
#: Dask's settings for workers that are started here. They keep freed memory: by default they give
#: it back to the system as soon as 64 KiB are free, and arrays of 128 KiB at once, and a piece
#: frees megabytes with every batch: half of their time would go into that. No thread of theirs
#: looks every 10 ms at what the others do, which takes 3 to 5 % of their time.
SETTINGS: dict[str, object] = {
    "distributed.nanny.pre-spawn-environ.MALLOC_TRIM_THRESHOLD_": 1 << 27,
    "distributed.nanny.pre-spawn-environ.MALLOC_MMAP_THRESHOLD_": 1 << 25,
    "distributed.worker.profile.enabled": False,
}


class DaskEngine:
    """Scores pieces on the workers of a Dask cluster.

    Dask does the pieces of a lost worker again on others, and gives a piece up that three workers
    were lost with.

    Parameters
    ----------
    function : str
        The public function, for messages.
    options : EngineOptions
        The address of a scheduler such as ``tcp://host:8786``; without one, a cluster of processes
        of this machine is started and ended.
    """

    in_process = False

    def __init__(self, function: str, options: EngineOptions) -> None:
        self._function = function
        self._options = options

    def map(self, function: Function, pieces: Iterable[Piece]) -> Generator[Partial]:
        """Yield the results in the order of the pieces."""
        with ExitStack() as stack:
            client = self._connect(stack)
            outcomes, job = Outcomes(function), secrets.token_hex(4)

            def send(pieces: Pieces) -> Any:
                key = f"lossary-score-{job}-{pieces[0].index}"
                return client.submit(outcomes, pieces, key=key)

            def cores() -> int:
                return sum(client.nthreads().values())

            yield from results_in_order(pieces, send, _result, client.cancel, cores)

    def _connect(self, stack: ExitStack) -> Any:
        """Return a client, which ends with the stack."""
        address, workers = self._options.scheduler, self._options.workers
        if address is None:
            with dask_config.set(SETTINGS):
                cluster: Any = LocalCluster(
                    n_workers=workers or get_num_threads(),
                    threads_per_worker=1,
                    dashboard_address="127.0.0.1:0",
                )
            address = stack.enter_context(cluster).scheduler_address
        elif workers is not None:
            remedy = "The cluster has the workers that it has."
            requirement = "must be left out where a scheduler is given"
            raise value_error(self._function, "workers", requirement, workers, remedy)
        try:
            client = Client(address, timeout=_SECONDS_TO_CONNECT, set_as_default=False)
            return stack.enter_context(client)
        except (OSError, ValueError) as error:  # TimeoutError is an OSError
            requirement = "must be the address of a running Dask scheduler, as tcp://host:8786"
            remedy = str(error).partition("\n")[0]
            raise value_error(
                self._function, "scheduler", requirement, repr(address), remedy
            ) from None


def _result(pieces: Pieces, future: Any) -> Done:
    try:
        done: Done = future.result()
    except KilledWorker as error:
        raise lost_workers_error(pieces, error.allowed_failures + 1) from None
    return done


def open_engine(function: str, options: EngineOptions) -> DaskEngine:
    """Return the engine."""
    return DaskEngine(function, options)
