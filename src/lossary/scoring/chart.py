"""The figures of a result as bars."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lossary.errors import value_error
from lossary.optional import require
from lossary.scoring.figure_table import Result, figure_names

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_FUNCTION = "plot"
_MOST = 30  # groups with names that can be read


def draw_bars(result: Result, figure: str, ax: Axes | None) -> Figure:
    """Draw a figure of every group, a bar for each loss; see :meth:`Score.plot`."""
    names = figure_names(result)
    if figure not in names:
        requirement = f"must be one of {', '.join(names)}"
        raise value_error(_FUNCTION, "figure", requirement, repr(figure))
    figures = require(_FUNCTION, "matplotlib.figure", library="matplotlib")
    losses = [spec.title for spec in result.job.losses]
    columns = np.stack([part.figures(result.job.denominator)[figure] for part in result.totals])
    # The groups with the largest figures, in their own order.
    ranks = np.argsort(-np.nan_to_num(columns[0], nan=np.inf), kind="stable")
    shown = np.sort(ranks[:_MOST])
    if ax is None:
        height = 1.2 + 0.25 * len(shown) * max(1, len(losses))
        drawn = figures.Figure(figsize=(7, min(height, 12)), layout="constrained")
        ax = drawn.subplots()
    places, width = np.arange(len(shown)), 0.8 / len(losses)
    for index, title in enumerate(losses):
        offset = (index - (len(losses) - 1) / 2) * width
        ax.barh(places + offset, columns[index, shown], width, label=title)
    ax.set_yticks(places, [_group_name(result.groups[index]) for index in shown.tolist()])
    ax.invert_yaxis()
    ax.set_xlabel(figure)
    ax.set_ylabel(", ".join(result.job.by))
    if len(shown) < len(result.groups):
        ax.set_title(f"the {len(shown)} largest of {len(result.groups):,} groups", loc="left")
    if len(losses) > 1:
        ax.legend()
    else:
        ax.set_xlabel(f"{figure} of {losses[0]}")
    found: Any = ax.get_figure()
    return found  # type: ignore[no-any-return]


def _group_name(key: tuple[Any, ...]) -> str:
    return ", ".join(map(str, key)) if key else "(all)"
