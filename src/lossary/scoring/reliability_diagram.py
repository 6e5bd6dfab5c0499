"""Reliability diagrams: what came true over what was predicted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from lossary.optional import require
from lossary.scoring.axes import FUNCTION, figure_of, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def draw_reliability(curves: Sequence[tuple[str, Any, Any]], ax: Axes | None) -> Figure:
    """Draw curves with a name, predicted and observed probabilities; see :class:`Calibration`."""
    figures = require(FUNCTION, "matplotlib.figure", library="matplotlib")
    if ax is None:
        ax = new_axes(figures, (5, 5))
    ax.plot([0, 1], [0, 1], color="grey", linestyle=":", label="_as predicted")
    for name, predicted, observed in curves:
        ax.plot(predicted, observed, marker="o", markersize=4, label=name)
    ax.set_xlim(0, 1)
    ax.set_ylim(0, 1)
    ax.set_aspect("equal")
    ax.set_xlabel("predicted probability")
    ax.set_ylabel("observed frequency")
    if len(curves) > 1:
        ax.legend()
    else:
        ax.set_title("".join(name for name, _, _ in curves), loc="left")
    return figure_of(ax)
