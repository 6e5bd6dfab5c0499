"""Scoring of prediction files: losses of rows, streamed, summed by group, the worst kept."""

from lossary.score.accumulate import Totals, Worst
from lossary.score.faults import DataError
from lossary.score.job import Job, LossSpec, Score, score

__all__ = ["DataError", "Job", "LossSpec", "Score", "Totals", "Worst", "score"]
