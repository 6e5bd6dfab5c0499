"""Where the predictions of one model come from: files, or a table in memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from lossary.scoring.arrow_types import common_types
from lossary.scoring.files import find_files
from lossary.scoring.job import Job
from lossary.scoring.pieces import Span
from lossary.scoring.readers import output_types, reading_errors
from lossary.scoring.spans import file_spans, table_spans


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

    def spans(self, delimiter: str | None) -> list[Span]:
        """Return the rows as the smallest parts that can be read apart."""
        if self.table is not None:
            (name,) = self.files
            found = [*table_spans(self.table.to_batches(), name)]
            # Without rows there are columns, which the job may lack.
            return found or [Span(name, rows=0, table=self.table)]
        spans, errors = file_spans(self.files, delimiter)
        if errors:
            raise errors[0]
        return spans

    def output_types(self) -> dict[str, Any]:
        """Return the types of the columns; columns without one are text."""
        return output_types(self.files) if self.table is None else common_types([self.table.schema])


def origin_of(job: Job, source: Any, name: str) -> Origin:
    """Return the files of a job; without any, what exports an Arrow stream, under a name."""
    if source is None:
        return Origin(find_files(job.files, job.output))
    with reading_errors(name):
        return Origin([name], pa.RecordBatchReader.from_stream(source).read_all())
