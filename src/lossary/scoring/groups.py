"""Groups of rows: combinations of the values of columns, numbered as they appear."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from lossary.scoring.columns import Array

Key = tuple[Any, ...]

# What numbers in text begin with; an empty text is none of them.
_NUMERIC = frozenset("0123456789+-.")


class Groups:
    """The groups seen so far; without columns there is one, of everything.

    Parameters
    ----------
    columns : int
        How many columns group the rows.
    """

    def __init__(self, columns: int) -> None:
        self._columns = [_Numbers() for _ in range(columns)]
        # Two columns make pairs of numbers, a third one pairs of these pairs' numbers and its own.
        self._pairs = [_Numbers() for _ in range(columns - 1)]

    def __len__(self) -> int:
        return len([*self._columns, *self._pairs][-1]) if self._columns else 1

    def of(self, columns: Sequence[Sequence[Any]], rows: int) -> Array:
        """Return every row's group; each column is a sequence of Arrow arrays of one type."""
        import pyarrow as pa

        if not columns:
            return np.zeros(rows, dtype=np.int64)
        numbers = [known.of(arrays) for known, arrays in zip(self._columns, columns, strict=True)]
        codes = numbers[0]
        for pairs, more in zip(self._pairs, numbers[1:], strict=True):
            codes = pairs.of([pa.array(codes << 32 | more)])
        return codes

    def ordered(self) -> tuple[list[Key], Array]:
        """Return the groups' values in order, and the groups' numbers in that order.

        Numbers go by value, also where they are text; then comes text, then the lack of a value.
        """
        if not self._columns:
            return [()], np.zeros(1, dtype=np.int64)
        codes = self._codes()
        ranks = [known.ranks()[c] for known, c in zip(self._columns, codes, strict=True)]
        order = np.lexsort(ranks[::-1])
        values = [known.values() for known in self._columns]
        columns = [[v[i] for i in c[order].tolist()] for v, c in zip(values, codes, strict=True)]
        return list(zip(*columns, strict=True)), order

    def _codes(self) -> list[Array]:
        """Return, for each column, the number of every group's value."""
        codes = np.arange(len(self))
        rest = []
        for pairs in reversed(self._pairs):
            joined = np.array(pairs.values())[codes]
            rest.append(joined & 0xFFFFFFFF)
            codes = joined >> 32
        return [codes, *reversed(rest)]


class _Numbers:
    """Numbers for values, in the order in which they appear; values may be of several types."""

    def __init__(self) -> None:
        self._numbers: dict[Any, int] = {}
        # By Arrow type, the values that occurred and their numbers.
        self._known: dict[Any, tuple[Any, Array]] = {}

    def __len__(self) -> int:
        return len(self._numbers)

    def values(self) -> list[Any]:
        """Return the values in the order of their numbers."""
        return list(self._numbers)

    def ranks(self) -> Array:
        """Return every value's place in sorted order."""
        values = self.values()
        keys = values if _alike(values) else [_order(value) for value in values]
        order = sorted(range(len(values)), key=keys.__getitem__)
        ranks = np.empty(len(values), dtype=np.int64)
        ranks[order] = np.arange(len(values))
        return ranks

    def of(self, arrays: Sequence[Any]) -> Array:
        """Return the number of every value of Arrow arrays of one type."""
        import pyarrow as pa

        kind = arrays[0].type
        known, numbers = self._known.get(kind, (pa.array([], kind), np.empty(0, dtype=np.int64)))
        # What is known comes first, so that its codes stay what they were.
        coded = pa.chunked_array([known, *arrays]).dictionary_encode("encode")
        values = coded.chunk(coded.num_chunks - 1).dictionary
        if len(values) > len(known):
            number = self._numbers.setdefault
            fresh = [number(v, len(self._numbers)) for v in _as_python(values[len(known) :])]
            numbers = np.concatenate([numbers, np.array(fresh, dtype=np.int64)])
            self._known[kind] = values, numbers
        codes = np.concatenate([np.asarray(chunk.indices) for chunk in coded.chunks])
        found: Array = numbers[codes[len(known) :]]
        return found


def _as_python(values: Any) -> list[Any]:
    """Return Arrow values as keys of a dictionary."""
    import pyarrow as pa

    try:
        found: list[Any] = values.to_pylist()
    except ValueError:  # a time in nanoseconds, which Python's own types cannot hold
        found = values.cast(pa.string()).to_pylist()
    if pa.types.is_floating(values.type):  # one object for every NaN: they are not equal as keys
        return [np.nan if value != value else value for value in found]
    return found


def _alike(values: list[Any]) -> bool:
    """Return whether values are in order as they are: numbers, or text that stands for none."""
    if all(isinstance(value, (int, float)) and value == value for value in values):
        return True
    return all(isinstance(value, str) and value[:1] not in _NUMERIC for value in values)


def _order(value: Any) -> tuple[int, float, str]:
    """Sort key of a value among others of any type."""
    if value is None:
        return 2, 0.0, ""
    if isinstance(value, (int, float)) or str(value)[:1] in _NUMERIC:
        with suppress(TypeError, ValueError):
            number = float(value)
            if number == number:
                return 0, number, str(value)
    return 1, 0.0, str(value)
