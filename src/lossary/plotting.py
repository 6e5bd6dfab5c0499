"""Curves of losses and of their derivatives: computed by the losses themselves."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lossary.derivatives import value_and_grad
from lossary.errors import value_error
from lossary.optional import require
from lossary.registry import Loss, get_loss

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = np.ndarray[Any, np.dtype[Any]]
Bounds = tuple[float, float]

_POINTS = 1201
_WIDE = (-3.0, 3.0)
_REAL = (-math.inf, math.inf)

# Okabe & Ito's palette, which people with any colour vision can tell apart; on dark ground in
# the lighter of its colours.
_LIGHT = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_DARK = ("#56B4E9", "#E69F00", "#2BC4A0", "#E19AC4", "#F0E442", "#F28A5B", "#FFFFFF")
_DARK_GROUND, _DARK_INK = "#14171C", "#D8DCE2"
_INK = "#33373D"


@dataclass(frozen=True, slots=True)
class Curve:
    """A loss over a range: its values and derivatives, and what the horizontal axis means.

    Attributes
    ----------
    title : str
        Name of the curve.
    axis : str
        What varies.
    x, value, slope : array
        Points, losses and derivatives.
    dashed : bool
        Whether this is the counterpart (of the other target) of the curve before it.
    """

    title: str
    axis: str
    x: Array
    value: Array
    slope: Array
    dashed: bool = False


@dataclass(frozen=True, slots=True)
class _Setting:
    """How a loss becomes a function of one number."""

    axis: str
    arguments: Callable[[Array], Sequence[Any]]
    bounds: Bounds = _WIDE
    domain: Bounds = _REAL
    counterpart: Callable[[Array], Sequence[Any]] | None = None


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
        Light lines on dark ground.
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


def curves(
    losses: Sequence[tuple[Loss, str, dict[str, Any]]], bounds: Bounds | None = None
) -> list[Curve]:
    """Compute the curves of losses as their first arguments vary.

    Parameters
    ----------
    losses : sequence of (Loss, str, dict)
        The losses, each with the curve's name and its parameters.
    bounds : tuple of float, optional
        Range of the horizontal axis.

    Returns
    -------
    list of Curve
        One for each loss. Losses of targets between 0 and 1 are followed by the curve for a
        target of 0, unless they are drawn over losses of another kind.

    Raises
    ------
    ValueError
        If the bounds leave nothing to draw, or as the losses do.

    Examples
    --------
    >>> import lossary
    >>> from lossary.plotting import curves
    >>> [hinge] = curves([(lossary.get_loss("hinge_loss"), "hinge", {})], (-1.0, 3.0))
    >>> hinge.axis, float(hinge.value[0]), float(hinge.slope[0])
    ('score, target +1', 2.0, -1.0)
    """
    settings = [_setting(loss, parameters) for loss, _, parameters in losses]
    if bounds is None:
        low, high = zip(*(item.bounds for item in settings), strict=True)
        bounds = (min(low), max(high))
    alike = len({item.axis for item in settings}) == 1
    found = []
    for (loss, title, parameters), item in zip(losses, settings, strict=True):
        curve = _curve(loss, parameters, item, bounds, title)
        if item.counterpart is None or not alike:
            found.append(curve)
            continue
        other = replace(item, arguments=item.counterpart)
        dashed = _curve(loss, parameters, other, bounds, f"{title}, target 0")
        axis = item.axis.removesuffix(", target 1")
        found.append(replace(curve, title=f"{title}, target 1", axis=axis))
        found.append(replace(dashed, axis=axis, dashed=True))
    return found


def draw(
    curves: Sequence[Curve],
    *,
    title: str = "",
    dark: bool = False,
    ax: Axes | Sequence[Axes] | None = None,
) -> Figure:
    """Draw curves with Matplotlib and return the figure; see :func:`plot`."""
    Figure = require("plot", "matplotlib.figure").Figure
    panels: Sequence[Any]
    if ax is None:
        figure = Figure(figsize=(9.0, 3.7), layout="constrained")
        panels = figure.subplots(1, 2)
        only = curves[0].title if len(curves) == 1 else ""
        figure.suptitle(title or only, x=0.012, ha="left", fontsize=12, fontweight="bold")
    else:
        panels = list(ax) if isinstance(ax, Iterable) else [ax]
    colours = _colours(curves, _DARK if dark else _LIGHT)
    ink = _DARK_INK if dark else _INK
    for panel, name, series in zip(
        panels, ("loss", "derivative"), ("value", "slope"), strict=False
    ):
        for item, colour in zip(curves, colours, strict=True):
            _line(panel, item, getattr(item, series), colour)
        _tidy(panel, name, axes_meaning(curves), ink)
    if len(curves) > 1:
        panels[0].legend(frameon=False, fontsize=9, labelcolor="linecolor", handlelength=1.6)
    if dark and ax is None:
        _darken(figure)
    return panels[0].figure  # type: ignore[no-any-return]


def save(figure: Figure, path: Path, kind: str) -> None:
    """Write a figure as "svg", "png" or "pdf"; the same figure gives the same bytes."""
    import matplotlib

    metadata: dict[str, dict[str, Any]] = {
        "svg": {"Date": None, "Creator": None},
        "pdf": {"CreationDate": None},
    }
    # Text as paths looks the same everywhere; the salt replaces a random one in names.
    with matplotlib.rc_context({"svg.hashsalt": "lossary", "svg.fonttype": "path"}):
        figure.savefig(path, format=kind, dpi=200, metadata=metadata.get(kind))


# --- what varies ------------------------------------------------------------------------------
def _setting(loss: Loss, parameters: dict[str, Any]) -> _Setting:
    if loss.axis is not None:
        return _row_setting(loss)
    rest = loss.arguments[1:]
    if loss.targets.name == "plus_minus_one":
        axis = "score" if len(rest) == 1 else "difference of scores"
        return _Setting(f"{axis}, target +1", _with(rest, targets=1.0))
    if loss.targets.name == "unit_interval":
        other = _with(rest, targets=0.0)
        if parameters.get("with_logits", loss.parameters.get("with_logits", True)):
            return _Setting("logit, target 1", _with(rest, targets=1.0), counterpart=other)
        return _Setting(
            "probability, target 1",
            _with(rest, targets=1.0),
            bounds=(0.01, 0.99),
            domain=(0.0, 1.0),
            counterpart=other,
        )
    name = "residual" if "targets" in rest else loss.arguments[0]
    return _Setting(
        f"{name}, {'vars 1' if 'vars' in rest else ''}".rstrip(", "), _with(rest, vars=1.0)
    )


def _with(names: Sequence[str], **values: float) -> Callable[[Array], Sequence[Any]]:
    """Return arguments of which the first varies; the others are 0 unless given."""
    return lambda x: [x, *(np.full_like(x, values.get(name, 0.0)) for name in names)]


def _row_setting(loss: Loss) -> _Setting:
    """Return how a loss of rows varies with the first element of rows of two."""

    def rows(first: Any, second: Any, x: Array) -> Array:
        return np.stack(np.broadcast_arrays(first + 0.0 * x, second + 0.0 * x), axis=1)

    def labelled(x: Array) -> Sequence[Any]:
        return rows(x, 0.0, x), np.zeros(len(x), dtype=np.int64)

    def divergence(x: Array) -> Sequence[Any]:
        half = math.log(0.5)
        return rows(x, half, x), rows(half, half, x)

    def vectors(x: Array) -> Sequence[Any]:
        others = [rows(1.0, 0.0, x), rows(0.0, 0.0, x)]
        return rows(x, 1.0, x), *others[: len(loss.arguments) - 1]

    def triplet(x: Array) -> Sequence[Any]:
        return rows(x, 0.0, x), rows(0.0, 0.0, x), rows(2.0, 0.0, x)

    if loss.targets.name == "classes_or_probabilities":
        return _Setting("logit of the label, the other 0", labelled)
    if loss.takes_labels:
        return _Setting("log-probability of the label", labelled, (-5.0, 0.0), (-math.inf, 0.0))
    if loss.targets.name == "log_probabilities":
        axis = "log-probability of a class of probability 1/2"
        return _Setting(axis, divergence, (-5.0, 0.0), (-math.inf, 0.0))
    if len(loss.arguments) == 3:
        return _Setting("anchor on a line, positive at 0, negative at 2", triplet)
    return _Setting("x of the vector (x, 1), against (1, 0)", vectors)


def _curve(
    loss: Loss,
    parameters: dict[str, Any],
    setting: _Setting,
    bounds: Bounds,
    title: str,
) -> Curve:
    low, high = max(bounds[0], setting.domain[0]), min(bounds[1], setting.domain[1])
    if not low < high:
        requirement = f"must be increasing, and overlap {setting.domain} for {loss.name}"
        error = value_error("plot", "bounds", requirement, repr(bounds))
        raise error
    # Rounded, so that kinks at 0 and 1 are points of the grid.
    x = np.round(np.linspace(low, high, _POINTS), 12)
    options = {"axis": -1} if "axis" in loss.signature.parameters else {}
    value, slope = value_and_grad(loss.function)(
        *setting.arguments(x), reduction="none", **options, **parameters
    )
    slope = np.asarray(slope if loss.axis is None else slope[:, 0])
    return Curve(title, setting.axis, x, np.asarray(value), slope)


# --- how it is drawn --------------------------------------------------------------------------
def axes_meaning(curves: Sequence[Curve]) -> str:
    """Return the label of the horizontal axis that curves share."""
    return " / ".join(dict.fromkeys(item.axis for item in curves))


def _colours(curves: Sequence[Curve], palette: Sequence[str]) -> list[str]:
    """Return the curves' colours; a counterpart has that of the curve before it."""
    places = np.cumsum([not item.dashed for item in curves]) - 1
    return [palette[place % len(palette)] for place in places]


