"""The figures of a result as bars, and differences as intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lossary.errors import value_error
from lossary.optional import require
from lossary.scoring.axes import FUNCTION, figure_of, new_axes
from lossary.scoring.figure_table import Result, figure_names

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MOST = 30  # groups with names that can be read


def draw_bars(result: Result, figure: str, ax: Axes | None) -> Figure:
    """Draw a figure of every group, a bar for each loss; see :meth:`Score.plot`."""
    names = figure_names(result)
    if figure not in names:
        requirement = f"must be one of {', '.join(names)}"
        raise value_error(FUNCTION, "figure", requirement, repr(figure))
    figures = require(FUNCTION, "matplotlib.figure", library="matplotlib")
    losses = [spec.title for spec in result.job.losses]
    columns = np.stack([part.figures(result.job.denominator)[figure] for part in result.totals])
    shown = _largest(columns[0])
    if ax is None:
        ax = new_axes(figures, _size(len(shown) * len(losses)))
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
    return figure_of(ax)


def draw_intervals(result: Result, ax: Axes | None) -> Figure:
    """Draw the differences of the groups, and of all rows last; see :meth:`Comparison.plot`."""
    figures = require(FUNCTION, "matplotlib.figure", library="matplotlib")
    losses = [spec.title for spec in result.job.losses]
    tables = []
    for totals in result.totals:
        parts = [totals, totals.combined()] if result.job.by else [totals]
        found = [part.figures(result.job.denominator) for part in parts]
        tables.append({name: np.concatenate([part[name] for part in found]) for name in found[0]})
    names = [*map(_group_name, result.groups), "(all)"] if result.job.by else ["(all)"]
    shown = _largest(tables[0]["difference"][: len(result.groups)])
    shown = np.append(shown, len(names) - 1) if result.job.by else shown
    if ax is None:
        ax = new_axes(figures, _size(len(shown) * len(losses)))
    for index, (title, table) in enumerate(zip(losses, tables, strict=True)):
        places = np.arange(len(shown)) + (index - (len(losses) - 1) / 2) * 0.8 / len(losses)
        middle, low, high = (table[name][shown] for name in ("difference", "low", "high"))
        reach = np.where(np.isfinite(high - low), (middle - low, high - middle), np.nan)
        ax.errorbar(middle, places, xerr=reach, fmt="o", capsize=3, label=title)
    ax.axvline(0, color="grey", linestyle=":")
    ax.set_yticks(np.arange(len(shown)), [names[index] for index in shown.tolist()])
    ax.invert_yaxis()
    ax.set_ylabel(", ".join(result.job.by))
    ax.set_xlabel("B - A" if len(losses) > 1 else f"B - A of {losses[0]}")
    if len(losses) > 1:
        ax.legend()
    return figure_of(ax)


def _largest(figures: Any) -> Any:
    """Return the places of the largest figures, in their own order."""
    ranks = np.argsort(-np.nan_to_num(figures, nan=np.inf), kind="stable")
    return np.sort(ranks[:_MOST])


def _size(lines: int) -> tuple[float, float]:
    """Return width and height of a figure with room for a number of lines."""
    return 7, min(1.2 + 0.25 * lines, 12)


def _group_name(key: tuple[Any, ...]) -> str:
    return ", ".join(map(str, key)) if key else "(all)"
