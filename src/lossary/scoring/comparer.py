"""The comparison of a piece: rows of two models side by side, from columns to sums."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from itertools import chain
from typing import Any, cast

import numpy as np

from lossary.arrays import Array
from lossary.kernels.threads import calling_thread_alone
from lossary.scoring.addresses import display_name
from lossary.scoring.advice import label_advice
from lossary.scoring.arguments import Arguments
from lossary.scoring.binding import Use
from lossary.scoring.correspondence import Aligned, Side, check_key, check_targets
from lossary.scoring.domain_violations import Violations
from lossary.scoring.errors import DataError, data_error
from lossary.scoring.grouped_totals import RowLosses
from lossary.scoring.job import Job
from lossary.scoring.labels import TwoLabels
from lossary.scoring.output import Output, spread
from lossary.scoring.pair_partial import PairPartial, pair_totals
from lossary.scoring.pair_pieces import PairPiece
from lossary.scoring.participation import (
    chosen_rows,
    incomplete_rows,
    joined_masks,
    remaining_rows,
    row_weights,
)
from lossary.scoring.pieces import Piece, Span
from lossary.scoring.reading import bind_source, open_span, read_batches
from lossary.scoring.row_losses import row_losses
from lossary.scoring.scorer import keep_freed_memory

FUNCTION = "compare"

# The ends of the names of the columns that the output adds.
_ENDS = ("A", "B", "B - A")

Sides = tuple[Side, Side]


@dataclass(frozen=True)
class PairScorer:
    """Compares pieces: a function of a piece alone, which can be sent to other processes.

    Attributes
    ----------
    jobs : tuple of Job
        What to compute of A and of B.
    key : sequence of str
        Columns that must be equal in both, row by row.
    output : Output, optional
        Where the losses of the rows are written, in this process.
    pulse : callable, optional
        Called after each batch with its number of rows, in this process; what it raises ends the
        piece.
    """

    jobs: tuple[Job, Job]
    key: Sequence[str] = ()
    output: Output | None = None
    pulse: Callable[[int], None] | None = None

    def __call__(self, piece: Piece) -> PairPartial:
        """Compare a piece."""
        keep_freed_memory()
        comparer = Comparer(self.jobs, self.key, self.output)
        with (
            calling_thread_alone(),  # others compare other pieces
            closing(comparer.pairs(cast(PairPiece, piece))) as pairs,
        ):
            for sides in pairs:
                comparer.add(sides)
                if self.pulse:
                    self.pulse(len(sides[0]))
        return comparer.partial()


class Comparer:
    """A piece that is being compared."""

    def __init__(self, jobs: tuple[Job, Job], key: Sequence[str], output: Output | None) -> None:
        self._jobs = jobs
        self._keys = [
            Use("--key", name, "labels", required=False, single_remedy="Repeat --key for several.")
            for name in key
        ]
        self._output = output
        self._rows = self._scored = self._skipped = self._excluded = 0
        self._totals = pair_totals(jobs[0])
        self._labels: dict[str, TwoLabels] = {}
        self._violations = Violations()

    def partial(self) -> PairPartial:
        """Return the result."""
        job = self._jobs[0]
        return PairPartial(
            tables=self._totals.tables([*job.by, *job.titles]),
            rows=self._rows,
            scored=self._scored,
            skipped=self._skipped,
            excluded=self._excluded,
            worst=(),
            labels=self._labels,
            by_side=self._violations.by_side(),
        )

    # --- rows side by side --------------------------------------------------------------------
    def pairs(self, piece: PairPiece) -> Generator[Sides]:
        """Yield the rows of both models, the same number of each at a time."""
        if piece.spans_b is None:
            yield from self._pairs_of_one_file(piece)
            return
        with ExitStack() as stack:
            job, job_b = self._jobs
            targets, choice = _targets_uses(job), _choice_uses(job)
            uses = [*job.uses(), *self._keys]
            sides = stack.enter_context(
                closing(_sides(job, piece.spans, uses, {*targets, *choice}))
            )
            # What the first file has is not looked for in the second, but for targets.
            head = next(sides, None)
            found = set(head.binding.names) if head is not None else set()
            uses_b = [use for use in [*job_b.uses(), *self._keys] if use not in found & choice]
            sides_b = stack.enter_context(
                closing(_sides(job_b, piece.spans_b, uses_b, found & targets))
            )
            if piece.size is not None:
                sides_b = stack.enter_context(closing(_part(sides_b, piece.before, piece.size)))
            aligned = Aligned(chain([head] if head is not None else [], sides), sides_b)
            yield from aligned
        check_counts(_paths(piece.spans), _paths(piece.spans_b), *aligned.counts)

    def _pairs_of_one_file(self, piece: PairPiece) -> Generator[Sides]:
        job, job_b = self._jobs
        for span in piece.spans:
            with open_span(span, job.delimiter) as source:
                if not source.columns:
                    continue
                binding = bind_source(span.path, source, [*job.uses(), *self._keys])
                uses_b = [use for use in job_b.uses() if use not in _choice_uses(job)]
                binding_b = bind_source(span.path, source, uses_b)
                selection = binding.selection.joined(binding_b.selection)
                for batch in read_batches(
                    span.path, source, selection, span.parts, span.rows_before
                ):
                    yield Side(batch, binding), Side(batch, binding_b)

    # --- a batch ------------------------------------------------------------------------------
    def add(self, sides: Sides) -> None:
        """Compare rows and add them to the result."""
        try:
            self._add_rows(sides)
        except DataError as error:
            for job, side in zip(self._jobs, sides, strict=True):
                if advice := label_advice(job, side.binding, error):
                    msg = f"{error} {advice}"
                    raise DataError(msg) from None
            raise

    def _add_rows(self, sides: Sides) -> None:
        for use in self._keys:
            check_key(*sides, sides[0].binding.column(use))
        mask = self._row_mask(sides)
        a, b = (side.filter(mask) for side in sides)
        self._rows += len(sides[0])
        self._scored += len(a)
        losses = self._compare((a, b))
        if self._output is not None:
            batch, binding = sides[0].batch, sides[0].binding
            titles = [f"{spec.title} {end}" for spec in self._jobs[0].losses for end in _ENDS]
            self._output.check_names(batch.path, binding.copied, titles)
            columns = [spread(len(batch), mask, item) for pair in losses for item in _columns(pair)]
            self._output.write(batch, titles, columns)

    def _row_mask(self, sides: Sides) -> Array | None:
        """Return which rows take part: chosen, with a value in every column used of either."""
        job, where = self._jobs[0], self._jobs[0].where_use
        chosen = None
        if where is not None:
            side = _having(where, sides)
            chosen = chosen_rows(job, side.batch, side.binding)
            self._excluded += 0 if chosen is None else int((~chosen).sum())
        a, b = (incomplete_rows(job, side.batch, side.binding, chosen) for side in sides)
        skipped = joined_masks(a, b, np.logical_or)
        if skipped is not None:
            self._skipped += int(skipped.sum())
        return remaining_rows(chosen, skipped)

    def _compare(self, sides: Sides) -> list[RowLosses]:
        """Compute the losses of rows that take part, a column for each model, and add them up."""
        job = self._jobs[0]
        if not len(sides[0]):
            return [RowLosses(np.empty((0, 2))) for _ in job.losses]
        arguments, arguments_b = (
            Arguments(side.batch, side.binding, each, self._labels)
            for side, each in zip(sides, self._jobs, strict=True)
        )
        arguments.elsewhere, arguments_b.elsewhere = arguments_b, arguments
        weights = None
        if job.weights_use is not None:
            side = _having(job.weights_use, sides)
            weights = row_weights(job, side.batch, side.binding)
        losses = []
        for spec, spec_b in zip(job.losses, self._jobs[1].losses, strict=True):
            if arguments.has(spec, "targets") and arguments_b.has(spec, "targets"):
                check_targets(spec, arguments, arguments_b)
            a, found = row_losses(job, spec, sides[0].batch, arguments, weights)
            b, found_b = row_losses(self._jobs[1], spec_b, sides[1].batch, arguments_b, weights)
            self._violations.add(found, "A")
            self._violations.add([item for item in found_b if item.argument != "targets"], "B")
            values = np.stack([a.values, b.values], axis=1)
            mask = joined_masks(a.mask, b.mask, np.logical_and)
            losses.append(RowLosses(values, mask, a.weights, a.denominator_weights))
        # They refer to one another, which would keep the batches until the next garbage collection.
        arguments.elsewhere = arguments_b.elsewhere = None
        self._totals.add(_groups(job, sides), losses)
        return losses


def _sides(
    job: Job, spans: Sequence[Span], uses: Sequence[Use], optional: Collection[Use]
) -> Generator[Side]:
    """Yield the rows of one model."""
    for span in spans:
        with open_span(span, job.delimiter) as source:
            if source.columns:  # an empty file has no columns and no rows
                binding = bind_source(span.path, source, uses, optional)
                for batch in read_batches(
                    span.path, source, binding.selection, span.parts, span.rows_before
                ):
                    yield Side(batch, binding)
                optional = set(binding.lacking)


def _part(sides: Iterator[Side], before: int, size: int) -> Generator[Side]:
    """Yield a number of rows after those before."""
    for side in sides:
        start, stop = min(before, len(side)), min(before + size, len(side))
        before -= start
        size -= stop - start
        if stop > start:
            yield side.rows(start, stop)
        if not size:
            return


def _paths(spans: Sequence[Span]) -> list[str]:
    """Return the files of spans."""
    return [*dict.fromkeys(span.path for span in spans)]


def _having(use: Use, sides: Sides) -> Side:
    """Return the side whose file has the column."""
    return next(side for side in sides if use in side.binding.names)


def _groups(job: Job, sides: Sides) -> list[Any]:
    """Return the Arrow columns that group the rows."""
    having = [(_having(use, sides), use) for use in job.by_uses]
    return [side.batch.by_column(side.binding.column(use)) for side, use in having]


def _targets_uses(job: Job) -> set[Use]:
    losses = [spec for spec in job.losses if "targets" in spec.loss.arguments]
    return {job.argument_use(spec, "targets") for spec in losses}


def _choice_uses(job: Job) -> set[Use]:
    """Return the uses of columns that say which rows take part, with which weight and group."""
    return {use for use in (job.weights_use, job.where_use, *job.by_uses) if use is not None}


def _columns(pair: RowLosses) -> Iterator[RowLosses]:
    """Yield the losses of A, those of B and the differences."""
    a, b = pair.values.T
    with np.errstate(invalid="ignore"):
        columns = a, b, b - a
    for values in columns:
        yield RowLosses(values, pair.mask)


def check_counts(files: Sequence[str], files_b: Sequence[str], rows: int, rows_b: int) -> None:
    """Raise if the numbers of rows differ."""
    if rows != rows_b:
        names, names_b = (", ".join(map(display_name, item)) for item in (files, files_b))
        problem = f"there are {rows_b} rows, but {rows} in {names}"
        raise data_error(names_b, problem, "Both need predictions of the same rows.")
