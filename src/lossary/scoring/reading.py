"""The rows of files as batches, with the columns that jobs use of them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

import numpy as np

from lossary.scoring.addresses import without_credentials
from lossary.scoring.binding import Binding, Use, bind
from lossary.scoring.columns import Batch
from lossary.scoring.errors import DataError
from lossary.scoring.readers import reading_errors
from lossary.scoring.source import Selection, Source


def bind_source(
    path: str,
    source: Source,
    uses: Sequence[Use],
    optional: Collection[Use] = (),
) -> Binding:
    """Find the columns of a file, beyond its start where they are not all there."""
    with reading_errors(path):
        if any(use.option == "--output" for use in uses):  # which copies every column
            source.complete()
        try:
            binding = bind(path, source.columns, uses, optional)
            if not binding.lacking:
                return binding
        except DataError:
            pass
        source.complete()
        return bind(path, source.columns, uses, optional)


def read_batches(path: str, source: Source, selection: Selection) -> Iterator[Batch]:
    """Yield the rows of a file; they count from 1."""
    first_row = 1
    shown = without_credentials(path)
    batches = source.read(selection)
    while True:
        with reading_errors(path):
            data = next(batches, None)
        if data is None:
            return
        size = data.values.num_rows
        rows = np.arange(first_row, first_row + size)
        yield Batch(data.values, shown, rows, source.textual, data.numbers)
        first_row += size
