"""The pass over the files: batch by batch from columns to losses, sums, worst rows and output."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import Any

import numpy as np

from lossary.arrays import Array
from lossary.errors import value_error
from lossary.scoring.advice import label_advice
from lossary.scoring.arguments import Arguments
from lossary.scoring.binding import Binding, bind
from lossary.scoring.columns import Batch
from lossary.scoring.domain_violations import DomainViolation
from lossary.scoring.errors import DataError, data_error
from lossary.scoring.files import find_files, is_same_file
from lossary.scoring.grouped_totals import GroupedTotals, RowLosses
from lossary.scoring.job import FUNCTION, Job
from lossary.scoring.labels import TwoLabels
from lossary.scoring.output import Output, open_output
from lossary.scoring.readers import count_rows, open_source, output_types, reading_errors
from lossary.scoring.result import Progress, Score
from lossary.scoring.row_losses import row_losses
from lossary.scoring.source import Source
from lossary.scoring.worst import Record, Worst


def run(job: Job, progress: Progress | None) -> Score:
    """Run a job; see :func:`lossary.scoring.score`."""
    files = find_files(job.files, job.output)
    if job.output is not None and any(is_same_file(file, job.output) for file in files):
        requirement = "must not be one of the files that are read"
        raise value_error(FUNCTION, "--output", requirement, job.output)
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
        self._totals = GroupedTotals(len(job.losses), len(job.by))
        self._labels: dict[str, TwoLabels] = {}
        self._violations: dict[tuple[str, str], DomainViolation] = {}

    def read(self, path: str, source: Source) -> Iterator[None]:
        """Score a file and yield after each batch. An empty file has no columns and no rows."""
        if not source.columns:
            return
        binding = self._bind(path, source)
        if self._output is not None:
            self._output.check_names(path, binding.copied, self._job.titles)
        first_row = 1
        batches = source.read(binding.selection)
        while True:
            with reading_errors(path):
                data = next(batches, None)
            if data is None:
                break
            size = data.values.num_rows
            rows = np.arange(first_row, first_row + size)
            self._add(Batch(data.values, path, rows, source.textual, data.numbers), binding)
            first_row += size
            yield

    def _bind(self, path: str, source: Source) -> Binding:
        """Find the columns of a file, beyond its start where they are not all there."""
        job = self._job
        with reading_errors(path):
            if job.output is not None and not job.output_columns:
                source.complete()
            try:
                return bind(path, source.columns, job.uses())
            except DataError:
                source.complete()
            return bind(path, source.columns, job.uses())

    def finish(self) -> Score:
        """Return the result, after the checks that need all rows."""
        result = self.result
        if result.rows == 0:
            raise data_error(", ".join(result.files), "there are no rows")
        for labels in self._labels.values():
            labels.check_found()
        if result.scored == 0:
            reasons = [f"{result.skipped} lack a value"] if result.skipped else []
            reasons += [f"{result.excluded} are excluded by --where"] if result.excluded else []
            problem = f"none of the {result.rows} rows takes part: {' and '.join(reasons)}"
            raise data_error(", ".join(result.files), problem)
        result.groups, result.totals = self._totals.finish()
        result.notes += [violation.warning() for violation in self._violations.values()]
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
            columns = [_spread(mask, item) for item in losses]
            self._output.write(batch, self._job.titles, columns)

    def _row_mask(self, batch: Batch, binding: Binding) -> Array:
        """Return which rows take part: chosen by ``where``, with a value in every used column."""
        chosen = np.ones(len(batch), dtype=bool)
        where = self._job.where_use
        if where is not None:
            name = binding.column(where)
            missing = batch.missing(name, where.kind)
            chosen = batch.flags(name) if missing is None else batch.flags(name) | missing
            self.result.excluded += int((~chosen).sum())
        incomplete: dict[str, Array] = {}
        for name, kind in binding.required:
            missing = batch.missing(name, kind)
            if missing is not None and (missing & chosen).any():
                incomplete[name] = missing & chosen | incomplete.get(name, False)
        if not incomplete:
            return chosen
        if not self._job.skip_nulls:
            index, name = min((int(np.argmax(rows)), name) for name, rows in incomplete.items())
            problem = f"column {name!r} has no value in row {batch.rows[index]}"
            raise data_error(batch.path, problem, "Pass --nulls skip to leave such rows out.")
        skipped = np.logical_or.reduce(list(incomplete.values()))
        self.result.skipped += int(skipped.sum())
        return np.asarray(chosen & ~skipped)

    def _score(self, batch: Batch, binding: Binding) -> list[RowLosses]:
        """Compute the losses of rows that take part and add them to the result."""
        job = self._job
        if not len(batch):
            return [RowLosses(np.empty(0), np.empty(0, dtype=bool)) for _ in job.losses]
        by = [batch.group_column(binding.column(use)) for use in job.by_uses]
        weights = self._weights(batch, binding)
        arguments = Arguments(batch, binding, job, self._labels)
        losses = []
        for spec in job.losses:
            computed, violations = row_losses(job, spec, batch, arguments, weights)
            losses.append(computed)
            self._add_violations(violations)
        self._totals.add(by, losses)
        names = [name for use in job.shown_uses for name in binding.names[use]]
        for worst, item in zip(self.result.worst, losses, strict=True):
            rows = np.flatnonzero(item.mask)
            values = item.values[rows]
            worst.add(values, _describer(batch, rows, values, list(dict.fromkeys(names))))
        return losses

    def _weights(self, batch: Batch, binding: Binding) -> Array | None:
        use = self._job.weights_use
        if use is None:
            return None
        name = binding.column(use)
        if batch.is_list(name):
            raise batch.error(name, "one number per row", np.ones(len(batch), dtype=bool))
        weights = batch.numbers([name])
        invalid = ~np.isfinite(weights)
        if invalid.any():
            raise batch.error(name, "finite weights", invalid)
        return weights

    def _add_violations(self, violations: Sequence[DomainViolation]) -> None:
        for violation in violations:
            key = (violation.title, violation.argument)
            if key in self._violations:
                self._violations[key].count += violation.count
            else:
                self._violations[key] = violation


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


def _spread(mask: Array, losses: RowLosses) -> tuple[Array, Array]:
    """Return losses for all rows of a batch, and which rows have none."""
    values = np.zeros(len(mask))
    rows = np.flatnonzero(mask)
    values[rows] = losses.values
    missing = np.ones(len(mask), dtype=bool)
    missing[rows[losses.mask]] = False
    return values, missing
