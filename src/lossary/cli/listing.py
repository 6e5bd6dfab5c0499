"""``lossary list``."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import click

from lossary.cli.show import as_data
from lossary.cli.streams import can_encode
from lossary.cli.tables import print_json, print_table
from lossary.products.catalogue import matrix_losses
from lossary.registry import Loss, list_losses, selected

_MIN_WIDTH = 60


@click.command("list")
@click.option("--family", help="Only the losses of this family, such as margin, or robust.")
@click.option("--targets", help="Only losses of this kind of targets, such as real or none.")
@click.option(
    "--tag", "tags", multiple=True, metavar="TAG",
    help="Only losses that have this tag: elementwise, along-axis, convex, smooth, robust, "
    "evaluation, probabilistic or matrix-product; may be repeated.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def list_command(
    family: str | None, targets: str | None, tags: tuple[str, ...], as_json: bool
) -> None:
    """List the losses by family; in a pipe, as a table with their domains and properties."""
    from rich.console import Console

    every: list[Loss] = [*list_losses(), *matrix_losses()]
    losses = selected(every, family, targets, tags)
    console = Console()
    if as_json:
        print_json([as_data(item) for item in losses])
    elif console.is_terminal:
        _print_families(losses, max(console.width, _MIN_WIDTH))
    else:
        _print_facts(losses)


def _print_families(losses: Sequence[Loss], width: int) -> None:
    """Print a line for each loss: its name, and as much of its summary as fits."""
    longest = max((len(item.name) for item in losses), default=0)
    available = width - longest - 4
    end = "…" if can_encode() else "..."
    for family, members in itertools.groupby(losses, key=lambda item: item.family):
        print(f"\n{family}")
        for item in members:
            summary = item.summary.replace("``", "")
            short = summary if len(summary) <= available else summary[: available - len(end)] + end
            print(f"  {item.name:<{longest}}  {short}")
    print("\nlossary show NAME prints the formula, domain and properties of a loss.")


def _print_facts(losses: Sequence[Loss]) -> None:
    header = ["name", "family", "tags", "Lipschitz", "kind of targets", "targets", "summary"]
    rows = [
        [
            item.name,
            item.family,
            ", ".join(item.tags),
            item.lipschitz_text or None,
            item.kind_of_targets,
            item.targets.text if "targets" in item.arguments else None,
            item.summary.replace("``", ""),
        ]
        for item in losses
    ]
    print_table(header, rows)
