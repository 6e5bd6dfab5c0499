"""The commands, their options and their exit statuses."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any, get_args

import click

import lossary
from lossary.cli import show as shown
from lossary.cli.losses import parse_loss, parse_thresholds
from lossary.cli.report import Report
from lossary.options import Policy
from lossary.score import DataError, Job, Score, score

FAILED, BAD_DATA, INTERRUPTED = 1, 3, 130


class App(click.Group):
    """The group of commands; turns what goes wrong into exit statuses."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run; 2 for a wrong command line, 3 for bad data, 130 when interrupted."""
        kwargs["standalone_mode"] = False
        try:
            status = super().main(*args, **kwargs)
            sys.stdout.flush()
        except click.ClickException as error:
            error.show()
            sys.exit(error.exit_code)
        except (click.Abort, KeyboardInterrupt):
            print("interrupted", file=sys.stderr)
            sys.exit(INTERRUPTED)
        except DataError as error:
            print(f"lossary: {error}", file=sys.stderr)
            sys.exit(BAD_DATA)
        except BrokenPipeError:
            # The reader of our output has gone; keep the interpreter from saying so at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(0)
        sys.exit(status if isinstance(status, int) else 0)


@click.group(cls=App, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(lossary.__version__, prog_name="lossary")
def app() -> None:
    """Loss functions: score prediction files, look losses up, plot them."""


@app.command("score")
@click.argument("files", nargs=-1, required=True)
@click.option("--loss", "losses", multiple=True, required=True, metavar="NAME[:KEY=VALUE,...]",
              help="Loss to compute, with parameters; repeat for several.")  # fmt: skip
@click.option("--inputs", required=True, metavar="COLUMNS",
              help="Column of predictions; for class logits a pattern such as 'z_*', a list with "
              "commas, or a list column.")  # fmt: skip
@click.option("--targets", required=True, metavar="COLUMNS", help="Column of targets.")
@click.option("--column", "columns", multiple=True, metavar="ARGUMENT=COLUMNS",
              help="Columns of any other argument of a loss, e.g. vars=sigma2.")  # fmt: skip
@click.option("--weights", metavar="COLUMN", help="Column of weights.")
@click.option("--where", metavar="COLUMN", help="Boolean column: rows that take part.")
@click.option("--by", multiple=True, metavar="COLUMN", help="Group by a column; may be repeated.")
@click.option("--worst", type=click.IntRange(min=0), default=0, metavar="N",
              help="Show the N rows with the largest loss.")  # fmt: skip
@click.option("--positive", metavar="LABEL",
              help="Label that counts as +1 (or 1); the other one is -1 (or 0).")  # fmt: skip
@click.option("--nulls", type=click.Choice(["error", "skip"]), default="error", show_default=True,
              help="What to do with rows that lack a value.")  # fmt: skip
@click.option("--domain", type=click.Choice(get_args(Policy)), default="warn", show_default=True,
              help="What to do about targets outside a loss's domain.")  # fmt: skip
@click.option("--denominator", type=click.Choice(["count", "weights"]), default="count",
              show_default=True, help="What means divide by.")  # fmt: skip
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
              help="Write the losses of the rows beside the input columns.")  # fmt: skip
