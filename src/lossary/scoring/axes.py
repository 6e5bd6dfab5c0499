"""Axes of the drawings of results, and their figures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: The method that draws, for messages.
FUNCTION = "plot"


def new_axes(figures: Any, size: tuple[float, float]) -> Any:
    """Return the axes of a new figure of some inches; ``figures`` is the library's module."""
    return figures.Figure(figsize=size, layout="constrained").subplots()


def figure_of(ax: Axes) -> Figure:
    """Return the figure that axes belong to."""
    found: Any = ax.get_figure()
    return found  # type: ignore[no-any-return]
