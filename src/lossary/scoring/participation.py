"""Which rows of a batch take part, and their weights."""

from __future__ import annotations

import numpy as np

from lossary.arrays import Array
from lossary.scoring.binding import Binding
from lossary.scoring.columns import Batch
from lossary.scoring.errors import data_error
from lossary.scoring.job import Job


def chosen_rows(job: Job, batch: Batch, binding: Binding) -> Array:
    """Return which rows ``where`` chooses; a row without a value there counts as chosen."""
    where = job.where_use
    if where is None:
        return np.ones(len(batch), dtype=bool)
    name = binding.column(where)
    missing = batch.missing(name, where.kind)
    return batch.flags(name) if missing is None else batch.flags(name) | missing


def incomplete_rows(job: Job, batch: Batch, binding: Binding, chosen: Array) -> Array:
    """Return which of the chosen rows lack a value in a used column.

    Raises
    ------
    DataError
        If there are such rows and the job does not skip them.
    """
    incomplete: dict[str, Array] = {}
    for name, kind in binding.required:
        missing = batch.missing(name, kind)
        if missing is not None and (missing & chosen).any():
            incomplete[name] = missing & chosen | incomplete.get(name, False)
    if not incomplete:
        return np.zeros(len(batch), dtype=bool)
    if not job.skip_nulls:
        index, name = min((int(np.argmax(rows)), name) for name, rows in incomplete.items())
        problem = f"column {name!r} has no value in row {batch.rows[index]}"
        raise data_error(batch.path, problem, "Pass --nulls skip to leave such rows out.")
    return np.asarray(np.logical_or.reduce(list(incomplete.values())))


def row_weights(job: Job, batch: Batch, binding: Binding) -> Array | None:
    """Return the weights of rows that take part; None if they have none."""
    use = job.weights_use
    if use is None:
        return None
    name = binding.column(use)
    if batch.is_list(name):
        raise batch.error(name, "one number per row", np.ones(len(batch), dtype=bool))
    weights = batch.numbers([name])
    invalid = ~np.isfinite(weights)
    if invalid.any():
        raise batch.error(name, "finite weights", invalid)
    return weights
