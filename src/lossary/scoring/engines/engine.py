"""The interface of engines, and the engines by name."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from typing import Any, Protocol

from lossary.errors import choices, did_you_mean, shown, value_error
from lossary.optional import require
from lossary.scoring.engines.options import ENGINES, EngineOptions
from lossary.scoring.partial import Partial
from lossary.scoring.pieces import Piece

Function = Callable[[Piece], Partial]


class Engine(Protocol):
    """Calls a function for each piece, somewhere.

    Attributes
    ----------
    in_process : bool
        Whether the function is called in this process, so that it may read standard input, write a
        file in order and tell of its progress.
    """

    in_process: bool

    def map(self, function: Function, pieces: Iterable[Piece]) -> Generator[Partial]:
        """Yield the results in the order of the pieces; a lost worker's pieces are done again."""


def open_engine(function: str, options: EngineOptions) -> Engine:
    """Return an engine.

    Raises
    ------
    ValueError
        If the engine is unknown, or one of the options is not for it.
    ImportError
        If its library is not installed.
    """
    name = options.name
    if name not in ENGINES:
        remedy = did_you_mean(name, ENGINES)
        raise value_error(function, "engine", f"must be {choices(ENGINES)}", repr(name), remedy)
    workers = options.workers
    if workers is not None and (type(workers) is not int or workers < 1):
        raise value_error(function, "workers", "must be a positive integer", shown(workers))
    library, install = ENGINES[name]
    module: Any = require(
        function, f"lossary.scoring.engines.{name}", library=library, install=install
    )
    engine: Engine = module.open_engine(function, options)
    return engine
