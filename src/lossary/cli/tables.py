"""Tables and JSON on standard output."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterator, Sequence
from typing import Any, Literal

from lossary.cli.streams import can_encode

_MAX_DEPTH = 4
_MAX_DRAWN_ROWS = 2000  # drawing more rows takes seconds


def print_table(
    header: Sequence[str],
    rows: Sequence[Sequence[Any]],
    *,
    minor: Collection[str] = (),
    drawn: Collection[str] = (),
) -> None:
    """Print a table: formatted on a terminal; elsewhere with tabs and all digits.

    ``minor`` names columns that are left out on a terminal, ``drawn`` those that are only there.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    if not console.is_terminal or len(rows) > _MAX_DRAWN_ROWS:
        header, rows = _without(header, rows, drawn)
        # One call: a call per line takes longer than the writing itself.
        print("\n".join("\t".join(map(_field, row)) for row in [header, *rows]))
        return
    header, rows = _without(header, rows, minor)
    texts = [[_rounded(item) for item in row] for row in rows]
    table = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False)
    for index, name in enumerate(header):
        numeric = any(isinstance(row[index], (int, float)) for row in rows)
        justify: Literal["left", "right"] = "right" if numeric else "left"
        # The first column is not wrapped: it has names, which users copy.
        table.add_column(Text(name), justify=justify, overflow="fold", no_wrap=index == 0)
    for text in texts:
        table.add_row(*map(Text, text))  # not as markup: values may hold brackets
    console.print(table)


def _without(
    header: Sequence[str], rows: Sequence[Sequence[Any]], names: Collection[str]
) -> tuple[Sequence[str], Sequence[Sequence[Any]]]:
    """Return a table without the columns of these names."""
    shown = [index for index, name in enumerate(header) if name not in names]
    if len(shown) == len(header):
        return header, rows
    return [header[i] for i in shown], [[row[i] for i in shown] for row in rows]


def print_json(data: Any) -> None:
    """Print JSON, with null for NaN and infinities. Each record of a list is on one line."""
    text = "".join(_json_parts(data))
    # The escapes of a stream for characters that it cannot encode are not always valid JSON.
    print(text if can_encode(text) else "".join(_json_parts(data, ensure_ascii=True)))


def _json_parts(data: Any, depth: int = 0, *, ensure_ascii: bool = False) -> Iterator[str]:
    """Yield JSON, indented down to a depth; deeper data are on one line, which is faster."""
    if depth == _MAX_DEPTH or not data or not isinstance(data, (dict, list, tuple)):
        yield _encoded(data, ensure_ascii)
        return
    separator = "\n" + "  " * (depth + 1)
    yield "{" if isinstance(data, dict) else "["
    for index, item in enumerate(data):
        yield ("," if index else "") + separator
        if isinstance(data, dict):
            yield _encoded(item, ensure_ascii) + ": "
            item = data[item]
        yield from _json_parts(item, depth + 1, ensure_ascii=ensure_ascii)
    yield separator[:-2] + ("}" if isinstance(data, dict) else "]")


def _encoded(data: Any, ensure_ascii: bool) -> str:
    try:
        return json.dumps(data, allow_nan=False, ensure_ascii=ensure_ascii, default=str)
    except ValueError:  # a number that JSON does not have
        return json.dumps(_finite(data), ensure_ascii=ensure_ascii, default=str)


def _field(item: Any) -> str:
    """Return a field of tab-separated text, with spaces for tabs and line ends."""
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
