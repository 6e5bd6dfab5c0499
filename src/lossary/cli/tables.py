"""Tables and JSON on standard output."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterator, Sequence
from typing import Any, Literal

from lossary.cli.streams import shows

_DEPTH = 4
_DRAWN = 2000  # more rows than that take seconds to draw


def print_table(
    header: Sequence[str],
    rows: Sequence[Sequence[Any]],
    *,
    minor: Collection[str] = (),
) -> None:
    """Print a table: drawn on a terminal, separated by tabs and in full precision elsewhere.

    ``minor`` names columns that a terminal need not show.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    if not console.is_terminal or len(rows) > _DRAWN:
        # One write: a call for every line takes longer than what it writes.
        print("\n".join("\t".join(map(_field, row)) for row in [header, *rows]))
        return
    places = [place for place, name in enumerate(header) if name not in minor]
    header, rows = [header[i] for i in places], [[row[i] for i in places] for row in rows]
    texts = [[_rounded(item) for item in row] for row in rows]
    table = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False)
    for place, name in enumerate(header):
        numeric = any(isinstance(row[place], (int, float)) for row in rows)
        justify: Literal["left", "right"] = "right" if numeric else "left"
        # Names stay whole: what a row is about, and what one copies.
        table.add_column(Text(name), justify=justify, overflow="fold", no_wrap=place == 0)
    for text in texts:
        table.add_row(*map(Text, text))  # not as markup: values may hold brackets
    console.print(table)


def print_json(data: Any) -> None:
    """Print JSON; what it has no number for is null. Records of a list take a line each."""
    text = "".join(_laid_out(data))
    # The escapes that a stream puts for what it cannot show are not all JSON's.
    print(text if shows(text) else "".join(_laid_out(data, ensure_ascii=True)))


def _laid_out(data: Any, depth: int = 0, *, ensure_ascii: bool = False) -> Iterator[str]:
    """Yield JSON, indented down to a depth; what is deeper the faster encoder writes in a line."""
    if depth == _DEPTH or not data or not isinstance(data, (dict, list, tuple)):
        yield _encoded(data, ensure_ascii)
        return
    separator = "\n" + "  " * (depth + 1)
    yield "{" if isinstance(data, dict) else "["
    for place, item in enumerate(data):
        yield ("," if place else "") + separator
        if isinstance(data, dict):
            yield _encoded(item, ensure_ascii) + ": "
            item = data[item]
        yield from _laid_out(item, depth + 1, ensure_ascii=ensure_ascii)
    yield separator[:-2] + ("}" if isinstance(data, dict) else "]")


def _encoded(data: Any, ensure_ascii: bool) -> str:
    try:
        return json.dumps(data, allow_nan=False, ensure_ascii=ensure_ascii, default=str)
    except ValueError:  # a number that JSON does not have
        return json.dumps(_finite(data), ensure_ascii=ensure_ascii, default=str)


def _field(item: Any) -> str:
    """Return a field of tab-separated text; tabs and line ends would break the table."""
    text = "" if item is None else str(item)
    return text if text.isprintable() else " ".join(text.splitlines()).replace("\t", " ")


def _rounded(item: Any) -> str:
    if isinstance(item, float):
        return f"{item:.0f}" if 1e6 <= abs(item) < 1e15 else f"{item:.6g}"
    return "" if item is None else str(item)


def _finite(data: Any) -> Any:
    """Return data with None for numbers that are not finite."""
    if isinstance(data, dict):
        return {key: _finite(value) for key, value in data.items()}
    if isinstance(data, (list, tuple)):
        return [_finite(item) for item in data]
    return None if isinstance(data, float) and not math.isfinite(data) else data