def _line(panel: Axes, curve: Curve, y: Array, colour: str) -> None:
    x, y, alone = split_at_jumps(curve.x, y)
    style = (0, (4, 2)) if curve.dashed else "-"
    panel.plot(x, y, color=colour, label=curve.title, linewidth=2, linestyle=style)
    panel.plot(x[alone], y[alone], "o", color=colour, markersize=4)


def _tidy(panel: Axes, name: str, axis: str, ink: str) -> None:
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


def split_at_jumps(x: Array, y: Array) -> tuple[Array, Array, Array]:
    """Cut a curve where it jumps, with NaN, so that no line is drawn across.

    Returns the curve, and which of its points are alone between two jumps. A jump is a step that
    is far larger than one of its neighbours, which no smooth function has on a fine grid.
    """
    step = np.abs(np.diff(y))
    around = np.minimum(np.append(step[:1], step[:-1]), np.append(step[1:], step[-1:]))
    span = float(np.nanmax(y) - np.nanmin(y)) or 1.0
    jumps = np.flatnonzero((step > 0.02 * span) & (step > 8 * around)) + 1
    x, y = np.insert(x, jumps, np.nan), np.insert(y, jumps, np.nan)
    gap = np.isnan(y)
    alone = ~gap & np.append(True, gap[:-1]) & np.append(gap[1:], True)
    return x, y, alone
