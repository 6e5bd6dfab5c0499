"""The directive ``loss-curves``: losses and their derivatives as drawings in the page.

The curves are computed by the losses themselves. The drawings take colours and text from the
page, so they follow its dark mode, and stand one below the other where the window is narrow.
"""

from __future__ import annotations

import html
import math
from collections.abc import Iterator, Sequence

import numpy as np
from docutils import nodes
from known_losses import loss_named
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective, SphinxRole

from lossary import Loss
from lossary.arrays import Array
from lossary.plotting import Curve, axis_label, colour_indices, curves, split_at_jumps

_WIDTH, _HEIGHT = 420.0, 250.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 42.0, 8.0, 10.0, 26.0
_SMALL = 96.0, 36.0
_VISIBLE = 0.08  # a shorter detour of a curve, in pixels, is left out


def drawings(names: Sequence[str], bounds: tuple[float, float] | None = None) -> str:
    """Return the loss and derivative of losses side by side, as HTML.

    Examples
    --------
    >>> drawings(["hinge_loss"]).count("<svg")
    2
    """
    chosen = [(loss_named(name), name, {}) for name in names]
    found = curves(chosen, bounds)
    title = " and ".join(names)
    panels = "".join(
        f"<figure><figcaption>{kind}</figcaption>{_panel(found, series, f'{title}: {kind}')}"
        "</figure>"
        for kind, series in (("loss", "value"), ("derivative", "slope"))
    )
    label = html.escape(axis_label(found))
    key = _key(found) if len(found) > 1 else ""
    return f'<div class="loss-curves">{panels}<p>{key}<span>over the {label}</span></p></div>\n'


def small_drawing(loss: Loss) -> str:
    """Return a loss as a small drawing without axes, as HTML.

    Examples
    --------
    >>> small_drawing(loss_named("mse_loss")).count("<path")
    1
    """
    found = curves([(loss, loss.name, {})])
    width, height = _SMALL
    frame = _Frame(found, "value", (2.0, 3.0, width - 2.0, height - 3.0))
    lines = "".join(_line(item, "value", frame, index) for index, item in enumerate(found))
    return (
        f'<svg class="small-curve" viewBox="0 0 {width:g} {height:g}" role="img" '
        f'aria-label="curve of {loss.name}">{lines}</svg>'
    )


def _key(found: Sequence[Curve]) -> str:
    """Return what the lines stand for."""
    items = (
        f'<span class="key {_style(item, colour)}">{html.escape(item.title)}</span>'
        for item, colour in zip(found, colour_indices(found), strict=True)
    )
    return " ".join(items) + " "


# --- one panel --------------------------------------------------------------------------------
class _Frame:
    """Where points of a drawing are: what the axes span, and the rectangle that they fill."""

    def __init__(self, found: Sequence[Curve], series: str, box: tuple[float, ...]) -> None:
        self.left, self.top, self.right, self.bottom = box
        x = np.concatenate([item.x for item in found])
        y = np.concatenate([getattr(item, series) for item in found])
        y = y[np.isfinite(y)]
        self.x = float(x.min()), float(x.max())
        low, high = min(float(y.min()), 0.0), max(float(y.max()), 0.0)
        if low == high:  # a slope that is 0 everywhere
            low, high = -1.0, 1.0
        margin = 0.05 * (high - low)
        self.y = low - margin * (low < 0), high + margin * (high > 0)

    def across(self, x: Array | float) -> Array | float:
        """Return the horizontal positions of values."""
        low, high = self.x
        return self.left + (x - low) / (high - low) * (self.right - self.left)

    def down(self, y: Array | float) -> Array | float:
        """Return the vertical positions of values."""
        low, high = self.y
        return self.bottom - (y - low) / (high - low) * (self.bottom - self.top)


def _panel(found: Sequence[Curve], series: str, title: str) -> str:
    frame = _Frame(found, series, (_LEFT, _TOP, _WIDTH - _RIGHT, _HEIGHT - _BOTTOM))
    parts = [*_grid(frame)]
    colours = colour_indices(found)
    parts += [_line(item, series, frame, index) for item, index in zip(found, colours, strict=True)]
    return (
        f'<svg viewBox="0 0 {_WIDTH:g} {_HEIGHT:g}" role="img" '
        f'aria-label="{html.escape(title)}">{"".join(parts)}</svg>'
    )


