"""Codes of integers that are close together, by the integer: faster than a hash table."""

from __future__ import annotations

import numpy as np

from lossary.arrays import Array
from lossary.scoring.lookup_kernel import looked_up

# Integers whose least and greatest are further apart have no table, unless they fill enough of it:
# then a hash table, of 40 bytes or more for each, takes about as much memory, and more time.
_MOST = 1 << 20
_PLACES_PER_VALUE = 8
_LARGEST = 1 << 62


class Lookup:
    """The codes of integers, of which more may be added.

    Parameters
    ----------
    most : int
        How far apart the integers may be, however few they are.

    Attributes
    ----------
    least : int
        The integer that the table begins with.
    table : array of int64
        The codes; -1 for an integer that has none, and in the last place.
    """

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._known = 0
        self.least = 0
        self.table = np.full(1, -1)

    def codes(self, values: Array) -> Array | None:
        """Return the codes of values; None if one of them has none."""
        return looked_up(values, self.table, self.least)

    def add(self, values: Array) -> Array | None:
        """Make room for values, and return those that have no code; None if they are far apart."""
        if not len(values):
            return None
        least, stop = int(values.min()), int(values.max()) + 1
        known = self.table[:-1]
        if len(known):
            least = min(least, self.least)
            stop = max(stop, self.least + len(known))
        most = max(self._most, _PLACES_PER_VALUE * (self._known + len(values)))
        if stop - least > most or max(-least, stop) >= _LARGEST:
            return None
        table = np.full(stop - least + 1, -1)
        table[self.least - least :][: len(known)] = known
        self.least, self.table = least, table
        occurs = np.zeros(len(table), dtype=bool)
        occurs[values.astype(np.int64, copy=False) - least] = True
        return np.flatnonzero(occurs & (table < 0)) + least

    def learn(self, values: Array, codes: Array) -> None:
        """Remember the codes of values that were added."""
        self.table[values - self.least] = codes
        self._known += len(values)
