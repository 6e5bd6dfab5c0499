"""A scoring job: what to compute over which columns of which files, and the pass that does it."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from lossary.errors import DomainWarning, Fault, LossaryError
from lossary.options import Policy, options
from lossary.registry import Loss
from lossary.score.accumulate import Array, Record, Totals, Worst
from lossary.score.columns import Batch, spelled
from lossary.score.faults import DataError
from lossary.score.output import Output, open_output
from lossary.score.readers import find_files, read


@dataclass(frozen=True)
class LossSpec:
    """A loss with its parameters, and the text that asked for it."""

    title: str
    loss: Loss
    parameters: dict[str, Any]
    ignore_index: int | None = None


@dataclass(frozen=True)
class Job:
    """What to score. ``columns`` gives each argument's columns where they differ from the rest."""

    files: Sequence[str]
    losses: Sequence[LossSpec]
    inputs: str
    targets: str
    columns: dict[str, str] = field(default_factory=dict)
    weights: str | None = None
    where: str | None = None
    by: Sequence[str] = ()
    worst: int = 0
    positive: str | None = None
    skip_nulls: bool = False
    domain: Policy = "warn"
    denominator: str = "count"
    output: Path | None = None

    def source(self, loss: Loss, argument: str) -> str:
        """Return the columns of one argument of a loss."""
        if argument in self.columns:
            return self.columns[argument]
        if argument == loss.arguments[0]:
            return self.inputs
        if argument == "targets":
            return self.targets
        msg = f"{loss.name}: name the column of {argument} with --column {argument}=..."
        raise DataError(msg)

    def requests(self) -> list[str]:
        """Return every column request that must hold a value in each row."""
        found = [self.source(s.loss, name) for s in self.losses for name in s.loss.arguments]
        found += [name for name in (self.weights, self.where) if name is not None]
        return list(dict.fromkeys(found))

    def numeric(self) -> list[str]:
        """Return single columns that are to be read as numbers."""
        targets = {
            self.source(s.loss, "targets") for s in self.losses if "targets" in s.loss.arguments
        }
        return [r for r in self.requests() if r not in targets and r != self.where and "," not in r]


