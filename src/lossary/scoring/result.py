"""The results of passes over files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lossary.optional import require
from lossary.scoring.addresses import display_name
from lossary.scoring.calibrated_totals import CalibratedTotals
from lossary.scoring.calibration import Calibration
from lossary.scoring.chart import draw_bars, draw_intervals
from lossary.scoring.errors import data_error
from lossary.scoring.figure_table import figure_names, figure_rows, figures_shown
from lossary.scoring.job import Job
from lossary.scoring.pairs import PairTotals
from lossary.scoring.totals import Totals
from lossary.scoring.worst import Worst

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: The values of the grouping columns that a group has.
Key = tuple[Any, ...]
#: Called with the number of rows read so far, and with the number of all rows where it is known.
Progress = Callable[[int, int | None], None]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Rows that could not be read and are left out, as the job asks for.

    Attributes
    ----------
    what : str
        The file, or the part of it.
    rows : int, optional
        The number of rows, where the format stores it.
    reason : str
        Why they cannot be read.
    """

    what: str
    rows: int | None
    reason: str


@dataclass
class Run:
    """What every pass over files reports.

    Attributes
    ----------
    files : list of str
        The files that were read; addresses without user, password and query.
    rows, scored, skipped, excluded : int
        Numbers of rows: read, scored, skipped for missing values, excluded by ``where``.
    groups : list of tuple
        Values of the grouping columns, one tuple per group, sorted.
    notes : list of str
        Warnings.
    """

    files: list[str]
    rows: int = 0
    scored: int = 0
    skipped: int = 0
    excluded: int = 0
    groups: list[Key] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(repr=False)
class FigureRun(Run):
    """A run whose figures by loss and group are a table.

    Attributes
    ----------
    job : Job
        What was computed.
    totals : list
        Per loss: sums by group.
    """

    job: Job = field(kw_only=True)
    totals: list[Any] = field(default_factory=list)

    def to_arrow(self, *, groups: bool = True) -> Any:
        """Return the figures as a table with a row for each loss and group.

        Parameters
        ----------
        groups : bool
            False for one row for each loss, of all rows together.

        Returns
        -------
        pyarrow.Table
            The columns ``loss``, the grouping columns, then the figures.
        """
        names = figure_names(self)
        keys = self.job.by if groups else ()
        rows = figure_rows(self.job, self, names, groups=groups, whole=not groups)
        if not groups:
            rows = [[row[0], *row[1 + len(self.job.by) :]] for row in rows]
        convert = require("to_arrow", "lossary.scoring.arrow_types", library="pyarrow")
        return convert.table_of_rows(["loss", *keys, *names], rows)

    def to_pandas(self, *, groups: bool = True) -> Any:
        """Return the figures as a pandas frame, with the columns of :meth:`to_arrow`."""
        require("to_pandas", "pandas")
        return self.to_arrow(groups=groups).to_pandas()

    def __repr__(self) -> str:
        return figures_shown(self).as_text()

    def _repr_html_(self) -> str:
        return figures_shown(self).as_html()


@dataclass(repr=False)
class Score(FigureRun):
    """The result of a job: its figures by loss and group.

    They are mean, sum and weight, count, minimum and maximum, the number of losses that are not
    finite, the quantiles that were asked for, and with calibration the errors ``ece`` and ``mce``.

    Attributes
    ----------
    job : Job
        What was computed.
    totals, worst : list
        Per loss: sums by group, and the rows with the largest loss.
    left_out : list of LeftOut
        Files, or parts of them, that could not be read.
    """

    totals: list[Totals | CalibratedTotals] = field(default_factory=list)
    worst: list[Worst] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)

    def plot(self, *, figure: str = "mean", ax: Axes | None = None) -> Figure:
        """Plot a figure of the groups as bars with Matplotlib, the largest if there are many.

        Parameters
        ----------
        figure : str
            "mean", or another of the figures, such as "q0.5" if that quantile was asked for.
        ax : Axes, optional
            Where to draw; a new figure by default.

        Returns
        -------
        matplotlib.figure.Figure
            The figure.

        Raises
        ------
        ValueError
            If there is no such figure.
        ImportError
            If Matplotlib is missing: pip install matplotlib.
        """
        return draw_bars(self, figure, ax)

    @property
    def calibration(self) -> Calibration | None:
        """The bins of predicted probability; None unless they were asked for."""
        return Calibration(self) if self.job.calibration else None

    def _repr_html_(self) -> str:
        bins = self.calibration
        return super()._repr_html_() + (bins._repr_html_() if bins else "")


@dataclass(repr=False)
class Comparison(FigureRun):
    """The result of comparing the losses of two models, A and B, on the same rows.

    Its figures by loss and group are the means ``mean_a`` and ``mean_b``, the mean ``difference``
    B - A with its ``standard_error`` and the ends ``low`` and ``high`` of its interval, the number
    of rows in which B is ``worse``, ``count``, ``weight``, and the number of differences that are
    not finite.

    Attributes
    ----------
    job : Job
        What was computed of A.
    files_b : list of str
        The files of B; ``files`` are those of A.
    totals : list
        Per loss: sums of the paired losses by group.
    """

    files_b: list[str] = field(default_factory=list)
    totals: list[PairTotals] = field(default_factory=list)

    def plot(self, *, ax: Axes | None = None) -> Figure:
        """Plot the mean differences of the groups and of all rows, with their intervals.

        Parameters
        ----------
        ax : Axes, optional
            Where to draw with Matplotlib; a new figure by default.

        Returns
        -------
        matplotlib.figure.Figure
            The figure.

        Raises
        ------
        ImportError
            If Matplotlib is missing: pip install matplotlib.
        """
        return draw_intervals(self, ax)


def check_rows(result: Run) -> None:
    """Raise if there are no rows, or none takes part."""
    files = ", ".join(map(display_name, result.files))
    if result.rows == 0:
        raise data_error(files, "there are no rows")
    if result.scored == 0:
        reasons = [f"{result.skipped} lack a value"] if result.skipped else []
        reasons += [f"{result.excluded} are excluded by --where"] if result.excluded else []
        problem = f"none of the {result.rows} rows takes part: {' and '.join(reasons)}"
        raise data_error(files, problem)
