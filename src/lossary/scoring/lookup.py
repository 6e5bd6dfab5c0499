"""Codes of integers that are close together, by the integer: faster than a hash table."""

from __future__ import annotations

import numpy as np

from lossary.arrays import Array
from lossary.scoring.lookup_kernel import looked_up

# Integers whose least and greatest are further apart have no table.
_MOST = 1 << 20
_LARGEST = 1 << 62


class Lookup:
    """The codes of integers, of which more may be added."""

    def __init__(self) -> None:
        self._least = 0
        self._codes = np.empty(0, dtype=np.int64)  # -1 for a value that has no code

    def codes(self, values: Array) -> Array | None:
        """Return the codes of values; None if one of them has none."""
        return looked_up(values, self._codes, self._least)

    def add(self, values: Array) -> Array | None:
        """Make room for values, and return those that have no code; None if they are far apart."""
        if not len(values):
            return None
        least, stop = int(values.min()), int(values.max()) + 1
        if len(self._codes):
            least = min(least, self._least)
            stop = max(stop, self._least + len(self._codes))
        if stop - least > _MOST or max(-least, stop) >= _LARGEST:
            return None
        codes = np.full(stop - least, -1)
        codes[self._least - least :][: len(self._codes)] = self._codes
        self._least, self._codes = least, codes
        occurs = np.zeros(len(codes), dtype=bool)
        occurs[values.astype(np.int64, copy=False) - least] = True
        return np.flatnonzero(occurs & (codes < 0)) + least

    def learn(self, values: Array, codes: Array) -> None:
        """Remember the codes of values that were added."""
        self._codes[values - self._least] = codes
