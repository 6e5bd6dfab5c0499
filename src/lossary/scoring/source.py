"""What readers of prediction files have in common."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

BATCH_ROWS = 131_072
BATCH_CELLS = 1 << 23
LEAST_ROWS = 256


@dataclass(frozen=True, slots=True)
class Selection:
    """What to read of a file.

    Attributes
    ----------
    values : sequence of str
        Columns that are copied, grouped, compared or shown: as text from formats that are text.
    numbers : sequence of str
        Columns that losses are computed from.
    """

    values: Sequence[str]
    numbers: Sequence[str]

    @property
    def columns(self) -> list[str]:
        """All columns, each once."""
        return list(dict.fromkeys([*self.values, *self.numbers]))


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of a file: two record batches of equal length, which may be the same one."""

    values: Any
    numbers: Any


Batches = Iterator[Rows]


class Source(Protocol):
    """An open file: its columns, and its rows in batches.

    Attributes
    ----------
    textual : bool
        Whether the columns to compute with are text too, which is converted later.
    schema : pyarrow.Schema, optional
        The columns' types, of formats that have types.
    """

    textual: bool
    schema: Any

    @property
    def rows(self) -> int | None:
        """How many rows there are, of formats that say so without being read."""

    @property
    def columns(self) -> list[str]:
        """The columns' names; none if the file is empty."""

    def complete(self) -> None:
        """Make ``columns`` those of the whole file where they are those of its beginning."""

    def read(self, selection: Selection) -> Batches:
        """Yield at most ``BATCH_ROWS`` rows at a time, and never the whole file."""

    def close(self) -> None:
        """Close the file."""


def batch_rows(columns: int) -> int:
    """Return how many rows to read at a time: fewer of files with very many columns."""
    return min(BATCH_ROWS, max(LEAST_ROWS, BATCH_CELLS // max(1, columns)))


def sliced(batches: Iterable[Any]) -> Iterator[Any]:
    """Cut record batches into ones of a bounded size, without a copy."""
    for batch in batches:
        size = batch_rows(batch.num_columns)
        for start in range(0, batch.num_rows, size):
            yield batch.slice(start, size)
