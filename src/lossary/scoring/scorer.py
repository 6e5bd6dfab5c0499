"""The pass over the files: batch by batch from columns to losses, sums, worst rows and output."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import Any

import numpy as np

from lossary.arrays import Array
from lossary.scoring.advice import label_advice
from lossary.scoring.arguments import Arguments
from lossary.scoring.binding import Binding
from lossary.scoring.columns import Batch
from lossary.scoring.domain_violations import Violations
from lossary.scoring.errors import DataError
from lossary.scoring.files import check_output, find_files
from lossary.scoring.grouped_totals import GroupedTotals, RowLosses
from lossary.scoring.job import FUNCTION, Job
from lossary.scoring.labels import TwoLabels
from lossary.scoring.output import Output, open_output, spread
from lossary.scoring.participation import chosen_rows, incomplete_rows, row_weights
from lossary.scoring.readers import count_rows, open_source, output_types
from lossary.scoring.reading import bind_source, read_batches
from lossary.scoring.result import Progress, Score, check_rows
from lossary.scoring.row_losses import row_losses
from lossary.scoring.source import Source
from lossary.scoring.totals import Totals
from lossary.scoring.worst import Record, Worst


def run(job: Job, progress: Progress | None) -> Score:
    """Run a job; see :func:`lossary.scoring.score`."""
    files = find_files(job.files, job.output)
    check_output(FUNCTION, files, job.output)
    with ExitStack() as stack:
        output = None
        if job.output is not None:
            output = stack.enter_context(open_output(job.output, output_types(files)))
        scorer = Scorer(job, files, output)
        total = count_rows(files) if progress else None
        for path in files:
            with open_source(path, job.delimiter) as source:
                for _ in scorer.read(path, source):
                    if progress:
                        progress(scorer.result.rows, total)
        return scorer.finish()


class Scorer:
    """A running job."""

    def __init__(self, job: Job, files: list[str], output: Output | None) -> None:
        self.result = Score(files, worst=[Worst(job.worst) for _ in job.losses])
        self._job = job
        self._output = output
        self._totals = GroupedTotals(len(job.losses), len(job.by), Totals)
        self._labels: dict[str, TwoLabels] = {}
        self._violations = Violations()

    def read(self, path: str, source: Source) -> Iterator[None]:
        """Score a file and yield after each batch. An empty file has no columns and no rows."""
        if not source.columns:
            return
        binding = bind_source(path, source, self._job.uses())
        if self._output is not None:
            self._output.check_names(path, binding.copied, self._job.titles)
        for batch in read_batches(path, source, binding.selection):
            self._add(batch, binding)
            yield

    def finish(self) -> Score:
        """Return the result, after the checks that need all rows."""
        result = self.result
        check_rows(result)
        for labels in self._labels.values():
            labels.check_found()
        result.groups, result.totals = self._totals.finish()
        result.notes += self._violations.warnings()
        return result

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
        mask = self._row_mask(batch, binding)
        selected = batch.filter(mask)
        self.result.rows += len(batch)
        self.result.scored += len(selected)
        losses = self._score(selected, binding)
        if self._output is not None:
            columns = [spread(mask, item) for item in losses]
            self._output.write(batch, self._job.titles, columns)

    def _row_mask(self, batch: Batch, binding: Binding) -> Array:
        """Return which rows take part: chosen by ``where``, with a value in every used column."""
        chosen = chosen_rows(self._job, batch, binding)
        skipped = incomplete_rows(self._job, batch, binding, chosen)
        self.result.excluded += int((~chosen).sum())
        self.result.skipped += int(skipped.sum())
        return np.asarray(chosen & ~skipped)

    def _score(self, batch: Batch, binding: Binding) -> list[RowLosses]:
        """Compute the losses of rows that take part and add them to the result."""
        job = self._job
        if not len(batch):
            return [RowLosses(np.empty(0), np.empty(0, dtype=bool)) for _ in job.losses]
        by = [batch.group_column(binding.column(use)) for use in job.by_uses]
        weights = row_weights(job, batch, binding)
        arguments = Arguments(batch, binding, job, self._labels)
        losses = []
        for spec in job.losses:
            computed, violations = row_losses(job, spec, batch, arguments, weights)
            losses.append(computed)
            self._violations.add(violations)
        self._totals.add(by, losses)
        names = [name for use in job.shown_uses for name in binding.names[use]]
        for worst, item in zip(self.result.worst, losses, strict=True):
            rows = np.flatnonzero(item.mask)
            values = item.values[rows]
            worst.add(values, _describer(batch, rows, values, list(dict.fromkeys(names))))
        return losses


def _describer(
    batch: Batch, rows: Array, losses: Array, names: Sequence[str]
) -> Callable[[Array], list[Record]]:
    """Return a function that describes losses, given their indices, by their rows of a batch."""

    def describe(indices: Array) -> list[Record]:
        values = batch.records(rows[indices], names)
        numbers = batch.rows[rows[indices]].tolist()
        described: list[dict[str, Any]] = [
            {"loss": loss, "file": batch.path, "row": number, "values": item}
            for loss, number, item in zip(losses[indices].tolist(), numbers, values, strict=True)
        ]
        return described

    return describe
