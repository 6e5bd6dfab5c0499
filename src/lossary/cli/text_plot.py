"""Curves drawn with text: two by four dots to a character (braille), or one star."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from lossary.plotting import Curve, axes_meaning, split_at_jumps

if TYPE_CHECKING:
    from rich.text import Text

Array = np.ndarray[Any, np.dtype[Any]]

_COLOURS = ("cyan", "yellow", "green", "magenta", "blue", "red")
_MARGIN = 8
# The dot of a character that each bit of its code stands for: columns of four, then the last row.
_BITS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]])


def text_plot(
    curves: Sequence[Curve], width: int = 72, height: int = 12, *, dots: bool = True
) -> Text:
    """Return the losses, and below them the derivatives, as text of ``width`` characters.

    Without ``dots`` only ASCII characters are used.
    """
    from rich.text import Text

    inner = max(40, width - _MARGIN - max(len(item.title) for item in curves) - 1)
    panels = [
        _panel(title, curves, [getattr(item, series) for item in curves], inner, height, dots)
        for title, series in (("loss", "value"), ("derivative", "slope"))
    ]
    return Text("\n\n").join(panels)


def _panel(
    title: str,
    curves: Sequence[Curve],
    series: Sequence[Array],
    width: int,
    height: int,
    dots: bool,
) -> Text:
    from rich.text import Text

    finite = np.concatenate([y[np.isfinite(y)] for y in series])
    low, high = float(min(finite.min(), 0.0)), float(max(finite.max(), 0.0))
    high = high if high > low else low + 1.0
    left, right = min(c.x[0] for c in curves), max(c.x[-1] for c in curves)
    codes = np.zeros((height, width), dtype=np.int64)
    owner = np.full((height, width), -1)
    ends: dict[int, int] = {}
    for place, (curve, y) in enumerate(zip(curves, series, strict=True)):
        across = (curve.x - left) / (right - left) * (width * 2 - 1)
        up = (high - y) / (high - low) * (height * 4 - 1)
        rows, columns = _dots(across, up)
        np.bitwise_or.at(codes, (rows // 4, columns // 2), _BITS[rows % 4, columns % 2])
        owner[rows // 4, columns // 2] = place
        ends[place] = _free_row(int(rows[-1]) // 4, set(ends.values()), height)
    text = Text(f"{'':{_MARGIN}}{title}\n")
    for row in range(height):
        label = {0: f"{high:.3g}", height - 1: f"{low:.3g}"}.get(row, "")
        line = Text(f"{label:>{_MARGIN - 1}} ")
        for code, place in zip(codes[row], owner[row], strict=True):
            mark = chr(0x2800 + code) if dots else "*"
            line.append(mark if code else " ", _style(place))
        for place, end in ends.items():
            if end == row:
                line.append(f" {curves[place].title}", _style(place))
        line.rstrip()
        text.append(line).append("\n")
    first, last = f"{left:g}", f"{right:g}"
    middle = f" {axes_meaning(curves)} ".center(max(0, width - len(first) - len(last)))
    text.append(f"{'':{_MARGIN}}{first}{middle}{last}")
    return text


def _style(place: int) -> str:
    return "" if place < 0 else _COLOURS[place % len(_COLOURS)]


def _dots(across: Array, up: Array) -> tuple[Array, Array]:
    """Return the rows and columns of the dots of a curve, without gaps where it is steep."""
    x, y, _ = split_at_jumps(across, up)
    rows, columns = [], []
    for i in range(len(x)):
        if not math.isfinite(y[i]):
            continue
        start = y[i - 1] if i and math.isfinite(y[i - 1]) else y[i]
        low, high = sorted((round(float(start)), round(float(y[i]))))
        filled = range(low, high + 1) if y[i] >= start else range(high, low - 1, -1)
        rows += list(filled)
        columns += [round(float(x[i]))] * len(filled)
    return np.array(rows), np.array(columns)


def _free_row(wanted: int, taken: set[int], height: int) -> int:
    """Return the row nearest to the wanted one that has no name yet."""
    free = [row for row in range(height) if row not in taken] or [wanted]
    return min(free, key=lambda row: abs(row - wanted))
