"""Plan to Numba source: one function that makes all passes over a range of chunks.

One writer for each layout of the data:

* ``flat``: elementwise losses; every array is one-dimensional.
* ``rows``: the class axis is last; the loop over classes is the vectorised one.
* ``short rows``: the same with few classes; the loop over rows is the vectorised one.
* ``columns``: the class axis is not last; the loop over what follows it is the vectorised one.

Sums are accumulated in float64 and written per chunk, so that adding the chunks in order gives
the same bits for any number of threads. A loop that holds a float64 is vectorised half as wide, so
float32 kernels work in blocks: one loop computes a block of values into scratch memory that stays
in the nearest cache, another adds them up.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from lossary.formula.plan import Plan
from lossary.kernels.columns import ColumnsWriter, ShortRowsWriter
from lossary.kernels.flat import FlatWriter
from lossary.kernels.rows import RowsWriter
from lossary.kernels.writer import Precision, Writer

Layout = Literal["flat", "rows", "short rows", "columns"]

_WRITERS: dict[Layout, type[Writer]] = {
    "flat": FlatWriter,
    "rows": RowsWriter,
    "short rows": ShortRowsWriter,
    "columns": ColumnsWriter,
}


def writer(
    plan: Plan,
    precision: Precision,
    layout: Layout,
    scalars: frozenset[str],
    addresses: Mapping[str, str],
) -> Writer:
    """Return the writer of a plan's kernel.

    ``scalars`` names the arrays that are one number; ``addresses`` those that are given by their
    address, with their dtypes.
    """
    return _WRITERS[layout](plan, precision, scalars, addresses)
