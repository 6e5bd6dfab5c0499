"""The function that runs a scoring job. It loads the modules that need PyArrow."""

from __future__ import annotations

from lossary.optional import require
from lossary.scoring.job import FUNCTION, Job
from lossary.scoring.result import Progress, Score


def score(job: Job, progress: Progress | None = None) -> Score:
    """Run a job: one pass over the files, in batches, so that memory use stays constant.

    Parameters
    ----------
    job : Job
        What to compute.
    progress : callable, optional
        Called after each batch.

    Returns
    -------
    Score
        Sums by group, rows with the largest losses, and warnings.

    Raises
    ------
    ValueError
        If the output is one of the files.
    DataError
        If a file cannot be read, lacks a column, or holds values that a loss does not take.
    ImportError
        If PyArrow is not installed.
    """
    scorer = require(FUNCTION, "lossary.scoring.scorer", library="pyarrow")
    result: Score = scorer.run(job, progress)
    return result
