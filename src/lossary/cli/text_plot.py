"""Curves drawn with text: two by four dots to a character (braille), or one star."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from lossary.arrays import Array
from lossary.plotting import Curve, axis_label, split_at_jumps

if TYPE_CHECKING:
    from rich.text import Text

_COLOURS = ("cyan", "yellow", "green", "magenta", "blue", "red")
_MARGIN = 8
_BRAILLE = 0x2800
# The bit of each dot in the code of a braille character, four rows of two dots.
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
    owners = np.full((height, width), -1)  # the index of the curve drawn last
    title_rows: dict[int, int] = {}  # of each curve, the row at whose end its title stands
    for index, (curve, y) in enumerate(zip(curves, series, strict=True)):
        across = (curve.x - left) / (right - left) * (width * 2 - 1)
        down = (high - y) / (high - low) * (height * 4 - 1)
        rows, columns = _dots(across, down)
        np.bitwise_or.at(codes, (rows // 4, columns // 2), _BITS[rows % 4, columns % 2])
        owners[rows // 4, columns // 2] = index
        title_rows[index] = _nearest_free(int(rows[-1]) // 4, set(title_rows.values()), height)
    text = Text(f"{'':{_MARGIN}}{title}\n")
    labels = {0: f"{high:.3g}", height - 1: f"{low:.3g}"}
    for row, marks in enumerate(_marks(codes, owners, dots)):
        line = Text(f"{labels.get(row, ''):>{_MARGIN - 1}} ").append(marks)
        for index in (i for i, title_row in title_rows.items() if title_row == row):
            line.append(f" {curves[index].title}", _style(index))
        line.rstrip()
        text.append(line).append("\n")
    first, last = f"{left:g}", f"{right:g}"
    middle = f" {axis_label(curves)} ".center(max(0, width - len(first) - len(last)))
    return text.append(f"{'':{_MARGIN}}{first}{middle}{last}")


def _marks(codes: Array, owners: Array, dots: bool) -> Iterator[Text]:
    """Yield the rows of characters, in the colours of the curves."""
    from rich.text import Text

    for row_codes, row_owners in zip(codes, owners, strict=True):
        line = Text()
        for code, owner in zip(row_codes, row_owners, strict=True):
            mark = chr(_BRAILLE + code) if dots else "*"
            line.append(mark if code else " ", _style(owner))
        yield line


def _style(index: int) -> str:
    return "" if index < 0 else _COLOURS[index % len(_COLOURS)]


def _dots(across: Array, down: Array) -> tuple[Array, Array]:
    """Return the rows and columns of the dots of a curve, without gaps where it is steep."""
    x, y, _ = split_at_jumps(across, down)
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


def _nearest_free(wanted: int, taken: set[int], height: int) -> int:
    """Return the row nearest to the wanted one that is not taken."""
    free = [row for row in range(height) if row not in taken] or [wanted]
    return min(free, key=lambda row: abs(row - wanted))
