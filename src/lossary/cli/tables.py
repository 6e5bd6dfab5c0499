"""Tables and JSON on standard output."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Sequence
from typing import Any, Literal

from lossary.cli.streams import shows

_GAP = 3
_LEAST = 20


def print_table(
    header: Sequence[str],
    rows: Sequence[Sequence[Any]],
    *,
    remarks: bool = False,
    minor: Collection[str] = (),
) -> None:
    """Print a table: drawn on a terminal, separated by tabs and in full precision elsewhere.

    ``remarks`` tells that the last column is text that a terminal shows as far as there is room;
    ``minor`` names columns that it need not show.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table

    console = Console()
    if not console.is_terminal:
        for row in [header, *rows]:
            print("\t".join(_field(item) for item in row))
        return
    places = [place for place, name in enumerate(header) if name not in minor]
    header, rows = [header[i] for i in places], [[row[i] for i in places] for row in rows]
    texts = [[_rounded(item) for item in row] for row in rows]
    if remarks:
        header, texts = _shortened(header, texts, console.width)
    table = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False)
    for place, name in enumerate(header):
        numeric = any(isinstance(row[place], (int, float)) for row in rows)
        justify: Literal["left", "right"] = "right" if numeric else "left"
        # Names stay whole: what a row is about, and what one copies.
        table.add_column(name, justify=justify, overflow="fold", no_wrap=place == 0)
    for text in texts:
        table.add_row(*text)
    console.print(table)


def print_json(data: Any) -> None:
    """Print JSON; what it has no number for is null."""
    # The escapes that a stream puts for what it cannot show are not all JSON's.
    text = json.dumps(_plain(data), indent=2, allow_nan=False, ensure_ascii=False)
    print(text if shows(text) else json.dumps(json.loads(text), indent=2))


def _shortened(
    header: Sequence[str], rows: Sequence[Sequence[str]], width: int
) -> tuple[Sequence[str], list[list[str]]]:
    """Cut the last column to the room that is left; leave it out if that is too little."""
    others = [max(map(len, column)) for column in zip(*[header, *rows], strict=True)][:-1]
    room = width - sum(others) - _GAP * (len(others) + 1)
    if room < _LEAST:
        return header[:-1], [list(row[:-1]) for row in rows]
    end = "…" if shows() else "..."
    last = [row[-1] if len(row[-1]) <= room else row[-1][: room - len(end)] + end for row in rows]
    return header, [[*row[:-1], text] for row, text in zip(rows, last, strict=True)]


def _field(item: Any) -> str:
    """Return a field of tab-separated text; tabs and line ends would break the table."""
    return "" if item is None else " ".join(str(item).splitlines()).replace("\t", " ")


def _rounded(item: Any) -> str:
    if isinstance(item, float):
        return f"{item:.0f}" if 1e6 <= abs(item) < 1e15 else f"{item:.6g}"
    return "" if item is None else str(item)


def _plain(data: Any) -> Any:
    if isinstance(data, dict):
        return {str(key): _plain(value) for key, value in data.items()}
    if isinstance(data, (list, tuple)):
        return [_plain(item) for item in data]
    if isinstance(data, float):
        return data if math.isfinite(data) else None
    return data if isinstance(data, (bool, int, str, type(None))) else str(data)
