"""The functions that run scoring jobs. They load the modules that need PyArrow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from numbers import Real
from typing import Any

from lossary.errors import shown, type_error, value_error
from lossary.optional import require
from lossary.scoring.engines.options import EngineOptions
from lossary.scoring.job import FUNCTION, Job
from lossary.scoring.result import Comparison, Progress, Score


def run_job(
    job: Job,
    *,
    engine: str = "local",
    workers: int | None = None,
    scheduler: str | None = None,
    progress: Progress | None = None,
) -> Score:
    """Run a job over its files; :func:`lossary.score` makes the job and calls this.

    Parameters
    ----------
    job : Job
        What to compute.
    engine : str
        Who computes: see :func:`lossary.score`.
    workers : int, optional
        The number of workers.
    scheduler : str, optional
        Where the engine is, unless it is started here.
    progress : callable, optional
        Called after each batch, or where the engine is elsewhere after each piece.

    Returns
    -------
    Score
        Sums by group, rows with the largest losses, and warnings.

    Raises
    ------
    ValueError
        If the output is one of the files, or the engine cannot do what the job needs.
    DataError
        If a file cannot be read, lacks a column, or holds values that a loss does not take.
    ImportError
        If PyArrow or the library of the engine is not installed.
    """
    running = require(FUNCTION, "lossary.scoring.running", library="pyarrow")
    options = EngineOptions(engine, workers, scheduler)
    result: Score = running.run_files(job, options, progress)
    return result


def compare(
    first: Job,
    second: Job,
    *,
    key: Sequence[str] = (),
    confidence: float = 0.95,
    tables: tuple[Any, Any] | None = None,
    engine: str = "local",
    workers: int | None = None,
    scheduler: str | None = None,
    progress: Progress | None = None,
) -> Comparison:
    """Compare the losses of two models, A and B, on the same rows in the same order: one pass.

    The jobs differ in files, inputs and columns of other arguments only. With the same files, read
    once, they are two predictions of one file. Targets, weights, ``where`` and ``by`` may be
    columns of either; targets that both have must be equal.

    Parameters
    ----------
    first, second : Job
        The losses of A and of B; the output is that of the first job, with the columns of its
        files, the losses of both and their differences.
    key : sequence of str
        Columns that must be equal in both, row by row.
    confidence : float
        Confidence of the intervals, which are those of a normal distribution.
    tables : tuple, optional
        For each job, a table that exports an Arrow stream, in place of files; or None.
    engine : str
        Who computes: see :func:`lossary.score`.
    workers : int, optional
        The number of workers.
    scheduler : str, optional
        Where the engine is, unless it is started here.
    progress : callable, optional
        Called after each batch.

    Returns
    -------
    Comparison
        By loss and group: both means, the mean of B - A, its standard error and interval, and the
        number of rows in which B is worse; and warnings.

    Raises
    ------
    ValueError
        If the jobs cannot be compared, the output is one of the files, or the engine cannot do what
        the jobs need.
    DataError
        If a file cannot be read, lacks a column, or holds values that a loss does not take; if
        numbers of rows, keys or targets differ.
    ImportError
        If PyArrow or the library of the engine is not installed.
    """
    function = "compare"
    if isinstance(confidence, bool) or not isinstance(confidence, Real):
        requirement = "must be a number between 0 and 1"
        raise type_error(function, "confidence", requirement, shown(confidence))
    if not 0 < confidence < 1:
        raise value_error(function, "confidence", "must be between 0 and 1", confidence)
    own = ("files", "inputs", "columns", "delimiter", "output", "output_columns")
    common = [item.name for item in fields(Job) if item.name not in own]
    if any(getattr(first, name) != getattr(second, name) for name in common):
        requirement = "must differ from the first job in files, inputs and columns only"
        raise value_error(function, "second", requirement, second)
    if first.calibration or first.quantiles:
        given = f"calibration={first.calibration}, quantiles={first.quantiles}"
        raise value_error(function, "first", "must not set calibration or quantiles", given)
    if first.worst or first.denominator != "weights":
        given = f"worst={first.worst}, denominator={first.denominator!r}"
        raise value_error(function, "first", "must not set worst or denominator", given)
    is_one = first.files == second.files and (tables is None or tables[0] is tables[1])
    if key and is_one:
        raise value_error(function, "key", "needs two files to compare", ", ".join(key))
    comparing = require(function, "lossary.scoring.comparing", library="pyarrow")
    origins = require(function, "lossary.scoring.origins", library="pyarrow")
    jobs = first, replace(second, output=None, output_columns=())
    tables = (None, None) if tables is None else tables
    found = [
        origins.origin_of(job, table, name)
        for job, table, name in zip(jobs, tables, _table_names(tables), strict=True)
    ]
    result: Comparison = comparing.run(
        jobs,
        tuple(found),
        key,
        confidence,
        EngineOptions(engine, workers, scheduler),
        progress,
    )
    return result


def _table_names(tables: tuple[Any, Any]) -> tuple[str, str]:
    """Return the names of tables in messages; one that has both predictions is one table."""
    return ("<table>", "<table>") if tables[0] is tables[1] else ("<table A>", "<table B>")
