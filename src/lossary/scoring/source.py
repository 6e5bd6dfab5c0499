"""The interface of readers of prediction files, and the size of the batches that they yield."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

# The numbers of a column of this many rows fit in the cache of a core. With 81,920 to 294,912 a row
# takes the same processor time within 4 %; with 65,536 it takes 5 % more, because of the Python
# code for each batch.
BATCH_ROWS = 98_304
BATCH_CELLS = 1 << 23
MIN_BATCH_ROWS = 256


@dataclass(frozen=True, slots=True)
class Selection:
    """The columns to read of a file.

    Attributes
    ----------
    values : sequence of str
        Columns that are copied, grouped, compared or shown: as text from formats that are text.
    numbers : sequence of str
        Columns that losses are computed from.
    groups : sequence of str
        Those of ``values`` that group the rows: as dictionaries where that is faster.
    """

    values: Sequence[str]
    numbers: Sequence[str]
    groups: Sequence[str] = ()

    @property
    def columns(self) -> list[str]:
        """All columns, each once."""
        return list(dict.fromkeys([*self.values, *self.numbers]))

    def joined(self, other: Selection) -> Selection:
        """Return the columns of two selections, each once."""
        return Selection(
            values=list(dict.fromkeys([*self.values, *other.values])),
            numbers=list(dict.fromkeys([*self.numbers, *other.numbers])),
            groups=list(dict.fromkeys([*self.groups, *other.groups])),
        )


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
        Whether ``numbers`` of the selection are read as text, which is parsed later.
    schema : pyarrow.Schema, optional
        The types of the columns, for formats that have types.
    """

    textual: bool
    schema: Any

    @property
    def part_rows(self) -> list[int] | None:
        """The numbers of rows of the parts that can be read apart; None if there are no parts."""

    @property
    def rows(self) -> int | None:
        """The number of rows; None for formats that do not store it."""

    @property
    def columns(self) -> list[str]:
        """The names of the columns; none if the file is empty."""

    def complete(self) -> None:
        """Read on until ``columns`` has every column of the file, not only those at its start."""

    def read(self, selection: Selection, parts: range | None = None) -> Batches:
        """Yield the rows, at most ``BATCH_ROWS`` at a time: all, or those of some parts."""

    def close(self) -> None:
        """Close the file."""


def batch_rows(columns: int) -> int:
    """Return the number of rows to read at a time: fewer for files with very many columns."""
    return min(BATCH_ROWS, max(MIN_BATCH_ROWS, BATCH_CELLS // max(1, columns)))


def sliced(batches: Iterable[Any]) -> Iterator[Any]:
    """Cut record batches into batches of a bounded size, without a copy."""
    for batch in batches:
        size = batch_rows(batch.num_columns)
        for start in range(0, batch.num_rows, size):
            yield batch.slice(start, size)
