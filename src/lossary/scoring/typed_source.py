"""What sources have in common whose columns have types."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pyarrow as pa

from lossary.scoring.arrow_types import batch_without_views, without_views
from lossary.scoring.source import Rows


class TypedSource:
    """Base of sources with a schema, which names all columns from the start."""

    textual = False
    schema: Any

    @property
    def columns(self) -> list[str]:
        """The names of the columns."""
        return list(self.schema.names)

    @property
    def part_rows(self) -> list[int] | None:
        """The numbers of rows of the parts that can be read apart; None if there are no parts."""
        return None

    @property
    def rows(self) -> int | None:
        """The number of rows, if the parts tell it; else None."""
        counts = self.part_rows
        return None if counts is None else sum(counts)

    def complete(self) -> None:
        """Do nothing: the schema names all columns."""

    def close(self) -> None:
        """Do nothing: nothing is open between reads."""


def plain_rows(batch: Any) -> Rows:
    """Return the rows of a record batch, to be copied and computed from alike."""
    converted = batch_without_views(batch)
    return Rows(converted, converted)


def plain_rows_of(schema: Any) -> Callable[[Any], Rows]:
    """Return :func:`plain_rows` for record batches with columns of a schema."""
    if any(without_views(item) != item for item in schema.types):
        return plain_rows
    return lambda batch: Rows(batch, batch)


def plain_schema(fields: Iterable[Any]) -> Any:
    """Return the schema of these fields as :func:`plain_rows` has them."""
    return pa.schema([(field.name, without_views(field.type)) for field in fields])
