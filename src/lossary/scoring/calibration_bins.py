"""Bins of predicted probability by group: sums of what was predicted and of what came true.

The bins are equally wide, and closed on the right as those of Guo et al. (2017), On calibration of
modern neural networks, arXiv:1706.04599; the first has 0 too. They are one more column that groups
the rows, so their sums are kept, sent and merged as those of the losses are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from lossary.arrays import Array
from lossary.scoring.arguments import Arguments
from lossary.scoring.calibrated_totals import Bins
from lossary.scoring.grouped_totals import RowLosses
from lossary.scoring.job import Job
from lossary.scoring.piece_totals import PieceTotals
from lossary.scoring.predictions import predicted_and_observed
from lossary.scoring.result import Key
from lossary.scoring.totals import Totals

#: The names of the columns of the tables that travel, beside those of the grouping columns.
_COLUMNS = ("bin", "predicted", "observed")
#: What travels of the totals of predictions, and of what came true. Bins have no use for the rest,
#: and both have the same counts and weights: they are of the same rows.
_PREDICTED = ("count", "weight", "weight_error", "sum", "sum_error")
_OBSERVED = ("sum", "sum_error")


class CalibrationBins:
    """The bins of the losses of a job; none unless the job asks for calibration."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._losses = job.losses if job.calibration else ()
        self._totals = [PieceTotals(2, len(job.by) + 1) for _ in self._losses]

    def add(self, by: Sequence[Any], arguments: Arguments, losses: Sequence[RowLosses]) -> None:
        """Add the rows of a batch: the columns that group them, and what was computed of them."""
        for spec, totals, item in zip(self._losses, self._totals, losses, strict=False):
            arrays = [arguments.array(spec, name) for name in spec.loss.arguments]
            pair = predicted_and_observed(spec, arrays)
            bins = pa.array(bins_of(pair[0], self._job.calibration))
            totals.add([*by, bins], [RowLosses(x, item.mask, item.weights) for x in pair])

    def tables(self) -> list[list[Any]]:
        """Return the sums of each loss as Arrow tables."""
        names = [*self._job.by, *_COLUMNS]
        return [[*map(_shortened, totals.tables(names))] for totals in self._totals]

    def merge(self, tables: Sequence[Sequence[Any]]) -> None:
        """Add the sums of other rows."""
        for totals, parts in zip(self._totals, tables, strict=True):
            for table in parts:
                totals.merge(_completed(table))

    def finish(self, groups: Sequence[Key]) -> list[Bins]:
        """Return the bins of each loss; ``groups`` are the values of all groups."""
        codes = {key: code for code, key in enumerate(groups)}
        found = []
        for totals in self._totals:
            keys, pair = totals.finish()
            # Rows that take no part, such as those of an ignored label, leave bins without rows.
            rows = np.flatnonzero(pair[0].count)
            group = np.array([codes[key[:-1]] for key in keys], dtype=np.int64)[rows]
            place = np.array([key[-1] for key in keys], dtype=np.int64)[rows]
            predicted, observed = (each.take(rows) for each in pair)
            found.append(
                Bins(self._job.calibration, len(groups), group, place, predicted, observed)
            )
        return found


def _shortened(table: Any) -> Any:
    """Return a table of totals with the fields that travel."""
    *keys, predicted, observed = (column.combine_chunks() for column in table.columns)
    structs = [
        pa.StructArray.from_arrays([struct.field(name) for name in names], [*names])
        for struct, names in ((predicted, _PREDICTED), (observed, _OBSERVED))
    ]
    return pa.table([*keys, *structs], names=table.column_names)


def _completed(table: Any) -> Any:
    """Return a table with all fields of totals; those that did not travel are those of no rows."""
    *keys, predicted, observed = (column.combine_chunks() for column in table.columns)
    fields = {name: pa.array(values) for name, values in Totals(table.num_rows).columns().items()}
    structs = []
    for struct, names in ((predicted, _PREDICTED), (observed, _OBSERVED)):
        fields |= {name: struct.field(name) for name in names}
        structs.append(pa.StructArray.from_arrays([*fields.values()], [*fields]))
    return pa.table([*keys, *structs], names=table.column_names)


def bins_of(probabilities: Array, bins: int) -> Array:
    """Return the bin of each probability, from 0 on; NaN has the number after the last.

    A number below 0 is in the first bin and one above 1 in the last: rounding leads to such.
    """
    with np.errstate(over="ignore"):
        found = np.clip(np.ceil(probabilities * bins), 1, bins)
    # The product may be rounded across a border. Borders are quotients, which are nearest to it.
    found -= probabilities <= (found - 1) / bins
    found += probabilities > found / bins
    np.clip(found, 1, bins, out=found)
    found[np.isnan(found)] = bins + 1
    places: Array = found.astype(np.int64) - 1
    return places