def _grid(frame: _Frame) -> Iterator[str]:
    for value in ticks(*frame.x):
        x = frame.across(value)
        yield f'<path class="grid" d="M{x:.1f} {frame.top:g}V{frame.bottom:g}"/>'
        yield f'<text x="{x:.1f}" y="{frame.bottom + 17:g}" text-anchor="middle">{value:g}</text>'
    for value in ticks(*frame.y):
        y = frame.down(value)
        kind = "zero" if value == 0 else "grid"
        yield f'<path class="{kind}" d="M{frame.left:g} {y:.1f}H{frame.right:g}"/>'
        yield f'<text x="{frame.left - 7:g}" y="{y + 4:.1f}" text-anchor="end">{value:g}</text>'


def ticks(low: float, high: float) -> list[float]:
    """Return round numbers in a range, four to seven of them.

    Examples
    --------
    >>> ticks(-3.0, 3.0), ticks(0.0, 0.26)
    ([-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0], [0.0, 0.05, 0.1, 0.15, 0.2, 0.25])
    """
    unit = 10.0 ** math.floor(math.log10((high - low) / 4))
    step = next(unit * size for size in (1, 2, 2.5, 5, 10) if (high - low) / (unit * size) <= 7)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(step * count, 12) for count in range(first, last + 1)]


def _style(curve: Curve, colour: int) -> str:
    return f"curve-{colour}" + " dashed" * curve.dashed


def _line(curve: Curve, series: str, frame: _Frame, colour: int) -> str:
    x, y, alone = split_at_jumps(curve.x, getattr(curve, series))
    across, down = np.asarray(frame.across(x)), np.asarray(frame.down(y))
    gaps = np.flatnonzero(~np.isfinite(down))
    pieces = np.split(np.stack([across, down], axis=1), gaps)
    drawn = "".join(map(_path, pieces))
    line = f'<path class="{_style(curve, colour)}" d="{drawn}"/>'
    points = zip(across[alone], down[alone], strict=True)
    dots = (f'<circle class="curve-{colour}" cx="{a:.1f}" cy="{b:.1f}" r="3"/>' for a, b in points)
    return line + "".join(dots)


def _path(points: Array) -> str:
    points = points[np.isfinite(points).all(axis=1)]
    if len(points) < 2:
        return ""
    spelled = (f"{x:.1f} {y:.1f}" for x, y in thinned(points))
    return "M" + "L".join(spelled)


def thinned(points: Array) -> Array:
    """Leave out points that lie on the line between their neighbours (Ramer's method).

    Examples
    --------
    >>> thinned(np.array([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0], [3.0, 1.0]])).tolist()
    [[0.0, 0.0], [2.0, 2.0], [3.0, 1.0]]
    """
    keep = np.zeros(len(points), bool)
    keep[[0, -1]] = True
    stack = [(0, len(points) - 1)]
    while stack:
        first, last = stack.pop()
        if last - first < 2:
            continue
        start, way = points[first], points[last] - points[first]
        between = points[first + 1 : last] - start
        away = np.abs(between[:, 0] * way[1] - between[:, 1] * way[0]) / np.hypot(*way)
        furthest = int(away.argmax())
        if away[furthest] > _VISIBLE:
            middle = first + 1 + furthest
            keep[middle] = True
            stack += [(first, middle), (middle, last)]
    return points[keep]


# --- Sphinx -----------------------------------------------------------------------------------
class LossCurves(SphinxDirective):
    """Draw the losses that are named."""

    required_arguments = 1
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        """Return the drawings."""
        return [nodes.raw("", drawings(self.arguments[0].split()), format="html")]


class SmallCurve(SphinxDirective):
    """Draw the loss that is named without axes."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the drawing."""
        loss = loss_named(self.arguments[0])
        return [nodes.raw("", small_drawing(loss), format="html")]


class SmallCurveInLine(SphinxRole):
    """Draw a loss as small in a line of text, or in a cell of a table."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Return the drawing."""
        return [nodes.raw("", small_drawing(loss_named(self.text)), format="html")], []


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the directives, and the role."""
    app.add_directive("loss-curves", LossCurves)
    app.add_directive("small-curve", SmallCurve)
    app.add_role("small-curve", SmallCurveInLine())
    return {"parallel_read_safe": True, "parallel_write_safe": True}
