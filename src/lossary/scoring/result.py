"""The result of a scoring job."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from lossary.scoring.totals import Totals
from lossary.scoring.worst import Worst

#: The values of the grouping columns that a group has.
Key = tuple[Any, ...]
#: Called with the number of rows read so far, and with the number of all rows where it is known.
Progress = Callable[[int, int | None], None]


@dataclass
class Score:
    """The result of a job.

    Attributes
    ----------
    files : list of str
        The files that were read.
    rows, scored, skipped, excluded : int
        Numbers of rows: read, scored, skipped for missing values, excluded by ``where``.
    groups : list of tuple
        Values of the grouping columns, one tuple per group, sorted.
    totals, worst : list
        Per loss: sums by group, and the rows with the largest loss.
    notes : list of str
        Warnings.
    """

    files: list[str]
    rows: int = 0
    scored: int = 0
    skipped: int = 0
    excluded: int = 0
    groups: list[Key] = field(default_factory=list)
    totals: list[Totals] = field(default_factory=list)
    worst: list[Worst] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
