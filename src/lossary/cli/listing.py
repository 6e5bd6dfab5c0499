"""``lossary list``."""

from __future__ import annotations

import click

from lossary import list_losses
from lossary.cli.show import as_data
from lossary.cli.tables import print_json, print_table


@click.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def list_command(as_json: bool) -> None:
    """List the losses with their families, domains and properties."""
    losses = list_losses()
    if as_json:
        print_json([as_data(item) for item in losses])
        return
    header = ["name", "family", "convex", "smooth", "Lipschitz", "targets", "summary"]
    rows = [
        [
            item.name,
            item.family,
            fact(item.convex),
            fact(item.smooth),
            item.lipschitz,
            item.targets.text if "targets" in item.arguments else None,
            item.summary.replace("``", ""),
        ]
        for item in losses
    ]
    print_table(header, rows, remarks=True)


def fact(value: bool | None) -> str | None:
    """Spell a fact that may not be stated."""
    return None if value is None else ("yes" if value else "no")
