"""The run of a comparison: rows are cut into pieces, an engine compares them, results merge."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace

from lossary.scoring.comparer import FUNCTION, PairScorer, check_counts
from lossary.scoring.engines.engine import open_engine
from lossary.scoring.engines.local import LocalEngine
from lossary.scoring.engines.options import EngineOptions
from lossary.scoring.files import check_output, found_elsewhere
from lossary.scoring.job import Job
from lossary.scoring.origins import Origin
from lossary.scoring.output import open_output
from lossary.scoring.pair_partial import PairMerger
from lossary.scoring.pair_pieces import PairPiece, pieces_of_one, pieces_of_two
from lossary.scoring.pieces import row_count
from lossary.scoring.result import Comparison, Progress
from lossary.scoring.running import check_engine, merge_pieces


def run(
    jobs: tuple[Job, Job],
    origins: tuple[Origin, Origin],
    key: Sequence[str],
    confidence: float,
    options: EngineOptions,
    progress: Progress | None,
) -> Comparison:
    """Compare two jobs; see :func:`lossary.scoring.compare`."""
    engine = open_engine(FUNCTION, options)
    first, (a, b) = jobs[0], origins
    check_output(FUNCTION, [*a.files, *b.files], first.output)
    check_engine(FUNCTION, first, [*a.files, *b.files], engine)
    if not engine.in_process:
        a, b = (replace(origin, files=found_elsewhere(origin.files)) for origin in origins)
    pieces, total = _pieces(jobs, (a, b))
    with ExitStack() as stack:
        output = None
        if first.output is not None:
            output = stack.enter_context(open_output(first.output, a.output_types()))
            engine = LocalEngine(1)  # rows are written in their order
        merger = PairMerger(first, a.files, b.files)
        merge_pieces(
            lambda pulse: PairScorer(jobs, key, output, pulse),
            pieces,
            total,
            engine,
            merger,
            progress,
        )
        return merger.finish(confidence)


def _pieces(
    jobs: tuple[Job, Job], origins: tuple[Origin, Origin]
) -> tuple[Iterator[PairPiece], int | None]:
    """Return the pieces, and the number of rows of A where it is known."""
    a, b = origins
    spans = a.spans(jobs[0].delimiter)
    total = row_count(spans)
    if a.files == b.files:
        return pieces_of_one(spans), total
    spans_b = b.spans(jobs[1].delimiter)
    total_b = row_count(spans_b)
    if total is not None and total_b is not None:
        check_counts(a.files, b.files, total, total_b)
    return pieces_of_two(spans, spans_b), total