@click.option("--fail-above", "limits", multiple=True, metavar="[NAME=]X",
              help="Exit with status 1 if a mean exceeds X.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
@click.option("--quiet", is_flag=True, help="No progress bar and no warnings.")
def score_command(**given: Any) -> int:
    """Compute losses over prediction FILES.

    FILES are Parquet, CSV, Arrow or JSON lines by their suffix, globs or folders; - reads CSV from
    standard input. Rows are read in batches, so memory does not grow with the data. Exit status:
    0; 1 if --fail-above was exceeded; 2 for a wrong command line; 3 for bad data.
    """
    job = _job(given)
    limits = parse_thresholds(given["limits"], [spec.title for spec in job.losses])
    report = Report(as_json=given["as_json"], quiet=given["quiet"])
    with report.progress() as advance:
        result = score(job, advance)
    report.show(job, result)
    return FAILED if _exceeds(job, result, limits) else 0


def _job(given: dict[str, Any]) -> Job:
    columns = dict(_pair("--column", item) for item in given["columns"])
    output = given["output"]
    if output is not None and output.suffix.lower() not in {".parquet", ".csv", ".arrow"}:
        msg = f"--output {output}: the suffix must be .parquet, .csv or .arrow"
        raise click.UsageError(msg)
    if output is not None and not output.resolve().parent.is_dir():
        msg = f"--output {output}: the folder does not exist"
        raise click.UsageError(msg)
    specs = [parse_loss(text) for text in given["losses"]]
    unknown = set(columns) - {name for spec in specs for name in spec.loss.arguments}
    if unknown:
        msg = f"--column {min(unknown)}: no such argument of these losses"
        raise click.UsageError(msg)
    return Job(
        files=given["files"],
        losses=specs,
        inputs=given["inputs"],
        targets=given["targets"],
        columns=columns,
        weights=given["weights"],
        where=given["where"],
        by=given["by"],
        worst=given["worst"],
        positive=given["positive"],
        skip_nulls=given["nulls"] == "skip",
        domain=given["domain"],
        denominator=given["denominator"],
        output=output,
    )


def _pair(option: str, text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not (name and sign and value):
        msg = f"{option} {text}: write NAME=VALUE"
        raise click.UsageError(msg)
    return name, value


def _exceeds(job: Job, result: Score, limits: dict[str, float]) -> bool:
    failed = False
    for place, spec in enumerate(job.losses):
        limit = limits.get(spec.title)
        if limit is None:
            continue
        for group in range(len(result.groups)):
            mean = result.totals[place].record(group, job.denominator)["mean"]
            if not mean <= limit:
                failed = True
                where = " ".join(map(str, result.groups[group]))
                text = f"{spec.title} {where}".strip()
                print(f"lossary: the mean {text} is {mean!r}, above {limit!r}", file=sys.stderr)
    return failed


@app.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def list_command(as_json: bool) -> None:
    """List the losses with their families and domains."""
    shown.print_list(as_json)


@app.command("show")
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
@click.option("--latex", is_flag=True, help="Print formula and gradient as LaTeX.")
def show_command(name: str, as_json: bool, latex: bool) -> None:
    """Show a loss: formula, gradient, domain, properties, source, differences elsewhere."""
    shown.print_loss(parse_loss(name).loss, as_json=as_json, latex=latex)


@app.command("plot")
@click.argument("losses", nargs=-1, required=True, metavar="NAME[:KEY=VALUE,...]...")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
              help="Picture to write (.svg, .png, .pdf); else plot in the terminal.")  # fmt: skip
@click.option("--range", "bounds", type=(float, float), default=(-3.0, 3.0), show_default=True,
              metavar="LOW HIGH", help="Range of the horizontal axis.")  # fmt: skip
def plot_command(losses: tuple[str, ...], out: Path | None, bounds: tuple[float, float]) -> None:
    """Plot losses and their derivatives."""
    from lossary import plotting

    if not bounds[0] < bounds[1]:
        msg = "--range: LOW must be below HIGH"
        raise click.UsageError(msg)
    curves = [
        plotting.curve(spec.loss, bounds, title=spec.title, **spec.parameters)
        for spec in map(parse_loss, losses)
    ]
    if out is None:
        click.echo(plotting.text_plot(curves))
        return
    if out.suffix.lower() not in {".svg", ".png", ".pdf"}:
        msg = f"--out {out}: the suffix must be .svg, .png or .pdf"
        raise click.UsageError(msg)
    try:
        plotting.save(curves, out)
    except lossary.LossaryImportError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"wrote {out}")
