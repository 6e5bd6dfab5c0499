"""The run of a job: files are found and cut into pieces, an engine scores them, results merge."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from threading import Event, Lock
from typing import Any, Protocol

import pyarrow as pa

from lossary.errors import value_error
from lossary.scoring.addresses import display_name
from lossary.scoring.arrow_types import common_types
from lossary.scoring.blocks import STDIN
from lossary.scoring.engines.engine import Engine, Function, open_engine
from lossary.scoring.engines.local import LocalEngine
from lossary.scoring.engines.options import EngineOptions
from lossary.scoring.errors import data_error
from lossary.scoring.files import check_output, find_files, found_elsewhere
from lossary.scoring.job import FUNCTION, Job
from lossary.scoring.merging import Merger
from lossary.scoring.output import Output, open_output
from lossary.scoring.pieces import PIECE_ROWS, Piece, cut, piece_rows, row_count
from lossary.scoring.readers import output_types, reading_errors
from lossary.scoring.result import LeftOut, Progress, Run, Score
from lossary.scoring.scorer import PieceScorer
from lossary.scoring.spans import TABLE, file_spans, table_spans


def run_files(job: Job, options: EngineOptions, progress: Progress | None) -> Score:
    """Run a job over its files; see :func:`lossary.scoring.run_job`."""
    engine = open_engine(FUNCTION, options)
    files = find_files(job.files, job.output)
    check_output(FUNCTION, files, job.output)
    check_engine(FUNCTION, job, files, engine)
    files = files if engine.in_process else found_elsewhere(files)
    merger = Merger(job, [*map(display_name, files)])
    spans, errors = file_spans(files, job.delimiter)
    if errors and not job.skip_unreadable:
        raise errors[0]
    merger.leave_out(*(LeftOut(str(item.span), None, str(item)) for item in errors))
    with _output(job, lambda: output_types(files)) as output:
        pieces = cut(spans, piece_rows(spans))
        return _run(job, pieces, row_count(spans), engine, merger, output, progress)


def run_table(job: Job, table: Any, options: EngineOptions, progress: Progress | None) -> Score:
    """Run a job over a table that exports an Arrow stream."""
    engine = open_engine(FUNCTION, options)
    check_output(FUNCTION, (), job.output)
    check_engine(FUNCTION, job, (), engine)
    merger = Merger(job, [TABLE])
    with reading_errors(TABLE):
        reader = pa.RecordBatchReader.from_stream(table)
    with _output(job, lambda: common_types([reader.schema])) as output:
        pieces = cut(table_spans(_batches(reader)), PIECE_ROWS)
        return _run(job, pieces, None, engine, merger, output, progress)


def _batches(reader: Any) -> Iterator[Any]:
    """Yield the record batches of a table, which may be made as they are asked for."""
    with reading_errors(TABLE):
        yield from reader


def _run(
    job: Job,
    pieces: Iterator[Piece],
    total: int | None,
    engine: Engine,
    merger: Merger,
    output: Output | None,
    progress: Progress | None,
) -> Score:
    if output is not None:
        engine = LocalEngine(1)  # rows are written in their order
    merge_pieces(
        lambda pulse: PieceScorer(job, output, pulse), pieces, total, engine, merger, progress
    )
    return merger.finish()


class Merging(Protocol):
    """Merges the results of pieces, which come in the order of the pieces."""

    @property
    def result(self) -> Run:
        """Return the merged results of the pieces added so far."""

    def add(self, partial: Any) -> None:
        """Add the result of the next piece."""


def merge_pieces(
    scorer: Callable[[Pulse | None], Function],
    pieces: Iterator[Piece],
    total: int | None,
    engine: Engine,
    merger: Merging,
    progress: Progress | None,
) -> None:
    """Have an engine score pieces, and merge what they give.

    ``scorer`` returns what scores a piece; it is given what to call after each batch, where the
    engine is in this process.
    """
    pulse = None
    if isinstance(engine, LocalEngine):
        pulse = Pulse(progress, total, engine.stopped)
    with closing(engine.map(scorer(pulse), pieces)) as partials:
        for partial in partials:
            merger.add(partial)
            if progress and not pulse:
                progress(merger.result.rows, total)


class Pulse:
    """Tells of the progress of pieces in several threads, and ends them when they are to stop."""

    def __init__(self, progress: Progress | None, total: int | None, stopped: Event) -> None:
        self._progress = progress
        self._total = total
        self._stopped = stopped
        self._lock = Lock()
        self._rows = 0

    def __call__(self, rows: int) -> None:
        """Add rows to those that were read."""
        if self._stopped.is_set():
            raise _Stopped
        with self._lock:
            self._rows += rows
            if self._progress:
                self._progress(self._rows, self._total)


class _Stopped(Exception):
    """The result of a piece is no longer wanted."""


@contextmanager
def _output(job: Job, types: Callable[[], dict[str, Any]]) -> Iterator[Output | None]:
    if job.output is None:
        yield None
        return
    with open_output(job.output, types()) as output:
        yield output


def check_engine(function: str, job: Job, files: Sequence[str], engine: Engine) -> None:
    """Raise if an engine elsewhere is to do what only this process can."""
    if engine.in_process:
        return
    remedy = "Take the local engine."
    if job.output is not None:
        requirement = "needs the engine of this process, which writes the rows in their order"
        raise value_error(function, "--output", requirement, job.output, remedy)
    if STDIN in files:
        raise data_error(STDIN, "only this process can read standard input", remedy)
    for spec in job.losses:
        module = spec.loss.formula.__module__
        if module == "__main__" or module not in sys.modules:
            requirement = "must be of a module that other processes can import"
            raise value_error(function, "losses", requirement, spec.title, remedy)
