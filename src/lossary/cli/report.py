"""What ``lossary score`` prints: a table for people, tab-separated text for pipes, JSON."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import click

from lossary.score import Job, Score

_FIGURES = ("mean", "sum", "weight", "count", "minimum", "maximum", "nonfinite")


class Report:
    """Prints results to standard output, everything else to standard error."""

    def __init__(self, *, as_json: bool, quiet: bool) -> None:
        self._as_json = as_json
        self._quiet = quiet

    @contextmanager
    def progress(self) -> Iterator[Callable[[int], None]]:
        """Show a progress bar while rows are read, on a terminal only."""
        if self._quiet or not sys.stderr.isatty():
            yield lambda rows: None
            return
        from rich.console import Console
        from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        columns = (
            SpinnerColumn(),
            TextColumn("{task.completed:,} rows"),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task("", total=None)
            yield lambda rows: bar.advance(task, rows)

    def show(self, job: Job, result: Score) -> None:
        """Print the result."""
        if not self._quiet:
            for note in result.notes:
                click.echo(f"warning: {note}", err=True)
        if self._as_json:
            click.echo(json.dumps(_finite(as_data(job, result)), indent=2, allow_nan=False))
            return
        print_table(_header(job), _rows(job, result))
        for spec, worst in zip(job.losses, result.worst, strict=True):
            records = worst.records()
            if records:
                click.echo(f"\nlargest {spec.title}")
                names = list(records[0]["values"])
                print_table(
                    ["file", "row", "loss", *names],
                    [
                        [r["file"], r["row"], r["loss"], *(r["values"].get(n) for n in names)]
                        for r in records
                    ],
                )
        if result.skipped and not self._quiet:
            click.echo(f"{result.skipped} of {result.rows} rows skipped for nulls", err=True)


def as_data(job: Job, result: Score) -> dict[str, Any]:
    """Return a result as plain data."""
    return {
        "files": result.files,
        "rows": result.rows,
        "skipped": result.skipped,
        "denominator": job.denominator,
        "groups": [
            {
                "by": dict(zip(job.by, key, strict=True)),
                "losses": [
                    {
                        "loss": spec.loss.name,
                        "title": spec.title,
                        "parameters": spec.parameters,
                        **totals.record(place, job.denominator),
                    }
                    for spec, totals in zip(job.losses, result.totals, strict=True)
                ],
            }
            for place, key in enumerate(result.groups)
        ],
        "worst": {
            spec.title: worst.records()
            for spec, worst in zip(job.losses, result.worst, strict=True)
            if job.worst
        },
        "warnings": result.notes,
    }


def _header(job: Job) -> list[str]:
    return [*job.by, "loss", *_FIGURES]


def _rows(job: Job, result: Score) -> list[list[Any]]:
    order = sorted(range(len(result.groups)), key=lambda place: _sort_key(result.groups[place]))
    return [
        [*result.groups[place], spec.title]
        + [totals.record(place, job.denominator)[name] for name in _FIGURES]
        for place in order
        for spec, totals in zip(job.losses, result.totals, strict=True)
    ]


def _sort_key(key: Sequence[Any]) -> list[tuple[bool, str, Any]]:
    return [(item is None, type(item).__name__, "" if item is None else item) for item in key]


def print_table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print a table: drawn on a terminal, separated by tabs and in full precision elsewhere."""
    if not sys.stdout.isatty():
        click.echo("\t".join(header))
        for row in rows:
            click.echo("\t".join("" if item is None else str(item) for item in row))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(header_style="bold")
    for place, name in enumerate(header):
        numeric = bool(rows) and isinstance(rows[0][place], (int, float))
        table.add_column(name, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(_rounded(item) for item in row))
    Console().print(table)


def _rounded(item: Any) -> str:
    if isinstance(item, float):
        return f"{item:.6g}"
    return "" if item is None else str(item)


def _finite(data: Any) -> Any:
    """Replace what JSON has no number for by null."""
    if isinstance(data, dict):
        return {str(key): _finite(value) for key, value in data.items()}
    if isinstance(data, (list, tuple)):
        return [_finite(item) for item in data]
    if isinstance(data, float) and not math.isfinite(data):
        return None
    return data if isinstance(data, (bool, int, float, str, type(None))) else str(data)
