"""``lossary.score``: losses over files or tables, in one call."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from lossary.errors import shown, type_error
from lossary.optional import require
from lossary.options import Policy
from lossary.scoring.checked_arguments import job_fields
from lossary.scoring.engines.options import EngineOptions
from lossary.scoring.job import FUNCTION, Job
from lossary.scoring.loss_texts import LossLike
from lossary.scoring.python_words import errors_in_python, in_python
from lossary.scoring.result import Progress, Score

#: What names a file.
PathLike = str | os.PathLike[str]


def score(
    source: Any,
    *,
    losses: LossLike | Iterable[LossLike],
    inputs: str | None = None,
    targets: str | None = None,
    columns: Mapping[str, str] | None = None,
    by: str | Sequence[str] = (),
    weights: str | None = None,
    where: str | None = None,
    quantiles: float | Sequence[float] = (),
    calibration: int = 0,
    worst: int = 0,
    show: str | Sequence[str] = (),
    positive: str | None = None,
    classes: Sequence[str] = (),
    class_weights: Sequence[float] = (),
    nulls: Literal["error", "skip"] = "error",
    domain: Policy = "warn",
    denominator: Literal["weights", "count"] = "weights",
    skip_bad: bool = False,
    output: PathLike | None = None,
    output_columns: str | Sequence[str] = (),
    delimiter: str | None = None,
    engine: str = "local",
    workers: int | None = None,
    scheduler: str | None = None,
    progress: Progress | None = None,
) -> Score:
    """Compute losses over the rows of files or of a table: means by group, and the worst rows.

    Rows are read in batches, so memory does not grow with their number. The data are cut into
    pieces that depend on the data alone, and the results of the pieces are merged in their order:
    every engine and every number of workers give the same result, to the last bit.

    Parameters
    ----------
    source : path, sequence of paths, or table
        Parquet, CSV, Arrow or JSON lines files by their suffix, globs or folders, on disks, in
        object stores or on web servers; Delta or Iceberg tables; SQL queries, as addresses of
        ``lossary.scoring.query_address``; or a table of pyarrow, pandas, Polars or any other
        library that exports Arrow streams.
    losses : str, function, or sequence of them
        The losses: names, with parameters as in ``"huber_loss:delta=2"``, or the functions.
    inputs, targets : str, optional
        The columns of the losses' first argument and of their targets: a name, names with commas
        between them, or a pattern such as ``"z_*"``.
    columns : mapping, optional
        The columns of other arguments, such as ``{"vars": "sigma2"}``.
    by : str or sequence of str
        The columns whose values group the rows.
    weights, where : str, optional
        The column of weights, and the boolean column of the rows that take part.
    quantiles : float or sequence of float
        Quantiles of the losses, from 0 to 1: 0.5 is the median. They are within 1 % of the loss of
        that rank.
    calibration : int
        How many equally wide bins of predicted probability to count in what came true; 15 is usual,
        0 is none. For losses of two classes and their probabilities or logits; of several classes
        it is about the one with the largest probability. The result's ``calibration`` has the bins,
        and its figures the expected and the maximum calibration error, ``ece`` and ``mce``.
    worst : int
        How many rows with the largest loss to keep, for each loss.
    show : str or sequence of str
        Further columns to keep of these rows.
    positive : str, optional
        The label that counts as +1 (1 where targets lie between 0 and 1); the other is -1 (0).
    classes : sequence of str
        Class labels in the order of the classes, where they are not integers from 0.
    class_weights : sequence of float
        Weights of the classes, in their order.
    nulls : {"error", "skip"}
        What to do with rows that lack a value in a used column.
    domain : {"warn", "raise", "ignore"}
        What to do about values outside a loss's domain; warnings are in the result's ``notes``.
    denominator : {"weights", "count"}
        What means divide by.
    skip_bad : bool
        Leave out files, or parts of them, that cannot be read; the result lists them.
    output : path, optional
        A Parquet, CSV or Arrow file for the losses of the rows; the local engine writes it.
    output_columns : str or sequence of str
        The columns to copy to it; all of them if none is named.
    delimiter : str, optional
        What separates the values of CSV; by default a comma, or a tab in .tsv files.
    engine : {"local", "dask", "spark", "ray"}
        Who computes: threads of this process, the workers of Dask, a Spark Connect server, or the
        workers of Ray.
    workers : int, optional
        The number of threads, of processes that Dask or Ray starts here, or of tasks for Spark; by
        default one for each core (1000 tasks).
    scheduler : str, optional
        The address of Dask's scheduler (``"tcp://host:8786"``), of the Spark Connect server
        (``"sc://host:15002"``) or of a Ray cluster (``"ray://host:10001"``). Without one, Dask and
        Ray are started here.
    progress : callable, optional
        Called with the number of rows read so far, and that of all rows where it is known.

    Returns
    -------
    Score
        The figures by loss and group, as a table that converts to Arrow and pandas.

    Raises
    ------
    ValueError
        If the arguments do not fit one another.
    DataError
        If a file cannot be read, lacks a column, or holds values that a loss does not take; it is
        a ValueError.
    ImportError
        If PyArrow or the library of the engine is not installed.

    References
    ----------
    Calibration errors: Naeini, Cooper and Hauskrecht (2015), Obtaining well calibrated
    probabilities using Bayesian binning, doi:10.1609/aaai.v29i1.9602; confidence of several
    classes: Guo, Pleiss, Sun and Weinberger (2017), On calibration of modern neural networks,
    arXiv:1706.04599.

    Examples
    --------
    >>> import lossary, pyarrow
    >>> table = pyarrow.table({"margin": [2.0, 0.5, -1.0], "label": [1, 1, 1], "fold": [0, 1, 1]})
    >>> result = lossary.score(
    ...     table, losses="hinge_loss", inputs="margin", targets="label", by="fold"
    ... )
    >>> result.to_arrow().to_pydict()["mean"]
    [0.0, 1.25]
    """
    given = dict(locals())
    with errors_in_python(FUNCTION):
        job = Job(files=files_of("source", source), **job_fields(given))
        running = require(FUNCTION, "lossary.scoring.running", library="pyarrow")
        options = EngineOptions(engine, workers, scheduler)
        result: Score = (
            running.run_files(job, options, progress)
            if job.files
            else running.run_table(job, source, options, progress)
        )
    result.notes = [in_python(note) for note in result.notes]
    return result


def files_of(name: str, source: Any) -> tuple[str, ...]:
    """Return the files that a source, an argument of this name, names; none if it is a table."""
    if hasattr(source, "__arrow_c_stream__"):
        return ()
    if isinstance(source, (str, os.PathLike)):
        return (os.fspath(source),)
    if isinstance(source, Sequence) and all(isinstance(x, (str, os.PathLike)) for x in source):
        if source:
            return tuple(os.fspath(item) for item in source)
    requirement = "must be a path, a sequence of paths or a table"
    raise type_error(FUNCTION, name, requirement, shown(source))
