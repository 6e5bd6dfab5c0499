"""Scoring of prediction files: losses of rows, summed by group, and the rows with the largest."""

from lossary.scoring.addresses import query_address
from lossary.scoring.calibration import Calibration
from lossary.scoring.entry import compare, run_job
from lossary.scoring.errors import DataError
from lossary.scoring.job import Job, LossSpec
from lossary.scoring.pairs import PairTotals
from lossary.scoring.public import score
from lossary.scoring.result import Comparison, LeftOut, Progress, Run, Score
from lossary.scoring.totals import Figures, Totals
from lossary.scoring.worst import Worst

__all__ = [
    "Calibration",
    "Comparison",
    "DataError",
    "Figures",
    "Job",
    "LeftOut",
    "LossSpec",
    "PairTotals",
    "Progress",
    "Run",
    "Score",
    "Totals",
    "Worst",
    "compare",
    "query_address",
    "run_job",
    "score",
]
