"""Options that the commands which score files have in common, and the job that they make."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from lossary.cli.class_options import parse_class_weights, parse_classes
from lossary.cli.losses import complete_losses, parse_losses
from lossary.errors import LossaryError
from lossary.scoring import Job, query_address
from lossary.scoring.engines.options import ENGINES
from lossary.scoring.job import MOST_BINS, OUTPUT_SUFFIXES


def _check_output(ctx: click.Context, param: click.Parameter, path: Path | None) -> Path | None:
    """Raise if the suffix of the output names no format, or its folder does not exist."""
    if path is not None and path.suffix.lower() not in OUTPUT_SUFFIXES:
        msg = f"the suffix must be {', '.join(OUTPUT_SUFFIXES)}, got {path.name!r}"
        raise click.BadParameter(msg, ctx, param)
    if path is not None and not path.resolve().parent.is_dir():
        msg = f"the folder {str(path.parent)!r} does not exist"
        raise click.BadParameter(msg, ctx, param)
    return path


def _parse_delimiter(ctx: click.Context, param: click.Parameter, text: str | None) -> str | None:
    """Return the character that separates values; raise if it cannot."""
    if text is None:
        return None
    mark = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";"}.get(text.lower(), text)
    if len(mark) != 1 or not mark.isascii() or mark in '"\r\n' or mark.isalnum():
        msg = f"must be one character such as ';', '|' or tab, got {text!r}"
        raise click.BadParameter(msg, ctx, param)
    return mark


def _parse_quantiles(
    ctx: click.Context, param: click.Parameter, text: str | None
) -> tuple[float, ...]:
    """Return the shares in a text such as ``0.5,0.9``."""
    try:
        return tuple(float(item) for item in text.split(",")) if text else ()
    except ValueError:
        msg = f"must be numbers with commas between them, got {text!r}"
        raise click.BadParameter(msg, ctx, param) from None


LOSSES = click.option(
    "--loss",
    "losses",
    callback=parse_losses,
    shell_complete=complete_losses,
    multiple=True,
    required=True,
    metavar="NAME[:KEY=VALUE,...]",
    help="Loss to compute, with parameters; repeat for several. Your own: FILE.py:NAME.",
)
DATABASE = click.option(
    "--database",
    default="",
    metavar="DATABASE",
    help="Where queries are asked: a DuckDB file, or an address such as sqlite:scores.db. Without "
    "it DuckDB reads the files that the query names.",
)
INPUTS = click.option(
    "--inputs",
    metavar="COLUMNS",
    help="Predictions: a column; for logits of classes a pattern such as 'z_*', names with commas "
    "or a list column.",
)
TARGETS = click.option("--targets", metavar="COLUMNS", help="Targets: a column, or one per class.")
COLUMN = click.option(
    "--column",
    "columns",
    multiple=True,
    metavar="ARGUMENT=COLUMNS",
    help="Columns of any other argument of a loss, e.g. vars=sigma2.",
)
WEIGHTS = click.option("--weights", metavar="COLUMN", help="Column of weights.")
WHERE = click.option("--where", metavar="COLUMN", help="Boolean column: rows that take part.")
BY = click.option(
    "--by", multiple=True, metavar="COLUMN", help="Group by a column; may be repeated."
)
QUANTILES = click.option(
    "--quantiles",
    callback=_parse_quantiles,
    metavar="Q,Q,...",
    help="Quantiles of the losses, from 0 to 1: 0.5 is the median. They are within 1 %.",
)
CALIBRATION = click.option(
    "--calibration",
    type=click.IntRange(1, MOST_BINS),
    metavar="BINS",
    help="How often what was predicted came true, in so many equally wide bins of its probability "
    "(15 is usual), and the expected calibration error.",
)
POSITIVE = click.option(
    "--positive",
    metavar="LABEL",
    help="Target that counts as +1 (or 1); the only other one counts as -1 (or 0).",
)
CLASSES = click.option(
    "--classes",
    callback=parse_classes,
    metavar="LABEL,LABEL,...",
    help="Class labels in the order of the classes, where targets are text or do not count from 0.",
)
CLASS_WEIGHTS = click.option(
    "--class-weights",
    callback=parse_class_weights,
    metavar="X,X,...",
    help="Weights of the classes, in their order, for losses of class labels.",
)
NULLS = click.option(
    "--nulls",
    type=click.Choice(["error", "skip"]),
    default="error",
    show_default=True,
    help="What to do with rows that lack a value in a used column.",
)
DOMAIN = click.option(
    "--domain",
    type=click.Choice(["warn", "raise", "ignore"]),
    default="warn",
    show_default=True,
    help="What to do about values outside a loss's domain.",
)
OUTPUT = click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    callback=_check_output,
    metavar="FILE",
    help="Write the losses of the rows beside the input columns: .parquet, .csv or .arrow.",
)
OUTPUT_COLUMNS = click.option(
    "--columns",
    "output_columns",
    multiple=True,
    metavar="COLUMNS",
    help="Columns to write to --output, e.g. id or 'z_*'; may be repeated. Without it, all.",
)
DELIMITER = click.option(
    "--delimiter",
    callback=_parse_delimiter,
    metavar="CHARACTER",
    help="What separates the values of CSV, e.g. ';' or tab.  [default: comma; tab in .tsv]",
)
ENGINE = click.option(
    "--engine",
    type=click.Choice([*ENGINES]),
    default="local",
    show_default=True,
    help="Who computes: threads of this process, the workers of Dask, a Spark Connect server, or "
    "the workers of Ray.",
)
SCHEDULER = click.option(
    "--scheduler",
    "--remote",
    metavar="ADDRESS",
    help="Where the engine is: tcp://host:8786 for Dask, sc://host:15002 for Spark, "
    "ray://host:10001 for Ray.",
)
WORKERS = click.option(
    "--workers",
    type=click.IntRange(min=1),
    metavar="N",
    help="Number of threads, of processes for Dask or Ray, or of tasks for Spark.  [default: one "
    "for each core]",
)
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
QUIET = click.option("--quiet", is_flag=True, help="No progress and no warnings.")


def query_sources(queries: Sequence[str], database: str) -> list[str]:
    """Return the sources that are queries of a database."""
    if database and not queries:
        msg = f"--database {database}: needs a query"
        raise click.UsageError(msg)
    return [query_address(query, database) for query in queries]


def make_job(given: dict[str, Any]) -> Job:
    """Return the job of the options; raise if they do not fit one another."""
    columns = dict(_pair("--column", item) for item in given.pop("columns"))
    arguments = [name for spec in given["losses"] for name in spec.loss.arguments]
    unknown = [name for name in columns if name not in arguments]
    if unknown:
        msg = f"--column {unknown[0]}: the losses take {', '.join(dict.fromkeys(arguments))}"
        raise click.UsageError(msg)
    skip_nulls = given.pop("nulls") == "skip"
    try:
        return Job(**given, columns=columns, skip_nulls=skip_nulls)
    except LossaryError as error:
        raise click.UsageError(str(error)) from None


def _pair(option: str, text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    if not (name and value):
        msg = f"{option} {text}: write NAME=VALUE"
        raise click.UsageError(msg)
    return name, value
