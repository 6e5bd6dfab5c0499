"""``lossary.compare``: the losses of two models over files or tables, in one call."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from lossary.errors import value_error
from lossary.options import Policy
from lossary.scoring.checked_arguments import column, job_fields, texts
from lossary.scoring.entry import compare as compare_jobs
from lossary.scoring.job import Job
from lossary.scoring.loss_texts import LossLike
from lossary.scoring.public import PathLike, files_of
from lossary.scoring.python_words import errors_in_python, in_python
from lossary.scoring.result import Comparison, Progress

FUNCTION = "compare"


def compare(
    a: Any,
    b: Any = None,
    *,
    losses: LossLike | Iterable[LossLike],
    inputs: str | None = None,
    inputs_a: str | None = None,
    inputs_b: str | None = None,
    targets: str | None = None,
    columns: Mapping[str, str] | None = None,
    by: str | Sequence[str] = (),
    weights: str | None = None,
    where: str | None = None,
    key: str | Sequence[str] = (),
    positive: str | None = None,
    classes: Sequence[str] = (),
    class_weights: Sequence[float] = (),
    nulls: Literal["error", "skip"] = "error",
    domain: Policy = "warn",
    confidence: float = 0.95,
    output: PathLike | None = None,
    output_columns: str | Sequence[str] = (),
    delimiter: str | None = None,
    engine: str = "local",
    workers: int | None = None,
    scheduler: str | None = None,
    progress: Progress | None = None,
) -> Comparison:
    """Compare the losses of two models, A and B, on the same rows: means and their difference.

    Rows are paired in their order, so what makes a row hard for both models cancels, and the
    interval of the mean difference is narrower than that of unrelated means.

    Parameters
    ----------
    a, b : path, sequence of paths, or table
        The predictions of A and of B, as :func:`lossary.score` takes them, with the same rows in
        the same order. Without ``b``, both are columns of ``a``.
    losses : str, function, or sequence of them
        The losses: names, with parameters as in ``"huber_loss:delta=2"``, or the functions.
    inputs, inputs_a, inputs_b : str, optional
        The columns of the losses' first argument: of both, or of A and of B.
    targets, columns, by, weights, where : optional
        The columns of targets and of other arguments, those that group the rows, weights, and the
        boolean column of the rows that take part. All but ``columns`` may be in either source;
        targets that are in both must be equal.
    key : str or sequence of str
        Columns that must be equal in both, row by row, such as an id.
    positive, classes, class_weights, nulls, domain : optional
        As of :func:`lossary.score`.
    confidence : float
        The confidence of the intervals, which are those of a normal distribution.
    output : path, optional
        A Parquet, CSV or Arrow file for the losses of both and their differences, row by row.
    output_columns : str or sequence of str
        The columns of A to copy to it; all of them if none is named.
    delimiter : str, optional
        What separates the values of CSV; by default a comma, or a tab in .tsv files.
    engine, workers, scheduler : optional
        Who computes, and where, as of :func:`lossary.score`; the result is the same, to the last
        bit. Text, JSON lines and queries of two sources are compared by one worker.
    progress : callable, optional
        Called with the number of rows read so far, and that of all rows where it is known.

    Returns
    -------
    Comparison
        The figures by loss and group, as a table that converts to Arrow and pandas.

    Raises
    ------
    ValueError
        If the arguments do not fit one another.
    DataError
        If a file cannot be read, lacks a column, or holds values that a loss does not take; if
        numbers of rows, keys or targets differ; it is a ValueError.
    ImportError
        If PyArrow or the library of the engine is not installed.

    Examples
    --------
    >>> import lossary, pyarrow
    >>> table = pyarrow.table({"old": [2.0, 0.5, -1.0], "new": [2.0, 1.0, 0.0], "y": [1, 1, 1]})
    >>> result = lossary.compare(
    ...     table, losses="hinge_loss", inputs_a="old", inputs_b="new", targets="y"
    ... )
    >>> result.to_arrow().select(["mean_a", "mean_b", "difference", "worse"]).to_pylist()
    [{'mean_a': 0.8333333333333334, 'mean_b': 0.3333333333333333, 'difference': -0.5, 'worse': 0}]
    """
    given = dict(locals())
    with errors_in_python(FUNCTION):
        if b is None and not (inputs_a and inputs_b):
            requirement = "must be given, or inputs_a and inputs_b as two predictions of a"
            raise value_error(FUNCTION, "b", requirement, "None")
        shared = job_fields(given)
        both = shared.pop("inputs")
        first = Job(files_of("a", a), inputs=column("inputs_a", inputs_a) or both, **shared)
        files_b = first.files if b is None else files_of("b", b)
        second = replace(first, files=files_b, inputs=column("inputs_b", inputs_b) or both)
        table_b = a if b is None else b
        result = compare_jobs(
            first,
            second,
            key=texts("key", key),
            confidence=confidence,
            tables=(None if first.files else a, None if files_b else table_b),
            engine=engine,
            workers=workers,
            scheduler=scheduler,
            progress=progress,
        )
    result.notes = [in_python(note) for note in result.notes]
    return result
