"""The calibration of the predicted probabilities of a result, bin by bin, as a table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from lossary.optional import require
from lossary.scoring.calibrated_totals import CalibratedTotals
from lossary.scoring.figure_table import ALL, Table
from lossary.scoring.job import Job
from lossary.scoring.reliability_diagram import draw_reliability

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: The columns after the loss and those that group the rows.
COLUMNS = ("bin", "from", "to", "count", "weight", "predicted", "observed")


class Calibrated(Protocol):
    """A result with calibrated totals, for each loss."""

    job: Job
    groups: list[tuple[Any, ...]]

    @property
    def totals(self) -> Any:
        """For each loss, the totals of the groups."""


class Calibration:
    """How often what was predicted came true, by bin of its probability.

    Parameters
    ----------
    result : Score
        A result of a job that asks for calibration.
    """

    def __init__(self, result: Calibrated) -> None:
        self._job, self._groups = result.job, result.groups
        self._totals: list[CalibratedTotals] = list(result.totals)

    def to_arrow(self, *, groups: bool = True) -> Any:
        """Return the bins that have rows as a table: the data of a reliability diagram.

        Parameters
        ----------
        groups : bool
            False for the bins of all rows together.

        Returns
        -------
        pyarrow.Table
            The columns ``loss``, those that group the rows, ``bin`` (from 1 on), its ends ``from``
            (not in the bin, but for 0) and ``to``, the ``count`` and ``weight`` of its rows, and
            their means: ``predicted``, the probability, and ``observed``, what came true. Rows
            whose probability is NaN come last, with neither a bin nor ends.
        """
        convert = require("to_arrow", "lossary.scoring.arrow_types", library="pyarrow")
        keys = self._job.by if groups else ()
        rows = [
            [title, *key, *record.values()]
            for title, key, record in self.records(groups=groups, whole=not groups)
        ]
        if not groups:
            rows = [[row[0], *row[1 + len(self._job.by) :]] for row in rows]
        return convert.table_of_rows(["loss", *keys, *COLUMNS], rows)

    def to_pandas(self, *, groups: bool = True) -> Any:
        """Return the bins as a pandas frame, with the columns of :meth:`to_arrow`."""
        require("to_pandas", "pandas")
        return self.to_arrow(groups=groups).to_pandas()

    def records(
        self, *, groups: bool, whole: bool
    ) -> Iterator[tuple[str, tuple[Any, ...], dict[str, Any]]]:
        """Yield the bins: the title of the loss, the values of the group, and the columns.

        ``groups`` are the bins by group, ``whole`` those of all groups together, which come last.
        """
        for title, totals in zip(self._job.titles, self._totals, strict=True):
            parts = [(self._groups, totals.bins)] if groups else []
            parts += [([(ALL,) * len(self._job.by)], totals.bins.combined())] if whole else []
            for keys, bins in parts:
                for group, record in zip(bins.group.tolist(), bins.records(), strict=True):
                    yield title, keys[group], record

    def plot(self, *, ax: Axes | None = None) -> Figure:
        """Plot a reliability diagram with Matplotlib: what came true over what was predicted.

        There is a line for each loss and group; if there are many, for all rows together.

        Parameters
        ----------
        ax : Axes, optional
            Where to draw; a new figure by default.

        Returns
        -------
        matplotlib.figure.Figure
            The figure.

        Raises
        ------
        ImportError
            If Matplotlib is missing: pip install matplotlib.
        """
        return draw_reliability(self.curves(), ax)

    def curves(self, most: int = 8) -> list[tuple[str, Any, Any]]:
        """Return the name, predictions and observations of each line of a reliability diagram.

        They are those of groups, if there are at most so many lines.
        """
        by_group = bool(self._job.by) and len(self._groups) * len(self._totals) <= most
        found: dict[tuple[str, tuple[Any, ...]], list[tuple[float, float]]] = {}
        for title, key, record in self.records(groups=by_group, whole=not by_group):
            if record["bin"] is not None:
                point = (record["predicted"], record["observed"])
                found.setdefault((title, key), []).append(point)
        curves = []
        for (title, key), points in found.items():
            words = [title] if len(self._totals) > 1 or not by_group else []
            words += [str(item) for item in key] if by_group else []
            curves.append((", ".join(words), *np.array(points).T))
        return curves

    def _table(self) -> Table:
        grouped = bool(self._job.by)
        rows = [
            [title, *key, *record.values()]
            for title, key, record in self.records(groups=grouped, whole=not grouped)
        ]
        return Table(["loss", *self._job.by, *COLUMNS], rows, left=1 + len(self._job.by))

    def __repr__(self) -> str:
        return self._table().as_text()

    def _repr_html_(self) -> str:
        return self._table().as_html()
