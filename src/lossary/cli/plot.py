"""``lossary plot``."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from lossary.cli.losses import complete_losses, parse_losses
from lossary.cli.streams import can_encode
from lossary.cli.text_plot import text_plot
from lossary.plotting import Curve, curves, draw, save
from lossary.scoring import LossSpec
from lossary.scoring.replacing import replacing

_PICTURES = (".svg", ".png", ".pdf")


@click.command("plot")
@click.argument(
    "losses",
    callback=parse_losses,
    shell_complete=complete_losses,
    nargs=-1,
    required=True,
    metavar="NAME[:KEY=VALUE,...]...",
)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write a picture (.svg, .png or .pdf) and its folder; without it, plot in the terminal.",
)
@click.option(
    "--range",
    "bounds",
    type=(float, float),
    metavar="LOW HIGH",
    help="Range of the horizontal axis.",
)
@click.option("--title", default="", help="Title above the picture.")
@click.option("--dark", is_flag=True, help="Light lines on a dark ground.")
def plot_command(
    losses: tuple[LossSpec, ...],
    out: Path | None,
    bounds: tuple[float, float] | None,
    title: str,
    dark: bool,
) -> None:
    """Plot losses and, in a second diagram, their derivatives."""
    if bounds is not None and not bounds[0] < bounds[1]:
        msg = f"--range {bounds[0]:g} {bounds[1]:g}: the first must be below the second"
        raise click.UsageError(msg)
    if out is not None:
        _check_suffix(out)
    found = curves([(spec.loss, spec.title, dict(spec.parameters)) for spec in losses], bounds)
    if out is None:
        _print(found)
        return
    figure = draw(found, title=title, dark=dark)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with replacing(out) as temporary:
            save(figure, temporary, out.suffix.lower().lstrip("."))
    except OSError as error:
        msg = f"--out {out}: cannot be written: {error.strerror}"
        raise click.UsageError(msg) from None
    print(f"wrote {out}", file=sys.stderr)


def _check_suffix(out: Path) -> None:
    if out.suffix.lower() not in _PICTURES:
        msg = f"--out {out}: the suffix must be {', '.join(_PICTURES)}"
        raise click.UsageError(msg)


def _print(found: list[Curve]) -> None:
    from rich.console import Console

    console = Console()
    width = console.width if console.is_terminal else 80
    console.print(
        text_plot(found, min(width, 100), dots=can_encode()), soft_wrap=True, highlight=False
    )
