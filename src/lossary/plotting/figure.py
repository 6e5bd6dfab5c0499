"""Figures of curves, drawn with Matplotlib."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lossary.arrays import Array
from lossary.optional import require
from lossary.plotting.curve import Curve, axis_label, colour_indices, curves, split_at_jumps
from lossary.plotting.variable import Bounds
from lossary.registry import Loss, get_loss

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_FUNCTION = "plot"

# The palette of Okabe & Ito, distinguishable with any colour vision; on a dark ground lighter
# variants of its colours.
_LIGHT = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_DARK = ("#56B4E9", "#E69F00", "#2BC4A0", "#E19AC4", "#F0E442", "#F28A5B", "#FFFFFF")
_DARK_GROUND, _DARK_INK = "#14171C", "#D8DCE2"
_INK = "#33373D"


def plot(
    *losses: str | Callable[..., Any] | Loss,
    bounds: Bounds | None = None,
    title: str = "",
    dark: bool = False,
    ax: Axes | Sequence[Axes] | None = None,
    **parameters: Any,
) -> Figure:
    """Plot losses and their derivatives side by side with Matplotlib.

    Margin losses are drawn over the score of a positive example, losses of logits over the
    logit (that of the label, if there are several), regression losses over the residual.

    Parameters
    ----------
    *losses : str, callable or Loss
        Losses of the package or your own.
    bounds : tuple of float, optional
        Range of the horizontal axis.
    title : str
        Title of the figure; the loss's name by default, if there is one loss.
    dark : bool
        Light lines on a dark ground.
    ax : Axes or two Axes, optional
        Where to draw the losses, and the derivatives if there are two; a new figure by default.
    **parameters
        Parameters that all the losses take.

    Returns
    -------
    matplotlib.figure.Figure
        The figure.

    Raises
    ------
    ValueError
        If the bounds leave nothing to draw, or as the losses do.
    ImportError
        If Matplotlib is missing: pip install matplotlib.

    Examples
    --------
    >>> import lossary
    >>> figure = lossary.plot(lossary.hinge_loss, "binary_cross_entropy")
    >>> [axes.get_title(loc="left") for axes in figure.axes]
    ['loss', 'derivative']
    """
    chosen = [(get_loss(item), get_loss(item).name, parameters) for item in losses]  # type: ignore[arg-type]
    return draw(curves(chosen, bounds), title=title, dark=dark, ax=ax)


def draw(
    curves: Sequence[Curve],
    *,
    title: str = "",
    dark: bool = False,
    ax: Axes | Sequence[Axes] | None = None,
) -> Figure:
    """Draw curves with Matplotlib and return the figure; see :func:`plot`."""
    Figure = require(_FUNCTION, "matplotlib.figure").Figure
    panels: Sequence[Any]
    if ax is None:
        figure = Figure(figsize=(9.0, 3.7), layout="constrained")
        panels = figure.subplots(1, 2)
        name = curves[0].title if len(curves) == 1 else ""
        figure.suptitle(title or name, x=0.012, ha="left", fontsize=12, fontweight="bold")
    else:
        panels = list(ax) if isinstance(ax, Iterable) else [ax]
    palette = _DARK if dark else _LIGHT
    colours = [palette[index % len(palette)] for index in colour_indices(curves)]
    ink = _DARK_INK if dark else _INK
    for panel, name, series in zip(
        panels, ("loss", "derivative"), ("value", "slope"), strict=False
    ):
        for item, colour in zip(curves, colours, strict=True):
            _draw_curve(panel, item, getattr(item, series), colour)
        _style_panel(panel, name, axis_label(curves), ink)
    if len(curves) > 1:
        panels[0].legend(frameon=False, fontsize=9, labelcolor="linecolor", handlelength=1.6)
    if dark and ax is None:
        _darken(figure)
    return panels[0].figure  # type: ignore[no-any-return]


def save(figure: Figure, path: Path, format_: str) -> None:
    """Write a figure as "svg", "png" or "pdf"; the same figure gives the same bytes."""
    import matplotlib

    metadata: dict[str, dict[str, Any]] = {
        "svg": {"Date": None, "Creator": None},
        "pdf": {"CreationDate": None},
    }
    # Text as paths looks the same everywhere; the salt replaces a random one in identifiers.
    with matplotlib.rc_context({"svg.hashsalt": "lossary", "svg.fonttype": "path"}):
        figure.savefig(path, format=format_, dpi=200, metadata=metadata.get(format_))


def _draw_curve(panel: Axes, curve: Curve, y: Array, colour: str) -> None:
    x, y, alone = split_at_jumps(curve.x, y)
    style = (0, (4, 2)) if curve.dashed else "-"
    panel.plot(x, y, color=colour, label=curve.title, linewidth=2, linestyle=style)
    panel.plot(x[alone], y[alone], "o", color=colour, markersize=4)


def _style_panel(panel: Axes, name: str, axis: str, ink: str) -> None:
    panel.set_title(name, loc="left", fontsize=10, color=ink)
    panel.set_xlabel(axis, fontsize=9, color=ink)
    panel.tick_params(length=0, labelsize=9, labelcolor=ink)
    panel.grid(color="0.5", alpha=0.18, linewidth=0.8)
    panel.axhline(0, color="0.5", alpha=0.6, linewidth=0.8, zorder=0)
    panel.spines[["top", "right", "left", "bottom"]].set_visible(False)
    panel.margins(x=0.01, y=0.06)


def _darken(figure: Figure) -> None:
    figure.set_facecolor(_DARK_GROUND)
    for text in figure.texts:
        text.set_color(_DARK_INK)
    for panel in figure.axes:
        panel.set_facecolor(_DARK_GROUND)
