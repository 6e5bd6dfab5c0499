"""What ``lossary list`` and ``lossary show`` print."""

from __future__ import annotations

import json
from typing import Any

import click

from lossary.cli.report import print_table
from lossary.registry import Loss, list_losses


def print_list(as_json: bool) -> None:
    """Print a table of all losses."""
    losses = list_losses()
    if as_json:
        click.echo(json.dumps([as_data(item) for item in losses], indent=2))
        return
    print_table(
        ["name", "family", "targets", "convex", "smooth", "Lipschitz", "summary"],
        [
            [
                item.name,
                item.family,
                item.targets.text if "targets" in item.arguments else None,
                _fact(item.convex),
                _fact(item.smooth),
                item.lipschitz,
                item.summary,
            ]
            for item in losses
        ],
    )


def _fact(value: bool | None) -> str | None:
    return None if value is None else ("yes" if value else "no")


def as_data(loss: Loss) -> dict[str, Any]:
    """Return what is known about a loss as plain data."""
    return {
        "name": loss.name,
        "summary": loss.summary,
        "family": loss.family,
        "signature": f"{loss.name}{loss.signature}",
        "arguments": list(loss.arguments),
        "parameters": loss.parameters,
        "axis": loss.axis,
        "reduction": loss.reduction,
        "domains": {name: domain.text for name, domain in loss.domains.items()},
        "formula": loss.formula_text(),
        "gradient": loss.gradient_text(),
        "convex": loss.convex,
        "smooth": loss.smooth,
        "lipschitz": loss.lipschitz,
        "source": loss.source,
        "differences": loss.differences,
    }


def print_loss(loss: Loss, *, as_json: bool, latex: bool) -> None:
    """Print everything about one loss."""
    if as_json:
        click.echo(json.dumps(as_data(loss), indent=2))
        return
    if latex:
        click.echo(f"{loss.formula_latex()}\n{loss.gradient_latex()}")
        return
    data = as_data(loss)
    click.echo(f"{data['signature']}\n\n{data['summary']}\n")
    click.echo(f"formula     {data['formula']}")
    click.echo(f"gradient    {data['gradient']}")
    for name, text in data["domains"].items():
        click.echo(f"{name:<11} {text}")
    for name in ("convex", "smooth", "lipschitz"):
        if data[name] is not None:
            value = _fact(data[name]) if isinstance(data[name], bool) else data[name]
            click.echo(f"{name:<11} {value}")
    if loss.source:
        click.echo(f"source      {loss.source}")
    if loss.differences:
        click.echo("\nfunctions of this name elsewhere")
        for library, text in loss.differences.items():
            click.echo(f"  {library:<14} {text}")
