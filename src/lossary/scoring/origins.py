"""Where the predictions of one model come from: files, or a table in memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from lossary.scoring.arrow_types import common_types
from lossary.scoring.files import find_files
from lossary.scoring.job import Job
from lossary.scoring.readers import count_rows, open_source, output_types, reading_errors
from lossary.scoring.source import Source
from lossary.scoring.typed_readers import Memory


@dataclass(frozen=True)
class Origin:
    """Files, or a table that stands for one.

    Attributes
    ----------
    files : list of str
        The files, or the name of the table in messages.
    table : pyarrow.Table, optional
        The table.
    """

    files: list[str]
    table: Any = None

    @contextmanager
    def open(self, path: str, delimiter: str | None) -> Iterator[Source]:
        """Open one of the files."""
        if self.table is not None:
            yield Memory(self.table)
            return
        with open_source(path, delimiter) as source:
            yield source

    def count_rows(self) -> int | None:
        """Return the number of rows; None if a format does not store it."""
        return count_rows(self.files) if self.table is None else int(self.table.num_rows)

    def output_types(self) -> dict[str, Any]:
        """Return the types of the columns; columns without one are text."""
        return output_types(self.files) if self.table is None else common_types([self.table.schema])


def origin_of(job: Job, source: Any, name: str) -> Origin:
    """Return the files of a job; without any, what exports an Arrow stream, under a name."""
    if source is None:
        return Origin(find_files(job.files, job.output))
    with reading_errors(name):
        return Origin([name], pa.RecordBatchReader.from_stream(source).read_all())
