"""Which rows of a batch take part, and their weights."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from lossary.arrays import Array
from lossary.scoring.binding import Binding
from lossary.scoring.columns import Batch
from lossary.scoring.errors import data_error
from lossary.scoring.job import Job


def chosen_rows(job: Job, batch: Batch, binding: Binding) -> Array | None:
    """Return which rows ``where`` chooses; None for all. A row without a value there is chosen."""
    where = job.where_use
    if where is None:
        return None
    name = binding.column(where)
    missing = batch.missing(name, where.kind)
    return batch.flags(name) if missing is None else batch.flags(name) | missing


def incomplete_rows(job: Job, batch: Batch, binding: Binding, chosen: Array | None) -> Array | None:
    """Return which of the chosen rows lack a value in a used column; None if none does.

    Raises
    ------
    DataError
        If there are such rows and the job does not skip them.
    """
    incomplete: dict[str, Array] = {}
    for name, kind in binding.required:
        missing = batch.missing(name, kind)
        if missing is None:
            continue
        if chosen is not None:
            missing = missing & chosen
        if missing.any():
            incomplete[name] = missing | incomplete.get(name, False)
    if not incomplete:
        return None
    if not job.skip_nulls:
        index, name = min((int(np.argmax(rows)), name) for name, rows in incomplete.items())
        problem = f"column {name!r} has no value in row {batch.rows[index]}"
        raise data_error(batch.path, problem, "Pass --nulls skip to leave such rows out.")
    return np.asarray(np.logical_or.reduce(list(incomplete.values())))


def remaining_rows(chosen: Array | None, incomplete: Array | None) -> Array | None:
    """Return which rows take part: chosen and complete; None for all."""
    if incomplete is None:
        return chosen
    return ~incomplete if chosen is None else chosen & ~incomplete


def joined_masks(
    first: Array | None, second: Array | None, join: Callable[[Array, Array], Array]
) -> Array | None:
    """Return two masks joined by a function; the one there is where the other is None."""
    if first is None or second is None:
        return second if first is None else first
    return join(first, second)


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
