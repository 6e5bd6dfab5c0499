"""``lossary score``."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import click

from lossary.cli.class_options import parse_class_weights, parse_classes
from lossary.cli.limits import check_limits, parse_limits
from lossary.cli.losses import complete_losses, parse_losses
from lossary.cli.report import Report
from lossary.cli.statuses import HELP
from lossary.errors import LossaryError
from lossary.scoring import Job, score

_OUTPUTS = (".parquet", ".csv", ".arrow")


def _check_output(ctx: click.Context, param: click.Parameter, path: Path | None) -> Path | None:
    """Raise if the suffix of the output names no format, or its folder does not exist."""
    if path is not None and path.suffix.lower() not in _OUTPUTS:
        msg = f"the suffix must be {', '.join(_OUTPUTS)}, got {path.name!r}"
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


@click.command("score", epilog=HELP)
@click.argument("files", nargs=-1, required=True)
@click.option(
    "--loss",
    "losses",
    callback=parse_losses,
    shell_complete=complete_losses,
    multiple=True,
    required=True,
    metavar="NAME[:KEY=VALUE,...]",
    help="Loss to compute, with parameters; repeat for several. Your own: FILE.py:NAME.",
)
@click.option(
    "--inputs",
    metavar="COLUMNS",
    help="Predictions: a column; for logits of classes a pattern such as 'z_*', names with commas "
    "or a list column.",
)
@click.option("--targets", metavar="COLUMNS", help="Targets: a column, or one per class.")
@click.option(
    "--column",
    "columns",
    multiple=True,
    metavar="ARGUMENT=COLUMNS",
    help="Columns of any other argument of a loss, e.g. vars=sigma2.",
)
@click.option("--weights", metavar="COLUMN", help="Column of weights.")
@click.option("--where", metavar="COLUMN", help="Boolean column: rows that take part.")
@click.option("--by", multiple=True, metavar="COLUMN", help="Group by a column; may be repeated.")
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
@click.option(
    "--positive",
    metavar="LABEL",
    help="Target that counts as +1 (or 1); the only other one counts as -1 (or 0).",
)
@click.option(
    "--classes",
    callback=parse_classes,
    metavar="LABEL,LABEL,...",
    help="Class labels in the order of the classes, where targets are text or do not count from 0.",
)
@click.option(
    "--class-weights",
    callback=parse_class_weights,
    metavar="X,X,...",
    help="Weights of the classes, in their order, for losses of class labels.",
)
@click.option(
    "--nulls",
    type=click.Choice(["error", "skip"]),
    default="error",
    show_default=True,
    help="What to do with rows that lack a value in a used column.",
)
@click.option(
    "--domain",
    type=click.Choice(["warn", "raise", "ignore"]),
    default="warn",
    show_default=True,
    help="What to do about values outside a loss's domain.",
)
@click.option(
    "--denominator",
    type=click.Choice(["count", "weights"]),
    default="weights",
    show_default=True,
    help="What means divide by: the number of rows, or the sum of their weights (1 without "
    "--weights and --class-weights).",
)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    callback=_check_output,
    metavar="FILE",
    help="Write the losses of the rows beside the input columns: .parquet, .csv or .arrow.",
)
@click.option(
    "--columns",
    "output_columns",
    multiple=True,
    metavar="COLUMNS",
    help="Columns to write to --output, e.g. id or 'z_*'; may be repeated. Without it, all.",
)
@click.option(
    "--delimiter",
    callback=_parse_delimiter,
    metavar="CHARACTER",
    help="What separates the values of CSV, e.g. ';' or tab.  [default: comma; tab in .tsv]",
)
@click.option(
    "--fail-above",
    "limits",
    multiple=True,
    metavar="[LOSS=]X",
    help="Exit with status 1 if a mean, of all rows or of a group, exceeds X; with 3 if it is "
    "over nothing.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
@click.option("--quiet", is_flag=True, help="No progress and no warnings.")
def score_command(**given: Any) -> int:
    """Compute losses over prediction FILES.

    FILES are Parquet, CSV, Arrow or JSON lines by their suffix, globs or folders, each read once;
    - is CSV on standard input. Rows count from 1 and are read in batches, so memory does not grow
    with the data.
    """
    as_json, quiet = given.pop("as_json"), given.pop("quiet")
    limits = parse_limits(given.pop("limits"), given["losses"])
    job = _job(given)
    report = Report(as_json=as_json, quiet=quiet)
    # The command owns the process, so it may catch the warnings of all threads.
    with report.progress() as progress, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", RuntimeWarning)
        result = score(job, progress)
    result.notes += [str(warning.message) for warning in caught]
    report.show(job, result)
    return check_limits(job, result, limits)


def _job(given: dict[str, Any]) -> Job:
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
