"""The pass over the predictions of two models, side by side."""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterator, Sequence
from contextlib import ExitStack, closing
from itertools import chain
from typing import Any

import numpy as np

from lossary.arrays import Array
from lossary.scoring.addresses import display_name
from lossary.scoring.advice import label_advice
from lossary.scoring.arguments import Arguments
from lossary.scoring.binding import Use
from lossary.scoring.correspondence import Aligned, Side, check_key, check_targets
from lossary.scoring.domain_violations import Violations
from lossary.scoring.errors import DataError, data_error
from lossary.scoring.files import check_output
from lossary.scoring.grouped_totals import GroupedTotals, RowLosses
from lossary.scoring.job import Job
from lossary.scoring.labels import TwoLabels
from lossary.scoring.origins import Origin
from lossary.scoring.output import Output, open_output, spread
from lossary.scoring.pairs import PairTotals
from lossary.scoring.participation import (
    chosen_rows,
    incomplete_rows,
    joined_masks,
    remaining_rows,
    row_weights,
)
from lossary.scoring.reading import bind_source, read_batches
from lossary.scoring.result import Comparison, Progress, check_rows
from lossary.scoring.row_losses import row_losses

FUNCTION = "compare"

# The ends of the names of the columns that the output adds.
_ENDS = ("A", "B", "B - A")

Sides = tuple[Side, Side]


def run(
    jobs: tuple[Job, Job],
    origins: tuple[Origin, Origin],
    key: Sequence[str],
    confidence: float,
    progress: Progress | None,
) -> Comparison:
    """Compare two jobs; see :func:`lossary.scoring.compare`."""
    first, (a, b) = jobs[0], origins
    check_output(FUNCTION, [*a.files, *b.files], first.output)
    total, total_b = a.count_rows(), b.count_rows()
    if total is not None and total_b is not None:
        _check_counts(a.files, b.files, total, total_b)
    with ExitStack() as stack:
        output = None
        if first.output is not None:
            output = stack.enter_context(open_output(first.output, a.output_types()))
        comparer = Comparer(jobs, origins, key, output)
        pairs = stack.enter_context(closing(comparer.pairs()))
        for sides in pairs:
            comparer.add(sides)
            if progress:
                progress(comparer.result.rows, total)
        return comparer.finish(confidence)


class Comparer:
    """A running comparison."""

    def __init__(
        self,
        jobs: tuple[Job, Job],
        origins: tuple[Origin, Origin],
        key: Sequence[str],
        output: Output | None,
    ) -> None:
        first = jobs[0]
        self.result = Comparison(origins[0].files, files_b=origins[1].files, job=first)
        self._jobs, self._origins = jobs, origins
        self._keys = [
            Use("--key", name, "labels", required=False, single_remedy="Repeat --key for several.")
            for name in key
        ]
        self._output = output
        self._totals = GroupedTotals(len(first.losses), len(first.by), PairTotals)
        self._labels: dict[str, TwoLabels] = {}
        self._violations = Violations()

    # --- rows side by side --------------------------------------------------------------------
    def pairs(self) -> Generator[Sides]:
        """Yield the rows of both models, the same number of each at a time."""
        if self.result.files == self.result.files_b:
            yield from self._pairs_of_one_file()
            return
        with ExitStack() as stack:
            job, job_b = self._jobs
            targets, choice = _targets_uses(job), _choice_uses(job)
            uses = [*job.uses(), *self._keys]
            sides = stack.enter_context(
                closing(_sides(job, self._origins[0], uses, {*targets, *choice}))
            )
            # What the first file has is not looked for in the second, but for targets.
            head = next(sides, None)
            found = set(head.binding.names) if head is not None else set()
            uses_b = [use for use in [*job_b.uses(), *self._keys] if use not in found & choice]
            sides_b = stack.enter_context(
                closing(_sides(job_b, self._origins[1], uses_b, found & targets))
            )
            aligned = Aligned(chain([head] if head is not None else [], sides), sides_b)
            yield from aligned
        _check_counts(self.result.files, self.result.files_b, *aligned.counts)

    def _pairs_of_one_file(self) -> Generator[Sides]:
        job, job_b = self._jobs
        for path in self.result.files:
            with self._origins[0].open(path, job.delimiter) as source:
                if not source.columns:
                    continue
                binding = bind_source(path, source, [*job.uses(), *self._keys])
                uses_b = [use for use in job_b.uses() if use not in _choice_uses(job)]
                binding_b = bind_source(path, source, uses_b)
                selection = binding.selection.joined(binding_b.selection)
                for batch in read_batches(path, source, selection):
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
        self.result.rows += len(sides[0])
        self.result.scored += len(a)
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
            self.result.excluded += 0 if chosen is None else int((~chosen).sum())
        a, b = (incomplete_rows(job, side.batch, side.binding, chosen) for side in sides)
        skipped = joined_masks(a, b, np.logical_or)
        if skipped is not None:
            self.result.skipped += int(skipped.sum())
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

    def finish(self, confidence: float) -> Comparison:
        """Return the result, after the checks that need all rows."""
        check_rows(self.result)
        self.result.files = [*map(display_name, self.result.files)]
        self.result.files_b = [*map(display_name, self.result.files_b)]
        for labels in self._labels.values():
            labels.check_found()
        self.result.groups, self.result.totals = self._totals.finish()
        for totals in self.result.totals:
            totals.confidence = confidence
        self.result.notes += self._violations.warnings()
        return self.result


def _sides(
    job: Job, origin: Origin, uses: Sequence[Use], optional: Collection[Use]
) -> Generator[Side]:
    """Yield the rows of the files of one model."""
    for path in origin.files:
        with origin.open(path, job.delimiter) as source:
            if source.columns:  # an empty file has no columns and no rows
                binding = bind_source(path, source, uses, optional)
                for batch in read_batches(path, source, binding.selection):
                    yield Side(batch, binding)
                optional = set(binding.lacking)


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


def _check_counts(files: Sequence[str], files_b: Sequence[str], rows: int, rows_b: int) -> None:
    if rows != rows_b:
        names, names_b = (", ".join(map(display_name, item)) for item in (files, files_b))
        problem = f"there are {rows_b} rows, but {rows} in {names}"
        raise data_error(names_b, problem, "Both need predictions of the same rows.")
