"""The results of passes over files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from lossary.scoring.errors import data_error
from lossary.scoring.pairs import PairTotals
from lossary.scoring.totals import Totals
from lossary.scoring.worst import Worst

#: The values of the grouping columns that a group has.
Key = tuple[Any, ...]
#: Called with the number of rows read so far, and with the number of all rows where it is known.
Progress = Callable[[int, int | None], None]


@dataclass
class Run:
    """What every pass over files reports.

    Attributes
    ----------
    files : list of str
        The files that were read.
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


@dataclass
class Score(Run):
    """The result of a job.

    Attributes
    ----------
    totals, worst : list
        Per loss: sums by group, and the rows with the largest loss.
    """

    totals: list[Totals] = field(default_factory=list)
    worst: list[Worst] = field(default_factory=list)


@dataclass
class Comparison(Run):
    """The result of comparing two jobs.

    Attributes
    ----------
    files_b : list of str
        The files of the second job; ``files`` are those of the first.
    totals : list
        Per loss: sums of the paired losses by group.
    """

    files_b: list[str] = field(default_factory=list)
    totals: list[PairTotals] = field(default_factory=list)


def check_rows(result: Run) -> None:
    """Raise if there are no rows, or none takes part."""
    files = ", ".join(result.files)
    if result.rows == 0:
        raise data_error(files, "there are no rows")
    if result.scored == 0:
        reasons = [f"{result.skipped} lack a value"] if result.skipped else []
        reasons += [f"{result.excluded} are excluded by --where"] if result.excluded else []
        problem = f"none of the {result.rows} rows takes part: {' and '.join(reasons)}"
        raise data_error(files, problem)
