"""The output of ``lossary score``: tables on standard output, notes on standard error."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from lossary.cli.tables import print_json, print_table
from lossary.scoring import Job, Progress, Score, Totals

_FIGURES = ("mean", "sum", "weight", "count", "minimum", "maximum", "nonfinite")
_ALL = "(all)"


class Report:
    """Prints results to standard output, everything else to standard error."""

    def __init__(self, *, as_json: bool, quiet: bool) -> None:
        self._as_json = as_json
        self._quiet = quiet

    @contextmanager
    def progress(self) -> Iterator[Progress | None]:
        """Show the number of rows read and, where known, their share; on a terminal only."""
        if self._quiet or not sys.stderr.isatty():
            yield None
            return
        from rich.console import Console
        from rich.progress import Progress as Bar
        from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

        columns = SpinnerColumn("line"), TextColumn("{task.description}"), TimeElapsedColumn()
        with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task("")

            def show(done: int, total: int | None) -> None:
                share = f" of {total:,} rows ({done / total:.0%})" if total else " rows"
                bar.update(task, description=f"{done:,}{share}")

            yield show

    def show(self, job: Job, result: Score) -> None:
        """Print the result."""
        if not self._quiet:
            for note in result.notes:
                print(f"warning: {note}", file=sys.stderr)
            if result.skipped:
                text = f"{result.skipped} of {result.rows} rows skipped: they lack a value"
                print(text, file=sys.stderr)
        if self._as_json:
            print_json(as_data(job, result))
            return
        minor = [] if job.is_weighted else ["weight"]
        minor += [] if any(totals.nonfinite.any() for totals in result.totals) else ["nonfinite"]
        figures = [mean_title(job) if name == "mean" else name for name in _FIGURES]
        print_table(["loss", *job.by, *figures], _rows(job, result), minor=minor)
        for spec, worst in zip(job.losses, result.worst, strict=True):
            records = worst.records()
            if records:
                print(f"\nThe largest {spec.title}")
                names = list(records[0]["values"])
                rows = [
                    [r["loss"], r["file"], r["row"], *(r["values"].get(name) for name in names)]
                    for r in records
                ]
                print_table(["loss", "file", "row", *names], rows)


def as_data(job: Job, result: Score) -> dict[str, Any]:
    """Return a result as the documented form of ``--json``."""
    return {
        "files": result.files,
        "rows": result.rows,
        "scored": result.scored,
        "skipped": result.skipped,
        "excluded": result.excluded,
        "denominator": job.denominator,
        "losses": [
            {
                "title": spec.title,
                "loss": spec.loss.name,
                "parameters": {**spec.loss.parameters, **spec.parameters},
                **totals.combined().record(0, job.denominator),
                "groups": [
                    {"by": dict(zip(job.by, key, strict=True)), **record}
                    for key, record in _groups(job, result, totals)
                ],
                "worst": worst.records(),
            }
            for spec, totals, worst in zip(job.losses, result.totals, result.worst, strict=True)
        ],
        "warnings": result.notes,
    }


def mean_title(job: Job) -> str:
    """Return the name of a job's means, which tells whether rows are weighted."""
    if not job.is_weighted:
        return "mean"
    return "weighted mean" if job.denominator == "weights" else "sum/count"


def group_name(job: Job, key: tuple[Any, ...]) -> str:
    """Return the name of a group: ``size is small and fold is 3``."""
    return " and ".join(f"{name} is {item}" for name, item in zip(job.by, key, strict=True))


def _rows(job: Job, result: Score) -> list[list[Any]]:
    rows: list[list[Any]] = []
    for spec, totals in zip(job.losses, result.totals, strict=True):
        keys = [(_ALL,) * len(job.by)]
        parts = [totals.combined().figures(job.denominator)]
        if job.by:
            keys = [*result.groups, *keys]
            parts.insert(0, totals.figures(job.denominator))
        columns = (itertools.chain(*(part[name].tolist() for part in parts)) for name in _FIGURES)
        rows += [
            [spec.title, *key, *row]
            for key, row in zip(keys, zip(*columns, strict=True), strict=True)
        ]
    return rows


def _groups(job: Job, result: Score, totals: Totals) -> Iterator[tuple[Any, Any]]:
    """Yield the groups in order, with their figures."""
    if job.by:
        yield from zip(result.groups, totals.records(job.denominator), strict=True)
