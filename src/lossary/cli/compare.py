"""``lossary compare``."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import click

from lossary.cli import job_options
from lossary.cli.limits import check_margins, parse_limits
from lossary.cli.report import Report
from lossary.cli.statuses import HELP
from lossary.scoring import Job, compare


@click.command("compare", epilog=HELP)
@click.argument("file_a", metavar="[A]", required=False)
@click.argument("file_b", metavar="[B]", required=False)
@click.option("--query-a", metavar="SQL", help="SQL query whose rows are A.")
@click.option("--query-b", metavar="SQL", help="SQL query whose rows are B.")
@job_options.DATABASE
@job_options.LOSSES
@job_options.INPUTS
@click.option("--inputs-a", metavar="COLUMNS", help="Predictions of A; by default --inputs.")
@click.option("--inputs-b", metavar="COLUMNS", help="Predictions of B; by default --inputs.")
@job_options.TARGETS
@job_options.COLUMN
@job_options.WEIGHTS
@job_options.WHERE
@job_options.BY
@click.option(
    "--key",
    multiple=True,
    metavar="COLUMN",
    help="Column that must be equal in A and B, row by row, such as an id; may be repeated.",
)
@job_options.POSITIVE
@job_options.CLASSES
@job_options.CLASS_WEIGHTS
@job_options.NULLS
@job_options.DOMAIN
@click.option(
    "--confidence",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.95,
    show_default=True,
    metavar="X",
    help="Confidence of the intervals.",
)
@job_options.OUTPUT
@job_options.OUTPUT_COLUMNS
@job_options.DELIMITER
@click.option(
    "--fail-above",
    "limits",
    multiple=True,
    metavar="[LOSS=]MARGIN",
    help="Exit with status 1 if the lower end of an interval of B - A, of all rows or of a group, "
    "exceeds MARGIN; with 3 if a mean is over nothing.",
)
@job_options.ENGINE
@job_options.SCHEDULER
@job_options.WORKERS
@job_options.JSON
@job_options.QUIET
def compare_command(**given: Any) -> int:
    """Compare the losses of two models, A and B, on the same rows.

    A and B are files, globs, folders or tables as for score, or queries, with the same rows in the
    same order; with A alone, --inputs-a and --inputs-b are columns of it. Targets, weights and
    groups may be in either; targets in both must be equal. Intervals are of the mean of B - A, from
    the paired differences of the rows.
    """
    as_json, quiet = given.pop("as_json"), given.pop("quiet")
    options = {
        name: given.pop(name) for name in ("confidence", "key", "engine", "scheduler", "workers")
    }
    limits = parse_limits(given.pop("limits"), given["losses"])
    first, second = _jobs(given)
    report = Report(as_json=as_json, quiet=quiet)
    result = report.computed(lambda progress: compare(first, second, **options, progress=progress))
    report.show_comparison(first, result, options["confidence"])
    return check_margins(first, result, limits, options["confidence"])


def _sources(given: dict[str, Any]) -> tuple[str, str | None]:
    """Return A and B: each is a query, or else the next argument."""
    files = [file for file in (given.pop("file_a"), given.pop("file_b")) if file is not None]
    queries = [given.pop("query_a"), given.pop("query_b")]
    asked = [query for query in queries if query is not None]
    addresses = iter(job_options.query_sources(asked, given.pop("database")))
    names = iter(files)
    a, b = (next(names if query is None else addresses, None) for query in queries)
    if a is None or next(names, None) is not None:
        msg = "name A by an argument or by --query-a, and B by another or by --query-b"
        raise click.UsageError(msg)
    return a, b


def _jobs(given: dict[str, Any]) -> tuple[Job, Job]:
    file_a, file_b = _sources(given)
    inputs, inputs_a, inputs_b = (given.pop(name) for name in ("inputs", "inputs_a", "inputs_b"))
    if file_b is None and not (inputs_a and inputs_b):
        msg = "name a second file, or two predictions of this one by --inputs-a and --inputs-b"
        raise click.UsageError(msg)
    first = job_options.make_job({**given, "files": (file_a,), "inputs": inputs_a or inputs})
    return first, replace(first, files=(file_b or file_a,), inputs=inputs_b or inputs)
