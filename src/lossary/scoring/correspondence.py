"""Whether the rows of two files correspond."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lossary.arrays import Array
from lossary.scoring.arguments import Arguments
from lossary.scoring.binding import Binding
from lossary.scoring.columns import Batch
from lossary.scoring.errors import data_error
from lossary.scoring.job import LossSpec

_REMEDY = "Rows are compared in the order of the files: sort both in the same way."


@dataclass(frozen=True, slots=True)
class Side:
    """Rows of one model, and which columns are used of them."""

    batch: Batch
    binding: Binding

    def __len__(self) -> int:
        return len(self.batch)

    def rows(self, start: int, stop: int) -> Side:
        """Return the rows from one index to before another."""
        return Side(self.batch.slice(start, stop), self.binding)

    def filter(self, mask: Array | None) -> Side:
        """Return the rows where the mask is true; None for all."""
        return Side(self.batch.filter(mask), self.binding)


class Aligned:
    """Pairs of equally many rows, from batches of any size.

    ``counts`` are the numbers of rows that the two had when the pairs are exhausted.
    """

    def __init__(self, first: Iterator[Side], second: Iterator[Side]) -> None:
        self._sides = first, second
        self.counts = [0, 0]

    def __iter__(self) -> Iterator[tuple[Side, Side]]:
        a, b = self._next(0), self._next(1)
        while a is not None and b is not None:
            size = min(len(a), len(b))
            yield a.rows(0, size), b.rows(0, size)
            a = a.rows(size, len(a)) if size < len(a) else self._next(0)
            b = b.rows(size, len(b)) if size < len(b) else self._next(1)
        for index in (0, 1):
            while self._next(index) is not None:
                pass

    def _next(self, index: int) -> Side | None:
        side = next(self._sides[index], None)
        self.counts[index] += len(side) if side is not None else 0
        return side


def check_key(first: Side, second: Side, name: str) -> None:
    """Raise if a column differs between the two; missing values are equal to one another."""
    columns = [side.batch.group_column(name) for side in (first, second)]
    try:
        differing = _differing(*columns)
    except pa.ArrowException:
        types = " and ".join(str(column.type) for column in columns)
        problem = f"--key: column {name!r} cannot be compared, its types are {types}"
        raise data_error(second.batch.path, problem) from None
    if differing.any():
        index = int(np.argmax(differing))
        values = [column[index].as_py() for column in columns]
        _raise_difference("--key", name, (first.batch, second.batch), index, values)


def check_targets(spec: LossSpec, first: Arguments, second: Arguments) -> None:
    """Raise if the targets differ between the two; NaN is equal to NaN."""
    left, right = (item.array(spec, "targets") for item in (first, second))
    batches = first.batch, second.batch
    name = ", ".join(second.columns(spec, "targets"))
    if left.shape != right.shape:
        widths = [item.shape[1] if item.ndim > 1 else 1 for item in (left, right)]
        problem = f"--targets: there are {widths[1]} columns, but {widths[0]}"
        raise data_error(batches[1].path, f"{problem} in {batches[0].path}")
    differing = (left != right) & ((left == left) | (right == right))
    if differing.any():
        index = int(np.argmax(differing.reshape(len(differing), -1).any(axis=1)))
        values = [_plain(item[index]) for item in (left, right)]
        _raise_difference("--targets", name, batches, index, values)


def _raise_difference(
    option: str, name: str, batches: tuple[Batch, Batch], index: int, values: list[Any]
) -> None:
    first, second = batches
    problem = (
        f"{option}: column {name!r} has {values[1]!r} in row {second.rows[index]}, "
        f"but {values[0]!r} in row {first.rows[index]} of {first.path}"
    )
    raise data_error(second.path, problem, _REMEDY)


def _differing(left: Any, right: Any) -> Array:
    """Return where the values of two Arrow arrays differ; those of different types as text."""
    if left.type != right.type or pa.types.is_floating(left.type):  # as text NaN equals NaN
        left, right = left.cast(pa.string()), right.cast(pa.string())
    both_missing = np.asarray(pc.and_(pc.is_null(left), pc.is_null(right)))
    equal = np.asarray(pc.equal(left, right).fill_null(False))
    return np.asarray(~(equal | both_missing))


def _plain(values: Any) -> Any:
    """Return a number, an integer where it is one, or a list of numbers."""
    value = values.tolist()
    return int(value) if isinstance(value, float) and value.is_integer() else value
