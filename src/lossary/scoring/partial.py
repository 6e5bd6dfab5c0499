"""What scoring a piece gives: small, and merged with those of other pieces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lossary.scoring.domain_violations import DomainViolation
from lossary.scoring.labels import TwoLabels
from lossary.scoring.result import LeftOut
from lossary.scoring.worst import Record


@dataclass(frozen=True)
class Partial:
    """The result of one piece.

    Attributes
    ----------
    tables : sequence of (pyarrow.Table or ValueRecords)
        A row per group: the values of the grouping columns, then for each loss a struct of its
        totals. There are several tables where the types of the grouping columns differ. Records of
        machine code take the place of a table where groups are integers close together.
    rows, scored, skipped, excluded : int
        Numbers of rows, as those of the whole result.
    worst : sequence of list
        For each loss, the rows with the largest.
    labels : mapping
        The labels found, by column, where targets are one of two labels.
    violations : sequence of DomainViolation
        Values outside the domains.
    left_out : sequence of LeftOut
        Rows that could not be read.
    bins : sequence of sequence of pyarrow.Table
        For each loss the bins of its probabilities by group, where the job asks for calibration.
    """

    tables: Sequence[Any]
    rows: int
    scored: int
    skipped: int
    excluded: int
    worst: Sequence[list[Record]]
    labels: Mapping[str, TwoLabels] = field(default_factory=dict)
    violations: Sequence[DomainViolation] = ()
    left_out: Sequence[LeftOut] = ()
    bins: Sequence[Sequence[Any]] = ()
