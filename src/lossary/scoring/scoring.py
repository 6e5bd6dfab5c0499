"""The pass over the files: batch by batch from columns to losses, sums, worst rows and output."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lossary import DomainWarning, LossaryError, LossaryValueError, options
from lossary.errors import Fault
from lossary.scoring.accumulate import Record, Totals
from lossary.scoring.arguments import Arguments
from lossary.scoring.binding import Binding, bind
from lossary.scoring.columns import Array, Batch
from lossary.scoring.faults import DataError, OutOfDomain, data_error
from lossary.scoring.grouped import GroupedTotals, Losses
from lossary.scoring.groups import Key
from lossary.scoring.job import Job, LossSpec
from lossary.scoring.labels import TwoLabels, domain_advice, label_advice
from lossary.scoring.output import Output, open_output
from lossary.scoring.readers import (
    count_rows,
    data_errors,
    find_files,
    open_source,
    output_types,
    same_file,
)
from lossary.scoring.source import Source
from lossary.scoring.worst import Worst

#: Called with how many rows were read, and how many there are where that is known.
Progress = Callable[[int, int | None], None]


@dataclass
class Score:
    """The result of a job.

    Attributes
    ----------
    files : list of str
        The files that were read.
    rows, scored, skipped, excluded : int
        How many rows were read, took part, were left out for nulls, and by ``where``.
    groups : list of tuple
        Values of the grouping columns, a group each, in order.
    totals, worst : list
        Sums by group, and the rows with the largest loss, for every loss.
    notes : list of str
        Warnings.
    """

    files: list[str]
    rows: int = 0
    scored: int = 0
    skipped: int = 0
    excluded: int = 0
    groups: list[Key] = field(default_factory=list)
    totals: list[Totals] = field(default_factory=list)
    worst: list[Worst] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def score(job: Job, progress: Progress | None = None) -> Score:
    """Run a job: one pass over the files, in batches, so that memory stays flat.

    Parameters
    ----------
    job : Job
        What to compute.
    progress : callable, optional
        Called after each batch.

    Returns
    -------
    Score
        Sums, groups, worst rows and warnings.

    Raises
    ------
    ValueError
        If the output is one of the files.
    DataError
        If a file cannot be read, lacks a column, or holds what a loss does not take.
    """
    files = find_files(job.files, job.output)
    if job.output is not None and any(same_file(file, job.output) for file in files):
        msg = f"score: --output must not be one of the files that are read, got {job.output}."
        raise LossaryValueError(msg)
    with ExitStack() as stack:
        output = None
        if job.output is not None:
            output = stack.enter_context(open_output(job.output, output_types(files)))
        scorer = _Scorer(job, files, output)
        total = count_rows(files) if progress else None
        for path in files:
            with open_source(path, job.delimiter) as source:
                for _ in scorer.read(path, source):
                    if progress:
                        progress(scorer.result.rows, total)
        return scorer.finished()


class _Scorer:
    """The state of a running job."""

    def __init__(self, job: Job, files: list[str], output: Output | None) -> None:
        self.job = job
        self.result = Score(files, worst=[Worst(job.worst) for _ in job.losses])
        self._output = output
        self._totals = GroupedTotals(len(job.losses), len(job.by))
        self._labels: dict[str, TwoLabels] = {}
        self._faults: dict[tuple[str, str], OutOfDomain] = {}

    def read(self, path: str, source: Source) -> Iterator[None]:
        """Score a file, a batch at a step; one without a line is a part without rows."""
        if not source.columns:
            return
        binding = self._bound(path, source)
        if self._output is not None:
            titles = [spec.title for spec in self.job.losses]
            self._output.check_names(path, binding.copied, titles)
        first_row = 1
        batches = source.read(binding.selection)
        while True:
            with data_errors(path):
                data = next(batches, None)
            if data is None:
                break
            size = data.values.num_rows
            rows = np.arange(first_row, first_row + size)
            self._add(Batch(data.values, path, rows, source.textual, data.numbers), binding)
            first_row += size
            yield

    def _bound(self, path: str, source: Source) -> Binding:
        """Find the columns of a file, beyond its beginning where they are not all there."""
        job = self.job
        with data_errors(path):
            if job.output is not None and not job.output_columns:
                source.complete()
            try:
                return bind(path, source.columns, job.uses())
            except DataError:
                source.complete()
            return bind(path, source.columns, job.uses())

    def finished(self) -> Score:
        """Return the result, after what only the whole of the data shows."""
        result = self.result
        if result.rows == 0:
            raise data_error(", ".join(result.files), "there are no rows")
        for labels in self._labels.values():
            labels.check_seen()
        if result.scored == 0:
            reasons = [f"{result.skipped} lack a value"] if result.skipped else []
            reasons += [f"{result.excluded} are excluded by --where"] if result.excluded else []
            problem = f"none of the {result.rows} rows takes part: {' and '.join(reasons)}"
            raise data_error(", ".join(result.files), problem)
        result.groups, result.totals = self._totals.finished()
        result.notes += [found.warning() for found in self._faults.values()]
        return result

    # --- a batch ------------------------------------------------------------------------------
    def _add(self, batch: Batch, binding: Binding) -> None:
        try:
            self._add_rows(batch, binding)
        except DataError as error:
            if advice := label_advice(self.job, binding, error):
                msg = f"{error} {advice}"
                raise DataError(msg) from None
            raise

    def _add_rows(self, batch: Batch, binding: Binding) -> None:
        keep = self._taking_part(batch, binding)
        chosen = batch.chosen(keep)
        self.result.rows += len(batch)
        self.result.scored += len(chosen)
        columns = self._scored(chosen, binding)
        if self._output is not None:
            titles = [spec.title for spec in self.job.losses]
            self._output.write(batch, titles, [_spread(keep, column) for column in columns])

    def _taking_part(self, batch: Batch, binding: Binding) -> Array:
        """Return which rows take part: chosen by ``where``, with a value in every used column."""
        wanted = np.ones(len(batch), dtype=bool)
        where = self.job.where_use
        if where is not None:
            name = binding.column(where)
            absent = batch.absent(name, where.kind)
            wanted = batch.flags(name) if absent is None else batch.flags(name) | absent
            self.result.excluded += int((~wanted).sum())
        lacking: dict[str, Array] = {}
        for name, kind in binding.required:
            absent = batch.absent(name, kind)
            if absent is not None and (absent & wanted).any():
                lacking[name] = absent & wanted | lacking.get(name, False)
        if not lacking:
            return wanted
        if not self.job.skip_nulls:
            place, name = min((int(np.argmax(rows)), name) for name, rows in lacking.items())
            problem = f"column {name!r} has no value in row {batch.rows[place]}"
            raise data_error(batch.path, problem, "Pass --nulls skip to leave such rows out.")
        skipped = np.logical_or.reduce(list(lacking.values()))
        self.result.skipped += int(skipped.sum())
        return np.asarray(wanted & ~skipped)

    def _scored(self, batch: Batch, binding: Binding) -> list[Losses]:
        """Add the losses of rows that take part to the result; return them."""
        job = self.job
        if not len(batch):
            return [Losses(np.empty(0), np.empty(0, dtype=bool)) for _ in job.losses]
        by = [batch.grouping(binding.column(use)) for use in job.by_uses]
        weights = self._weights(batch, binding)
        arguments = Arguments(batch, binding, job, self._labels)
        columns = [self._losses(batch, spec, arguments, weights) for spec in job.losses]
        self._totals.add(by, columns)
        shown = [name for use in job.shown_uses for name in binding.names[use]]
        for worst, column in zip(self.result.worst, columns, strict=True):
            chosen = np.flatnonzero(column.part)
            losses = column.values[chosen]
            worst.add(losses, _describer(batch, chosen, losses, list(dict.fromkeys(shown))))
        return columns

    def _weights(self, batch: Batch, binding: Binding) -> Array | None:
        use = self.job.weights_use
        if use is None:
            return None
        name = binding.column(use)
        if batch.is_list(name):
            raise batch.wrong(name, "one number per row", np.ones(len(batch), dtype=bool))
        weights = batch.numbers([name])
        bad = ~np.isfinite(weights)
        if bad.any():
            raise batch.wrong(name, "finite weights", bad)
        return weights

    def _losses(
        self, batch: Batch, spec: LossSpec, arguments: Arguments, weights: Array | None
    ) -> Losses:
        """Return the losses of the rows, and which rows take part."""
        arrays = [arguments.array(spec, name) for name in spec.loss.arguments]
        part = np.ones(len(batch), dtype=bool)
        extra: dict[str, Any] = {}
        if spec.ignore_index is not None:
            extra["ignore_index"] = spec.ignore_index
            part = arrays[spec.loss.arguments.index("targets")] != spec.ignore_index
        if self.job.class_weights and spec.loss.takes_labels:
            extra["class_weights"] = np.array(self.job.class_weights)
        try:
            with options(domain=self.job.domain), warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                losses = spec.loss.function(*arrays, reduction="none", **spec.parameters, **extra)
        except LossaryError as error:
            if error.fault is None:
                text = str(error).removesuffix(".").replace("where=", "--where COLUMN")
                raise data_error(batch.path, text) from None
            raise _located(batch, spec, arguments, error.fault).error() from None
        for warning in caught:
            self._note(batch, spec, arguments, warning.message)
        masses = weights
        if "class_weights" in extra:
            masses = _class_masses(extra["class_weights"], arrays, spec, part)
            masses = masses if weights is None else masses * weights
        return Losses(np.asarray(losses, dtype=np.float64), part, weights, masses)

    def _note(
        self, batch: Batch, spec: LossSpec, arguments: Arguments, message: Warning | str
    ) -> None:
        if not isinstance(message, DomainWarning):
            self.result.notes.append(f"{spec.title}: {message}")
            return
        for fault in message.faults:
            key = (spec.title, fault.argument)
            if key in self._faults:
                self._faults[key].count += fault.count
            else:
                self._faults[key] = _located(batch, spec, arguments, fault)


def _class_masses(class_weights: Array, arrays: list[Array], spec: LossSpec, part: Array) -> Array:
    """Return what rows count for in a mean: the weights of their classes, by probability."""
    targets = arrays[spec.loss.arguments.index("targets")]
    if targets.ndim > 1:
        return np.asarray(targets @ class_weights)
    return class_weights[np.where(part, targets, 0)]


def _located(batch: Batch, spec: LossSpec, arguments: Arguments, fault: Fault) -> OutOfDomain:
    """Return a fault that a loss found in a batch, with its place in the file."""
    remedy = domain_advice(spec, fault, arguments.are_flags(spec, fault.argument))
    row = int(batch.rows[fault.position[0]])
    return OutOfDomain(
        spec.title, fault.argument, fault.domain, fault.value, batch.path, row, fault.count, remedy
    )


def _describer(
    batch: Batch, chosen: Array, losses: Array, shown: Sequence[str]
) -> Callable[[Array], list[Record]]:
    """Return a function that describes rows, given their places among those that take part."""

    def describe(places: Array) -> list[Record]:
        rows = chosen[places]
        return [
            {"loss": float(losses[place]), "file": batch.path, "row": int(batch.rows[row])}
            | {"values": values}
            for place, row, values in zip(places, rows, batch.records(rows, shown), strict=True)
        ]

    return describe


def _spread(keep: Array, losses: Losses) -> tuple[Array, Array]:
    """Return losses for all rows of a batch, and which rows have none."""
    values = np.zeros(len(keep))
    places = np.flatnonzero(keep)
    values[places] = losses.values
    empty = np.ones(len(keep), dtype=bool)
    empty[places[losses.part]] = False
    return values, empty
