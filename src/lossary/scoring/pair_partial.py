"""What comparing a piece gives, and how it is merged with those of other pieces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lossary.scoring.addresses import display_name
from lossary.scoring.domain_violations import DomainViolation, Violations
from lossary.scoring.job import Job
from lossary.scoring.labels import TwoLabels
from lossary.scoring.pairs import PairTotals
from lossary.scoring.partial import Partial
from lossary.scoring.piece_totals import SentTotals
from lossary.scoring.result import Comparison, check_rows


@dataclass(frozen=True)
class PairPartial(Partial):
    """The result of one piece of a comparison.

    Attributes
    ----------
    by_side : sequence of tuple
        Values outside the domains, each with its side.
    """

    by_side: Sequence[tuple[str, DomainViolation]] = ()


def pair_totals(job: Job) -> SentTotals[PairTotals]:
    """Return the totals of a comparison, without rows."""
    return SentTotals(len(job.losses), len(job.by), PairTotals)


class PairMerger:
    """Merges the results of pieces, which come in the order of the pieces."""

    def __init__(self, job: Job, files: list[str], files_b: list[str]) -> None:
        self.result = Comparison(files, files_b=files_b, job=job)
        self._totals = pair_totals(job)
        self._labels: dict[str, TwoLabels] = {}
        self._violations = Violations()

    def add(self, partial: PairPartial) -> None:
        """Add the result of the next piece."""
        result = self.result
        for name in ("rows", "scored", "skipped", "excluded"):
            setattr(result, name, getattr(result, name) + getattr(partial, name))
        for table in partial.tables:
            self._totals.merge(table)
        for name, labels in partial.labels.items():
            if name in self._labels:
                self._labels[name].merge(labels)
            else:
                self._labels[name] = labels
        for side, violation in partial.by_side:
            self._violations.add([violation], side)

    def finish(self, confidence: float) -> Comparison:
        """Return the result, after the checks that need all rows."""
        result = self.result
        check_rows(result)
        result.files = [*map(display_name, result.files)]
        result.files_b = [*map(display_name, result.files_b)]
        for labels in self._labels.values():
            labels.check_found()
        result.groups, result.totals = self._totals.finish()
        for totals in result.totals:
            totals.confidence = confidence
        result.notes += self._violations.warnings()
        return result
