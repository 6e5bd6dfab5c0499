"""``lossary score``."""

from __future__ import annotations

from typing import Any

import click

from lossary.cli import job_options
from lossary.cli.limits import check_limits, parse_limits
from lossary.cli.report import Report
from lossary.cli.statuses import HELP
from lossary.scoring import run_job


@click.command("score", epilog=HELP)
@click.argument("files", nargs=-1)
@click.option(
    "--query",
    "queries",
    multiple=True,
    metavar="SQL",
    help="Score the rows of an SQL query; may be repeated.",
)
@job_options.DATABASE
@job_options.LOSSES
@job_options.INPUTS
@job_options.TARGETS
@job_options.COLUMN
@job_options.WEIGHTS
@job_options.WHERE
@job_options.BY
@job_options.QUANTILES
@job_options.CALIBRATION
@click.option(
    "--worst",
    type=click.IntRange(min=0),
    default=0,
    metavar="N",
    help="Show the N rows with the largest loss.",
)
@click.option(
    "--show",
    multiple=True,
    metavar="COLUMNS",
    help="Columns to show of these rows besides those that were used, e.g. an id or '*'.",
)
@job_options.POSITIVE
@job_options.CLASSES
@job_options.CLASS_WEIGHTS
@job_options.NULLS
@job_options.DOMAIN
@click.option(
    "--denominator",
    type=click.Choice(["count", "weights"]),
    default="weights",
    show_default=True,
    help="What means divide by: the number of rows, or the sum of their weights (1 without "
    "--weights and --class-weights).",
)
@click.option(
    "--skip-bad",
    "skip_unreadable",
    is_flag=True,
    help="Leave out files, or parts of them, that cannot be read, and say which.",
)
@job_options.OUTPUT
@job_options.OUTPUT_COLUMNS
@job_options.DELIMITER
@click.option(
    "--fail-above",
    "limits",
    multiple=True,
    metavar="[LOSS=]X",
    help="Exit with status 1 if a mean, of all rows or of a group, exceeds X; with 3 if it is "
    "over nothing.",
)
@job_options.ENGINE
@job_options.SCHEDULER
@job_options.WORKERS
@job_options.JSON
@job_options.QUIET
def score_command(**given: Any) -> int:
    """Compute losses over prediction FILES.

    FILES are Parquet, CSV, Arrow or JSON lines by their suffix, globs or folders, each read once,
    on disks, in object stores (s3://, gs://, hdfs://) or on web servers (https://); Delta or
    Iceberg tables; - is CSV on standard input. Rows count from 1 and are read in batches, so memory
    does not grow with the data.
    """
    as_json, quiet = given.pop("as_json"), given.pop("quiet")
    options = {name: given.pop(name) for name in ("engine", "scheduler", "workers")}
    limits = parse_limits(given.pop("limits"), given["losses"])
    queries = job_options.query_sources(given.pop("queries"), given.pop("database"))
    given["files"] = (*given["files"], *queries)
    if not given["files"]:
        msg = "Missing argument 'FILES...' or option '--query'."
        raise click.UsageError(msg)
    given["calibration"] = given["calibration"] or 0
    job = job_options.make_job(given)
    report = Report(as_json=as_json, quiet=quiet)
    result = report.computed(lambda progress: run_job(job, **options, progress=progress))
    report.show(job, result)
    return check_limits(job, result, limits)
