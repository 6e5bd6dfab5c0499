"""The engine of Spark Connect: a frame of pieces, which a server maps to a frame of results."""

from __future__ import annotations

import os
import pickle
import socket
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import pyarrow as pa
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from lossary.errors import value_error
from lossary.scoring.engines.engine import Function
from lossary.scoring.engines.options import EngineOptions
from lossary.scoring.engines.outcome import Outcome, partial_of
from lossary.scoring.errors import data_error
from lossary.scoring.partial import Partial
from lossary.scoring.pieces import Piece

_PORT = 15002  # of Spark Connect, where the address has none
_SECONDS_TO_CONNECT = 10
# Pieces of a task, and the number of tasks at most, if the number of workers is not given: a server
# of one machine may run all tasks at once.
_PIECES, _TASKS = 4, 1000


class SparkEngine:
    """Scores pieces on a Spark Connect server.

    Spark does the pieces of a lost worker again on others.

    Parameters
    ----------
    function : str
        The public function, for messages.
    options : EngineOptions
        The address of the server, such as ``sc://host:15002``. ``workers`` is the number of tasks
        that the pieces are divided among.
    """

    in_process = False

    def __init__(self, function: str, options: EngineOptions) -> None:
        self._function = function
        self._address = options.scheduler or ""
        self._tasks = options.workers

    def map(self, function: Function, pieces: Iterable[Piece]) -> Generator[Partial]:
        """Yield the results in the order of the pieces."""
        every = list(pieces)
        if not every:
            return
        session = self._connect()
        try:
            yield from self._map(session, function, every)
        except PySparkException as error:
            reason = str(error).strip().splitlines()[-1]
            address, _, _ = self._address.partition(";")
            raise data_error(address, f"Spark gave the job up: {reason}") from None
        finally:
            # Whatever ends the job, no piece goes on.
            session.interruptAll()
            session.stop()

    def _map(self, session: Any, function: Function, pieces: list[Piece]) -> Generator[Partial]:
        frame = session.createDataFrame(
            pa.table(
                {
                    "index": pa.array([piece.index for piece in pieces], pa.int64()),
                    "content": pa.array(map(pickle.dumps, pieces), pa.binary()),
                }
            )
        )
        tasks = self._tasks or min(-(-len(pieces) // _PIECES), _TASKS)
        mapped = frame.repartition(tasks).mapInArrow(_over(function), "index long, content binary")
        early: dict[int, Any] = {}
        place = 0
        for row in mapped.toLocalIterator():
            early[row["index"]] = row["content"]
            while place in early:
                yield partial_of(pickle.loads(bytes(early.pop(place))))
                place += 1

    def _connect(self) -> Any:
        """Return a session of this job's own."""
        given, _, _ = self._address.partition(";")  # what follows may hold a secret
        requirement = "must be the address of a Spark Connect server, as sc://host:15002"
        parts = urlsplit(given)
        try:
            if parts.scheme != "sc" or not parts.hostname:
                raise ValueError
            # The client itself would go on trying for minutes.
            address = parts.hostname, parts.port or _PORT
            socket.create_connection(address, timeout=_SECONDS_TO_CONNECT).close()
        except (OSError, ValueError) as error:
            silent = f"It does not answer: {getattr(error, 'strerror', None) or error}"
            remedy = silent if isinstance(error, OSError) else ""
            raise value_error(
                self._function, "scheduler", requirement, repr(given), remedy
            ) from None
        with warnings.catch_warnings(), _with_a_home():
            warnings.simplefilter("ignore", FutureWarning)  # about the release of pandas
            return SparkSession.builder.remote(self._address).create()


@contextmanager
def _with_a_home() -> Iterator[None]:
    """Name a folder as that of Spark.

    Where Python runs no file, as with ``python -c``, PySpark takes that for a test of its own and
    looks for Java's Spark, which its client does not need.
    """
    before = os.environ.get("SPARK_HOME")
    os.environ["SPARK_HOME"] = before or os.path.dirname(__file__)
    try:
        yield
    finally:
        if before is None:
            del os.environ["SPARK_HOME"]


def _over(function: Function) -> Callable[[Iterator[Any]], Iterator[Any]]:
    """Return a function of record batches of pieces, to record batches of results."""
    outcome = Outcome(function)

    def scored(batches: Iterator[Any]) -> Iterator[Any]:
        for batch in batches:
            for index, content in zip(batch["index"], batch["content"], strict=True):
                given = pickle.dumps(outcome(pickle.loads(content.as_py())))
                columns = pa.array([index.as_py()], pa.int64()), pa.array([given], pa.binary())
                yield pa.record_batch([*columns], names=["index", "content"])

    return scored


def open_engine(function: str, options: EngineOptions) -> SparkEngine:
    """Return the engine."""
    return SparkEngine(function, options)
