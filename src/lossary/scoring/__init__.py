"""Scoring of prediction files: losses of rows, summed by group, and the rows with the largest."""

from lossary.scoring.entry import score
from lossary.scoring.errors import DataError
from lossary.scoring.job import Job, LossSpec
from lossary.scoring.result import Progress, Score
from lossary.scoring.totals import Totals
from lossary.scoring.worst import Worst

__all__ = ["DataError", "Job", "LossSpec", "Progress", "Score", "Totals", "Worst", "score"]
