"""Scoring of prediction files: losses of rows, streamed, summed by group, the worst kept."""

from lossary.scoring.accumulate import Totals
from lossary.scoring.faults import DataError
from lossary.scoring.job import Job, LossSpec
from lossary.scoring.scoring import Progress, Score, score
from lossary.scoring.worst import Worst

__all__ = ["DataError", "Job", "LossSpec", "Progress", "Score", "Totals", "Worst", "score"]
