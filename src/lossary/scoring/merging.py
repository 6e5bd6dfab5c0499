"""The result of a job, from those of its pieces."""

from __future__ import annotations

from lossary.scoring.calibrated_totals import CalibratedTotals
from lossary.scoring.calibration_bins import CalibrationBins
from lossary.scoring.domain_violations import Violations
from lossary.scoring.job import Job
from lossary.scoring.labels import TwoLabels
from lossary.scoring.partial import Partial
from lossary.scoring.piece_totals import PieceTotals
from lossary.scoring.result import LeftOut, Score, check_rows
from lossary.scoring.worst import Worst


class Merger:
    """Merges the results of pieces, which come in the order of the pieces."""

    def __init__(self, job: Job, files: list[str]) -> None:
        self.result = Score(files, job=job, worst=[Worst(job.worst) for _ in job.losses])
        self._totals = PieceTotals.of_job(job)
        self._bins = CalibrationBins(job)
        self._labels: dict[str, TwoLabels] = {}
        self._violations = Violations()

    def add(self, partial: Partial) -> None:
        """Add the result of the next piece."""
        result = self.result
        for name in ("rows", "scored", "skipped", "excluded"):
            setattr(result, name, getattr(result, name) + getattr(partial, name))
        for table in partial.tables:
            self._totals.merge(table)
        self._bins.merge(partial.bins)
        for worst, records in zip(result.worst, partial.worst, strict=True):
            worst.merge(records)
        for name, labels in partial.labels.items():
            if name in self._labels:
                self._labels[name].merge(labels)
            else:
                self._labels[name] = labels
        self._violations.add(partial.violations)
        self.leave_out(*partial.left_out)

    def leave_out(self, *left_out: LeftOut) -> None:
        """Note what could not be read."""
        self.result.left_out += left_out

    def finish(self) -> Score:
        """Return the result, after the checks that need all rows."""
        result = self.result
        check_rows(result)
        for labels in self._labels.values():
            labels.check_found()
        result.groups, totals = self._totals.finish()
        bins = self._bins.finish(result.groups)
        result.totals = [*map(CalibratedTotals, totals, bins)] if bins else [*totals]
        result.notes += self._violations.warnings()
        result.notes += [f"{item.reason} It is left out." for item in result.left_out]
        return result
