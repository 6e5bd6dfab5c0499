"""Tables and JSON on standard output."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

import click


def print_table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print a table: drawn on a terminal, separated by tabs and in full precision elsewhere."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    console = Console()
    if not console.is_terminal:
        for row in [header, *rows]:
            click.echo("\t".join(_field(item) for item in row))
        return
    table = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False)
    for place, name in enumerate(header):
        numeric = any(isinstance(row[place], (int, float)) for row in rows)
        table.add_column(name, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(_rounded(item) for item in row))
    console.print(table)


def print_json(data: Any) -> None:
    """Print JSON; what it has no number for is null."""
    click.echo(json.dumps(_plain(data), indent=2, allow_nan=False, ensure_ascii=False))


def _field(item: Any) -> str:
    """Return a field of tab-separated text; tabs and line ends would break the table."""
    return "" if item is None else " ".join(str(item).splitlines()).replace("\t", " ")


def _rounded(item: Any) -> str:
    if isinstance(item, float):
        return f"{item:.6g}"
    return "" if item is None else str(item)


def _plain(data: Any) -> Any:
    if isinstance(data, dict):
        return {str(key): _plain(value) for key, value in data.items()}
    if isinstance(data, (list, tuple)):
        return [_plain(item) for item in data]
    if isinstance(data, float):
        return data if math.isfinite(data) else None
    return data if isinstance(data, (bool, int, str, type(None))) else str(data)