@dataclass
class Score:
    """The result of a job."""

    files: list[str]
    rows: int = 0
    skipped: int = 0
    totals: list[Totals] = field(default_factory=list)
    worst: list[Worst] = field(default_factory=list)
    groups: list[tuple[Any, ...]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


Progress = Callable[[int], None]


def score(job: Job, progress: Progress = lambda rows: None) -> Score:
    """Run a job: one pass over the files, in batches.

    Parameters
    ----------
    job : Job
        What to compute.
    progress : callable, optional
        Called with the number of rows after each batch.

    Raises
    ------
    DataError
        If a file cannot be read, lacks a column, or holds what a loss does not take.
    """
    with ExitStack() as stack:
        output = stack.enter_context(open_output(job.output)) if job.output else None
        scorer = _Scorer(job, output)
        for path in scorer.result.files:
            first_row = 1
            for data in read(path, job.numeric()):
                if data.num_rows:
                    scorer.add(Batch(data, path, first_row))
                first_row += data.num_rows
                progress(data.num_rows)
        scorer.finish()
    return scorer.result


class _Scorer:
    """The state of a running job."""

    def __init__(self, job: Job, output: Output | None) -> None:
        self.job = job
        self.output = output
        self.result = Score(find_files(job.files))
        self.result.totals = [Totals() for _ in job.losses]
        self.result.worst = [Worst(job.worst) for _ in job.losses]
        self._groups: dict[tuple[Any, ...], int] = {}
        self._labels: set[str] = set()
        self._faults: dict[tuple[str, str], list[Any]] = {}

    def add(self, batch: Batch) -> None:
        """Score a batch."""
        kept = self._kept(batch)
        groups = self._group_codes(batch)
        self._check_positive(batch)
        weights = batch.numbers(self.job.weights).astype(float) if self.job.weights else None
        columns = []
        for place, spec in enumerate(self.job.losses):
            losses, taking_part = self._losses(batch, spec, kept)
            chosen = None if weights is None else weights[taking_part]
            self.result.totals[place].add(
                groups[taking_part], max(1, len(self._groups)), losses[taking_part], chosen
            )
            self.result.worst[place].add(
                losses, taking_part, batch.path, batch.first_row, batch.data
            )
            columns.append((spec.title, losses, taking_part))
        self.result.rows += batch.rows
        if self.output is not None:
            self.output.write(_with_columns(batch.data, columns))

    def finish(self) -> None:
        """Check what only the whole shows."""
        if self.result.rows == 0:
            msg = f"{', '.join(self.result.files)}: there are no rows"
            raise DataError(msg)
        positive = self.job.positive
        if positive is not None and positive not in self._labels:
            msg = (
                f"--positive {positive}: no row has that label; there are "
                f"{', '.join(sorted(self._labels))}"
            )
            raise DataError(msg)
        self.result.groups = list(self._groups)
        for (title, _), (fault, path, row, count) in self._faults.items():
            self.result.notes.append(
                f"{title}: {fault.argument} must be {fault.domain}, got {fault.value!r} in {path} "
                f"row {row} ({count} values in all). {fault.remedy}."
            )

    # --- parts of a batch ---------------------------------------------------------------------
    def _kept(self, batch: Batch) -> Array:
        """Return which rows count: no nulls, and chosen by ``where``."""
        absent, column = batch.missing(self.job.requests())
        if absent.any():
            if not self.job.skip_nulls:
                row = batch.first_row + int(np.argmax(absent))
                msg = (
                    f"{batch.path}: column {column!r} has no value in row {row}; pass "
                    "--nulls skip to leave such rows out"
                )
                raise DataError(msg)
            self.result.skipped += int(absent.sum())
        kept = ~absent
        if self.job.where is not None:
            kept &= batch.flags(self.job.where)
        return kept

    def _group_codes(self, batch: Batch) -> Array:
        if not self.job.by:
            self._groups.setdefault((), 0)
            return np.zeros(batch.rows, dtype=np.int64)
        encoded = [batch.column(name).dictionary_encode("encode") for name in self.job.by]
        codes = np.stack([c.indices.to_numpy(zero_copy_only=False) for c in encoded])
        combinations, inverse = np.unique(codes, axis=1, return_inverse=True)
        values = [c.dictionary.to_pylist() for c in encoded]
        places = np.empty(combinations.shape[1], dtype=np.int64)
        for column, combination in enumerate(combinations.T):
            key = tuple(v[int(i)] for v, i in zip(values, combination, strict=True))
            places[column] = self._groups.setdefault(key, len(self._groups))
        return places[inverse.reshape(-1)]

    def _check_positive(self, batch: Batch) -> None:
        if self.job.positive is None:
            return
        self._labels |= {spelled(label) for label in batch.labels(self.job.targets)}
        if len(self._labels) > 2:
            msg = (
                f"{batch.path}: column {self.job.targets!r} must have two labels for --positive, "
                f"got {', '.join(sorted(self._labels))}"
            )
            raise DataError(msg)

    def _losses(self, batch: Batch, spec: LossSpec, kept: Array) -> tuple[Array, Array]:
        """Return the losses of the rows and which rows take part."""
        arrays = [self._argument(batch, spec, name) for name in spec.loss.arguments]
        if spec.ignore_index is not None:
            place = spec.loss.arguments.index("targets")
            kept = kept & (arrays[place] != spec.ignore_index)
        try:
            with options(domain=self.job.domain), warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                losses = spec.loss.function(
                    *arrays, reduction="none", where=kept, **spec.parameters
                )
        except LossaryError as error:
            raise DataError(_located(batch, spec, error)) from None
        for warning in caught:
            self._note(batch, spec, warning.message)
        if losses.shape != (batch.rows,):
            msg = f"{spec.title}: the loss must have one value per row, got shape {losses.shape}"
            raise DataError(msg)
        return np.asarray(losses, dtype=np.float64), kept

    def _argument(self, batch: Batch, spec: LossSpec, name: str) -> Array:
        request = self.job.source(spec.loss, name)
        if name == "targets" and self.job.positive is not None:
            positive = batch.is_label(request, self.job.positive)
            if spec.loss.targets.name == "plus_minus_one":
                return np.where(positive, 1.0, -1.0)
            return positive.astype(float)
        values = batch.numbers(request)
        if name == "targets" and spec.loss.takes_labels and values.dtype.kind == "f":
            whole = values.astype(np.int64)
            return whole if values.ndim == 1 and np.array_equal(whole, values) else values
        return values

    def _note(self, batch: Batch, spec: LossSpec, warning: Warning | str) -> None:
        fault = warning.fault if isinstance(warning, DomainWarning) else None
        if fault is None:
            self.result.notes.append(f"{spec.title}: {warning}")
            return
        entry = self._faults.get((spec.title, fault.argument))
        if entry is None:
            row = batch.first_row + fault.position[0]
            self._faults[spec.title, fault.argument] = [fault, batch.path, row, fault.count]
        else:
            entry[3] += fault.count


def _located(batch: Batch, spec: LossSpec, error: LossaryError) -> str:
    """Return an error's message, with the row of the file where it is about a value."""
    fault: Fault | None = error.fault
    if fault is None or not fault.position:
        return f"{batch.path}: {error}"
    row = batch.first_row + fault.position[0]
    return (
        f"{batch.path}: {spec.title}: {fault.argument} must be {fault.domain}, got "
        f"{fault.value!r} in row {row}. {fault.remedy}."
    )


def _with_columns(data: Any, columns: Sequence[tuple[str, Array, Array]]) -> Any:
    import pyarrow as pa

    for title, losses, kept in columns:
        data = data.append_column(title, pa.array(losses, mask=~kept))
    return data


__all__ = ["Job", "LossSpec", "Record", "Score", "score"]
