"""Scoring of prediction files: losses of rows, streamed, summed by group, the worst kept."""

from lossary.score.accumulate import Totals
from lossary.score.faults import DataError
from lossary.score.job import Job, LossSpec
from lossary.score.scoring import Progress, Score, score
from lossary.score.worst import Worst

__all__ = ["DataError", "Job", "LossSpec", "Progress", "Score", "Totals", "Worst", "score"]
