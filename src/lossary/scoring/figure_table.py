"""The figures of a result by loss and group: as columns, text and HTML."""

from __future__ import annotations

import html
import itertools
from collections.abc import Sequence
from typing import Any, Protocol

from lossary.scoring.job import Job
from lossary.scoring.totals import Figures

#: What stands for the value of a grouping column where a row is of all groups together.
ALL = "(all)"
_MAX_SHOWN = 20


class Grouped(Protocol):
    """A result with figures by group, for each loss."""

    groups: list[tuple[Any, ...]]

    @property
    def totals(self) -> Sequence[Figures]:
        """For each loss, the figures of the groups."""


class Result(Grouped, Protocol):
    """A result that knows its job too."""

    job: Job


def figure_names(result: Result) -> list[str]:
    """Return the names of the figures."""
    return list(result.totals[0].figures(result.job.denominator))


def figure_rows(
    job: Job, result: Grouped, names: Sequence[str], *, groups: bool, whole: bool
) -> list[list[Any]]:
    """Return a row for each loss and group, and for each loss one of all groups together."""
    rows: list[list[Any]] = []
    for spec, totals in zip(job.losses, result.totals, strict=True):
        keys: list[tuple[Any, ...]] = []
        parts = []
        if groups:
            keys += result.groups
            parts.append(totals.figures(job.denominator))
        if whole:
            keys.append((ALL,) * len(job.by))
            parts.append(totals.combined().figures(job.denominator))
        columns = (itertools.chain(*(part[name].tolist() for part in parts)) for name in names)
        rows += [
            [spec.title, *key, *figures]
            for key, figures in zip(keys, zip(*columns, strict=True), strict=True)
        ]
    return rows


def figures_shown(result: Result) -> Table:
    """Return the figures as a table to look at: of the groups, or of all rows without any."""
    grouped = bool(result.job.by)
    names = figure_names(result)
    rows = figure_rows(result.job, result, names, groups=grouped, whole=not grouped)
    return Table(["loss", *result.job.by, *names], rows, left=1 + len(result.job.by))


class Table:
    """The beginning of a table, to look at.

    Parameters
    ----------
    header : sequence of str
        The names of the columns.
    rows : sequence of sequence
        All rows.
    left : int
        The number of columns, the first ones, that are text.
    """

    def __init__(self, header: Sequence[str], rows: Sequence[Sequence[Any]], left: int) -> None:
        self._header = [*header]
        self._rows = [[_text(item) for item in row] for row in rows[:_MAX_SHOWN]]
        rest = len(rows) - _MAX_SHOWN
        self._last = f"... and {rest:,} further rows" if rest > 0 else ""
        self._left = left

    def as_text(self) -> str:
        """Return the table for a terminal."""
        texts = [self._header, *self._rows]
        widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
        lines = [
            "  ".join(
                item.ljust(width) if place < self._left else item.rjust(width)
                for place, (item, width) in enumerate(zip(line, widths, strict=True))
            ).rstrip()
            for line in texts
        ]
        return "\n".join([*lines, self._last] if self._last else lines)

    def as_html(self) -> str:
        """Return the table for a notebook."""
        head = "".join(f"<th>{html.escape(item)}</th>" for item in self._header)
        body = "".join(
            "<tr>" + "".join(f"<td>{html.escape(item)}</td>" for item in row) + "</tr>"
            for row in self._rows
        )
        end = f"<p>{html.escape(self._last)}</p>" if self._last else ""
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{end}"


def _text(item: Any) -> str:
    return f"{item:.6g}" if isinstance(item, float) else str(item)
