"""The scoring of a piece: batch by batch from columns to losses, sums and worst rows."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from lossary.arrays import Array
from lossary.kernels.threads import calling_thread_alone
from lossary.scoring.advice import label_advice
from lossary.scoring.arguments import Arguments
from lossary.scoring.binding import Binding
from lossary.scoring.block_calls import BlockCalls
from lossary.scoring.block_losses import BlockLosses, takes_blocks
from lossary.scoring.calibration_bins import CalibrationBins
from lossary.scoring.columns import Batch
from lossary.scoring.domain_violations import Violations
from lossary.scoring.errors import DataError, UnreadableError
from lossary.scoring.grouped_totals import RowLosses
from lossary.scoring.job import Job
from lossary.scoring.labels import TwoLabels
from lossary.scoring.output import Output, spread
from lossary.scoring.partial import Partial
from lossary.scoring.participation import (
    chosen_rows,
    incomplete_rows,
    remaining_rows,
    row_weights,
)
from lossary.scoring.piece_totals import PieceTotals
from lossary.scoring.pieces import Piece, Span
from lossary.scoring.reading import bind_source, open_span, read_batches, reading
from lossary.scoring.result import LeftOut
from lossary.scoring.row_losses import row_losses
from lossary.scoring.worst import Record, Worst

_TRIES = 3
_SECONDS_BETWEEN_TRIES = 0.05  # before the second; twice that before the third
_KEPT_BYTES = 1 << 24


@dataclass(frozen=True)
class PieceScorer:
    """Scores pieces: a function of a piece alone, which can be sent to other processes.

    Attributes
    ----------
    job : Job
        What to compute.
    output : Output, optional
        Where the losses of the rows are written, in this process.
    pulse : callable, optional
        Called after each batch with its number of rows, in this process; what it raises ends the
        piece.
    """

    job: Job
    output: Output | None = None
    pulse: Callable[[int], None] | None = None

    def __call__(self, piece: Piece) -> Partial:
        """Score a piece; parts that cannot be read are left out if the job says so."""
        keep_freed_memory()
        left_out: list[LeftOut] = []
        while True:
            try:
                with calling_thread_alone():  # others score other pieces
                    return replace(self._tried(piece), left_out=left_out)
            except UnreadableError as error:
                if not self.job.skip_unreadable:
                    raise
                left_out.append(LeftOut(str(error.span), error.span.rows, str(error)))
                piece = piece.without(error.span)

    def _tried(self, piece: Piece) -> Partial:
        """Score a piece; where it cannot be read, try again."""
        for attempt in range(1, _TRIES + 1):
            scorer = Scorer(self.job, self.output, self.pulse)
            try:
                for span in piece.spans:
                    scorer.read(span)
                return scorer.partial()
            except UnreadableError as error:
                if self.pulse:
                    self.pulse(-scorer.rows)
                if not error.is_passing or self.output is not None:
                    raise
                if attempt == _TRIES:
                    text = f"{error} It was tried {_TRIES} times."
                    raise UnreadableError(text, span=error.span) from None
            time.sleep(_SECONDS_BETWEEN_TRIES * attempt)
        raise AssertionError  # the last attempt returns or raises


def keep_freed_memory() -> None:
    """Let the malloc of the GNU C library keep the memory of a batch for the next one.

    It gives freed memory back to the system beyond twice the largest block freed before,
    and to get that memory again takes as long as to score the rows.
    """
    np.empty(_KEPT_BYTES, np.uint8)


class Scorer:
    """A piece that is being scored."""

    def __init__(
        self, job: Job, output: Output | None, pulse: Callable[[int], None] | None
    ) -> None:
        self.rows = 0
        self._scored = self._skipped = self._excluded = 0
        self._job = job
        self._output = output
        self._pulse = pulse
        self._totals = PieceTotals.of_job(job)
        self._blocks = BlockLosses(job) if takes_blocks(job) else None
        self._bins = CalibrationBins(job)
        self._worst = [Worst(job.worst) for _ in job.losses]
        self._labels: dict[str, TwoLabels] = {}
        self._violations = Violations()

    def read(self, span: Span) -> None:
        """Score the rows of a span. An empty file has no columns and no rows."""
        with closing(self._batches(span)) as batches:
            for batch, binding in batches:
                self._add(batch, binding)
                if self._pulse:
                    self._pulse(len(batch))

    def partial(self) -> Partial:
        """Return the result."""
        return Partial(
            tables=self._totals.tables([*self._job.by, *self._job.titles]),
            rows=self.rows,
            scored=self._scored,
            skipped=self._skipped,
            excluded=self._excluded,
            worst=[worst.records() for worst in self._worst],
            labels=self._labels,
            violations=self._violations.all(),
            bins=self._bins.tables(),
        )

    def _batches(self, span: Span) -> Generator[tuple[Batch, Binding]]:
        with reading(span), open_span(span, self._job.delimiter) as source:
            if not source.columns:
                return
            binding = bind_source(span.path, source, self._job.uses())
            if self._output is not None:
                self._output.check_names(span.path, binding.copied, self._job.titles)
            for batch in read_batches(
                span.path, source, binding.selection, span.parts, span.rows_before
            ):
                yield batch, binding

    # --- a batch ------------------------------------------------------------------------------
    def _add(self, batch: Batch, binding: Binding) -> None:
        try:
            self._add_rows(batch, binding)
        except DataError as error:
            if advice := label_advice(self._job, binding, error):
                msg = f"{error} {advice}"
                raise DataError(msg) from None
            raise

    def _add_rows(self, batch: Batch, binding: Binding) -> None:
        direct = self._blocks and self._blocks.direct(batch, binding, self._labels)
        if direct and self._add_blocks(batch, binding, *direct):
            self.rows += len(batch)
            self._scored += len(batch)
            return
        mask = self._row_mask(batch, binding)
        selected = batch.filter(mask)
        self.rows += len(batch)
        self._scored += len(selected)
        losses = self._score(selected, binding)
        if self._output is not None:
            columns = [spread(len(batch), mask, item) for item in losses]
            self._output.write(batch, self._job.titles, columns)

    def _row_mask(self, batch: Batch, binding: Binding) -> Array | None:
        """Return which rows take part, None for all: chosen, with a value in every used column."""
        chosen = chosen_rows(self._job, batch, binding)
        skipped = incomplete_rows(self._job, batch, binding, chosen)
        if chosen is not None:
            self._excluded += int((~chosen).sum())
        if skipped is not None:
            self._skipped += int(skipped.sum())
        return remaining_rows(chosen, skipped)

    def _score(self, batch: Batch, binding: Binding) -> list[RowLosses]:
        """Compute the losses of rows that take part and add them to the result."""
        job = self._job
        if not len(batch):
            return [RowLosses(np.empty(0)) for _ in job.losses]
        by = [batch.by_column(binding.column(use)) for use in job.by_uses]
        arguments = Arguments(batch, binding, job, self._labels)
        weights = row_weights(job, batch, binding)
        calls = self._blocks and self._blocks.calls(arguments, len(batch), weights)
        if calls and self._add_blocks(batch, binding, calls, by):
            return []
        losses = []
        for spec in job.losses:
            computed, violations = row_losses(job, spec, batch, arguments, weights)
            losses.append(computed)
            self._violations.add(violations)
        self._totals.add(by, losses)
        self._bins.add(by, arguments, losses)
        names = [name for use in job.shown_uses for name in binding.names[use]]
        for worst, item in zip(self._worst if job.worst else (), losses, strict=False):
            rows = np.arange(len(batch)) if item.mask is None else np.flatnonzero(item.mask)
            values = item.values[rows]
            worst.add(values, _describer(batch, rows, values, list(dict.fromkeys(names))))
        return losses

    def _add_blocks(
        self, batch: Batch, binding: Binding, calls: BlockCalls, by: Sequence[Any]
    ) -> bool:
        """Compute and add the losses of rows block by block; return False where one cannot.

        Where there is something to report of them, they are computed once more.
        """
        added = self._totals.add_blocks(by, calls, len(batch))
        if added is None:
            return False
        if added.is_whole and added.is_finite and not added.has_violations:
            return True
        arguments = Arguments(batch, binding, self._job, self._labels)
        # Where not all were added, this raises, because of a weight or of a third label.
        row_weights(self._job, batch, binding)
        found = [row_losses(self._job, spec, batch, arguments, None) for spec in self._job.losses]
        if not added.is_whole:
            raise AssertionError
        for _, violations in found:
            self._violations.add(violations)
        if not added.is_finite:
            self._totals.add_nonfinite(by, [losses.values for losses, _ in found])
        return True


def _describer(
    batch: Batch, rows: Array, losses: Array, names: Sequence[str]
) -> Callable[[Array], list[Record]]:
    """Return a function that describes losses, given their indices, by their rows of a batch."""

    def describe(indices: Array) -> list[Record]:
        values = batch.records(rows[indices], names)
        numbers = batch.row_numbers(rows[indices]).tolist()
        described: list[dict[str, Any]] = [
            {"loss": loss, "file": batch.path, "row": number, "values": item}
            for loss, number, item in zip(losses[indices].tolist(), numbers, values, strict=True)
        ]
        return described

    return describe
