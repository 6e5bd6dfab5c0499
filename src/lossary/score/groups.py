"""Groups of rows: combinations of the values of columns, numbered as they appear."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lossary.score.columns import Array, Batch

Key = tuple[Any, ...]


class Groups:
    """The groups seen so far; without columns there is one, of everything."""

    def __init__(self) -> None:
        self._codes: dict[Key, int] = {}

    def __len__(self) -> int:
        return len(self._codes)

    def keys(self) -> list[Key]:
        """Return the groups' values, in the order of their numbers."""
        return list(self._codes)

    def codes(self, batch: Batch, names: Sequence[str]) -> Array:
        """Return every row's group."""
        if not names:
            return np.full(len(batch), self._code(()))
        codes, keys = _combined([batch.coded(name) for name in names])
        # Only combinations that occur become groups: a dictionary may hold values no row has.
        occurs = np.bincount(codes, minlength=len(keys)) > 0
        places = np.zeros(len(keys), dtype=np.int64)
        for place in np.flatnonzero(occurs):
            places[place] = self._code(keys[place])
        return places[codes]

    def _code(self, key: Key) -> int:
        return self._codes.setdefault(key, len(self._codes))


def _combined(columns: Sequence[tuple[Array, list[Any]]]) -> tuple[Array, list[Key]]:
    """Join coded columns into one: codes, and the combinations that they stand for."""
    codes, values = columns[0]
    keys: list[Key] = [(value,) for value in values]
    for more, values in columns[1:]:
        pairs, codes = np.unique(codes * len(values) + more, return_inverse=True)
        keys = [(*keys[pair // len(values)], values[pair % len(values)]) for pair in pairs.tolist()]
    return codes, keys
