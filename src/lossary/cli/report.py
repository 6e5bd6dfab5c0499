"""The output of ``score`` and ``compare``: tables on standard output, notes on standard error."""

from __future__ import annotations

import math
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from lossary.cli.streams import can_encode
from lossary.cli.tables import print_json, print_table
from lossary.scoring import Comparison, Figures, Job, Progress, Run, Score
from lossary.scoring.calibrated_totals import CalibratedTotals
from lossary.scoring.calibration import COLUMNS as BIN_COLUMNS
from lossary.scoring.calibration import Calibration
from lossary.scoring.figure_table import figure_names, figure_rows

R = TypeVar("R", bound=Run)
_BAR = 20  # characters
_PAIR_FIGURES = (
    "mean_a", "mean_b", "difference", "standard_error", "low", "high",
    "worse", "count", "weight", "nonfinite",
)  # fmt: skip


class Report:
    """Prints results to standard output, everything else to standard error."""

    def __init__(self, *, as_json: bool, quiet: bool) -> None:
        self._as_json = as_json
        self._quiet = quiet

    def computed(self, compute: Callable[[Progress | None], R]) -> R:
        """Return what reads the files, with its progress shown; warnings are among its notes."""
        # The command owns the process, so it may catch the warnings of all threads.
        with self._progress() as progress, warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", RuntimeWarning)
            result = compute(progress)
        result.notes += [str(warning.message) for warning in caught]
        return result

    @contextmanager
    def _progress(self) -> Iterator[Progress | None]:
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
        """Print the result of scoring."""
        self._print_notes(result)
        if self._as_json:
            print_json(as_data(job, result))
            return
        titles = {name: name for name in figure_names(result)}
        _print_losses(job, result, titles | {"mean": mean_title(job)})
        if result.calibration:
            _print_calibration(job, result.calibration)
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

    def show_comparison(self, job: Job, result: Comparison, confidence: float) -> None:
        """Print the result of comparing two models; ``job`` is that of either."""
        self._print_notes(result)
        if self._as_json:
            print_json(comparison_data(job, result, confidence))
            return
        titles = {name: name.replace("_", " ") for name in _PAIR_FIGURES}
        titles |= {f"mean_{model.lower()}": f"{mean_title(job)} {model}" for model in "AB"}
        titles |= {"difference": "B - A"}
        # On a terminal there is room for the interval or its standard error.
        _print_losses(job, result, titles, minor=["standard error"])

    def _print_notes(self, result: Run) -> None:
        if self._quiet:
            return
        for note in result.notes:
            print(f"warning: {note}", file=sys.stderr)
        if result.skipped:
            text = f"{result.skipped} of {result.rows} rows skipped: they lack a value"
            print(text, file=sys.stderr)


def as_data(job: Job, result: Score) -> dict[str, Any]:
    """Return a result as the documented form of ``--json``."""
    losses = zip(_loss_data(job, result), result.worst, strict=True)
    return {
        "files": result.files,
        **_counts(result),
        "denominator": job.denominator,
        "losses": [{**data, "worst": worst.records()} for data, worst in losses],
        "left_out": [{"what": item.what, "rows": item.rows} for item in result.left_out],
        "warnings": result.notes,
    }


def comparison_data(job: Job, result: Comparison, confidence: float) -> dict[str, Any]:
    """Return the result of a comparison as the documented form of ``--json``."""
    return {
        "files_a": result.files,
        "files_b": result.files_b,
        **_counts(result),
        "confidence": confidence,
        "losses": list(_loss_data(job, result)),
        "warnings": result.notes,
    }


def _counts(result: Run) -> dict[str, int]:
    return {name: getattr(result, name) for name in ("rows", "scored", "skipped", "excluded")}


def _loss_data(job: Job, result: Score | Comparison) -> Iterator[dict[str, Any]]:
    """Yield the name and the figures of each loss, of all rows and of the groups."""
    for spec, totals in zip(job.losses, result.totals, strict=True):
        whole = totals.combined()
        yield {
            "title": spec.title,
            "loss": spec.loss.name,
            "parameters": {**spec.loss.parameters, **spec.parameters},
            **next(_records(job, whole)),
            "groups": [
                {"by": dict(zip(job.by, key, strict=True)), **record}
                for key, record in zip(result.groups, _records(job, totals), strict=True)
            ]
            if job.by
            else [],
        }


def _records(job: Job, totals: Figures) -> Iterator[dict[str, Any]]:
    """Yield the figures of each group, and its bins of probability where there are some."""
    if not isinstance(totals, CalibratedTotals):
        yield from totals.records(job.denominator)
        return
    for record, bins in zip(
        totals.records(job.denominator), totals.bins.records_by_group(), strict=True
    ):
        yield {**record, "calibration": bins}


def mean_title(job: Job) -> str:
    """Return the name of a job's means, which tells whether rows are weighted."""
    if not job.is_weighted:
        return "mean"
    return "weighted mean" if job.denominator == "weights" else "sum/count"


def group_name(job: Job, key: tuple[Any, ...]) -> str:
    """Return the name of a group: ``size is small and fold is 3``."""
    return " and ".join(f"{name} is {item}" for name, item in zip(job.by, key, strict=True))


def _print_losses(
    job: Job, result: Score | Comparison, titles: dict[str, str], minor: Sequence[str] = ()
) -> None:
    """Print a table of the losses; ``titles`` has the headings of the figures."""
    minor = [*minor, *([] if job.is_weighted else ["weight"])]
    minor += [] if any(totals.nonfinite.any() for totals in result.totals) else ["nonfinite"]
    header = ["loss", *job.by, *titles.values()]
    rows = figure_rows(job, result, list(titles), groups=bool(job.by), whole=True)
    print_table(header, rows, minor=minor)


def _print_calibration(job: Job, calibration: Calibration) -> None:
    """Print the bins of predicted probability, on a terminal with bars, by loss and group."""
    header = ["loss", *job.by, *BIN_COLUMNS, "observed, | predicted"]
    rows = [
        [title, *key, *record.values(), _bar(record["observed"], record["predicted"])]
        for title, key, record in calibration.records(groups=bool(job.by), whole=True)
    ]
    print("\nCalibration")
    minor = ["bin", *([] if job.is_weighted else ["weight"])]
    print_table(header, rows, minor=minor, drawn=header[-1:])


def _bar(observed: float, predicted: float) -> str:
    """Return a bar as long as what came true, with a mark at what was predicted."""
    if not (math.isfinite(observed) and math.isfinite(predicted)):
        return ""
    full = "\u2501" if can_encode("\u2501") else "="
    marks = [full if place < round(observed * _BAR) else " " for place in range(_BAR + 1)]
    marks[round(min(max(predicted, 0), 1) * _BAR)] = "|"
    return "".join(marks)
