"""Groups of rows: combinations of the values of columns, with a code for each."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import numpy as np
import pyarrow as pa

from lossary.arrays import Array
from lossary.scoring.arrow_types import is_text
from lossary.scoring.lookup import Lookup
from lossary.scoring.result import Key

# How far apart pairs of codes may be to be looked up: a table of 32 MB.
_MOST_PAIRS = 1 << 22
# The first characters of text that may be a number.
_NUMERIC = frozenset("0123456789+-.")


class Groups:
    """The groups found so far; without columns all rows are one group.

    Parameters
    ----------
    columns : int
        The number of columns that group the rows.
    """

    def __init__(self, columns: int) -> None:
        self._columns = [_ValueCodes() for _ in range(columns)]
        # The codes of two columns make a pair, which has a code; that code and the code of a
        # third column make the next pair.
        self._pairs = [_PairCodes() for _ in range(columns - 1)]

    def __len__(self) -> int:
        return len([*self._columns, *self._pairs][-1]) if self._columns else 1

    def encode(self, columns: Sequence[Sequence[Any]], rows: int) -> Array:
        """Return each row's group code; a column is a sequence of Arrow arrays of one type."""
        if not columns:
            return np.zeros(rows, dtype=np.int64)
        encoded = [
            known.encode(arrays) for known, arrays in zip(self._columns, columns, strict=True)
        ]
        codes = encoded[0]
        for pairs, right in zip(self._pairs, encoded[1:], strict=True):
            codes = pairs.encode_pairs(codes, right)
        return codes

    def by_types(self) -> list[tuple[list[Any], Array]]:
        """Return the groups by the types of their values: columns of values, and the groups' codes.

        The values of a column may have several types; an Arrow array has one.
        """
        if not self._columns:
            return [([], np.zeros(1, dtype=np.int64))]
        found = [
            known.located(codes)
            for known, codes in zip(self._columns, self._column_codes(), strict=True)
        ]
        kinds = np.stack([kind for kind, _ in found], axis=1)
        is_one = (kinds == kinds[:1]).all()
        tables = []
        for chosen in kinds[:1] if is_one else np.unique(kinds, axis=0):
            codes = np.flatnonzero((kinds == chosen).all(axis=1))
            columns = [
                known.taken(kind, positions[codes])
                for known, kind, (_, positions) in zip(
                    self._columns, chosen.tolist(), found, strict=True
                )
            ]
            tables.append((columns, codes))
        return tables

    def ordered(self) -> tuple[list[Key], Array]:
        """Return the values of the groups in order, and the codes of the groups in that order.

        Numbers come first, by value, also those that are text; then other text, then the missing
        value.
        """
        if not self._columns:
            return [()], np.zeros(1, dtype=np.int64)
        codes = self._column_codes()
        ranks = [known.ranks()[c] for known, c in zip(self._columns, codes, strict=True)]
        order = np.lexsort(ranks[::-1])
        values = [known.values() for known in self._columns]
        columns = [[v[i] for i in c[order].tolist()] for v, c in zip(values, codes, strict=True)]
        return list(zip(*columns, strict=True)), order

    def _column_codes(self) -> list[Array]:
        """Return, for each column, the code of every group's value."""
        codes = np.arange(len(self))
        right = []
        for pairs in reversed(self._pairs):
            joined = np.array(pairs.values())[codes]
            right.append(joined & 0xFFFFFFFF)
            codes = joined >> 32
        return [codes, *reversed(right)]


class _ValueCodes:
    """Codes of values, counted in the order in which the values appear; types may differ."""

    def __init__(self) -> None:
        # Only where there are several types, or values that are equal and yet differ in Arrow.
        self._codes: dict[Any, int] = {}
        # By Arrow type, the values that occurred and their codes.
        self._by_type: dict[Any, tuple[Any, Array]] = {}
        # None where a hash table is needed.
        self._lookups: dict[Any, Lookup | None] = {}

    def __len__(self) -> int:
        return len(self._codes) or sum(len(codes) for _, codes in self._by_type.values())

    def values(self) -> list[Any]:
        """Return the values in the order of their codes."""
        if self._codes or not self._by_type:
            return list(self._codes)
        ((values, _),) = self._by_type.values()
        return _as_keys(values)

    def ranks(self) -> Array:
        """Return every value's position in sorted order."""
        values = self.values()
        keys = values if _are_comparable(values) else [_sort_key(value) for value in values]
        order = sorted(range(len(values)), key=keys.__getitem__)
        ranks = np.empty(len(values), dtype=np.int64)
        ranks[order] = np.arange(len(values))
        return ranks

    def located(self, codes: Array) -> tuple[Array, Array]:
        """Return where values are known from: the place of their type, and theirs in its array."""
        kind, position = np.empty((2, len(self)), dtype=np.int64)
        # A value of several types is that of the first.
        for place, (_, known) in reversed([*enumerate(self._by_type.values())]):
            kind[known], position[known] = place, np.arange(len(known))
        return kind[codes], position[codes]

    def taken(self, kind: int, positions: Array) -> Any:
        """Return values of one type as an Arrow array."""
        values, _ = [*self._by_type.values()][kind]
        return values.take(pa.array(positions))

    def encode(self, arrays: Sequence[Any]) -> Array:
        """Return the code of every value of Arrow arrays of one type."""
        arrow_type = arrays[0].type
        if pa.types.is_dictionary(arrow_type):
            return np.concatenate([self._encode_dictionary(array) for array in arrays])
        lookup = self._lookups.setdefault(arrow_type, Lookup())
        is_plain = pa.types.is_integer(arrow_type) and not any(x.null_count for x in arrays)
        if not is_plain or lookup is None:
            return self._encode(arrays)
        values = np.asarray(arrays[0])
        if len(arrays) > 1:
            values = np.concatenate([np.asarray(array) for array in arrays])
        found = lookup.codes(values)
        if found is None and (added := lookup.add(values)) is not None:
            lookup.learn(added, self._append(pa.array(added).cast(arrow_type)))
            found = lookup.codes(values)
        return self._encode(arrays) if found is None else found

    def _encode_dictionary(self, array: Any) -> Array:
        """Return the code of every value, from those of the values that occur."""
        values, indices = array.dictionary, array.indices
        if indices.null_count:
            indices = indices.fill_null(len(values))
            values = pa.concat_arrays([values, pa.nulls(1, values.type)])
        places = np.asarray(indices).astype(np.int64, copy=False)
        used = np.flatnonzero(np.bincount(places, minlength=len(values)))
        codes = np.empty(len(values), dtype=np.int64)
        codes[used] = self.encode([values.take(pa.array(used))])
        found: Array = codes[places]
        return found

    def _encode(self, arrays: Sequence[Any]) -> Array:
        """Return the code of every value; new values get new codes."""
        arrow_type = arrays[0].type
        self._lookups[arrow_type] = None  # it will not know all values
        known, codes = self._known(arrow_type)
        # The known values come first, so that Arrow gives them the same indices again.
        encoded = pa.chunked_array([known, *arrays]).dictionary_encode("encode")
        values = encoded.chunk(encoded.num_chunks - 1).dictionary
        if len(values) > len(known):
            codes = np.concatenate([codes, self._append(values[len(known) :])])
        indices = np.concatenate([np.asarray(chunk.indices) for chunk in encoded.chunks])
        found: Array = codes[indices[len(known) :]]
        return found

    def _known(self, arrow_type: Any) -> tuple[Any, Array]:
        """Return the values of a type that occurred, and their codes."""
        empty = pa.array([], arrow_type), np.empty(0, dtype=np.int64)
        return self._by_type.get(arrow_type, empty)

    def _append(self, values: Any) -> Array:
        """Add values that are new for their type, and return their codes."""
        known, codes = self._known(values.type)
        added = self._added(values)
        self._by_type[values.type] = (
            pa.concat_arrays([known, values]),
            np.concatenate([codes, added]),
        )
        return added

    def _added(self, values: Any) -> Array:
        """Return codes for values that are new for their type, and may be known of another."""
        if _is_exact(values.type) and self._by_type.keys() <= {values.type}:
            return np.arange(len(self), len(self) + len(values))
        if not self._codes:
            self._codes = {value: code for code, value in enumerate(self.values())}
        code = self._codes.setdefault
        return np.array([code(key, len(self._codes)) for key in _as_keys(values)], dtype=np.int64)


class _PairCodes(_ValueCodes):
    """Codes of pairs of codes. The value of a pair has the first in its upper 32 bits.

    Where there are few pairs, their codes are looked up: 7 ns for a row, and 26 in a hash table.
    Codes lie close together, so their table may be larger than that of values.
    """

    def __init__(self) -> None:
        super().__init__()
        self._lookup: Lookup | None = Lookup(_MOST_PAIRS)
        self._bits = 0  # what the second codes take up in a number to look up

    def encode_pairs(self, left: Array, right: Array) -> Array:
        """Return the code of each pair."""
        if self._lookup is not None:
            self._make_room(int(right.max(initial=0)).bit_length())
        if self._lookup is not None:
            short = left << self._bits | right
            found = self._lookup.codes(short)
            if found is None and (added := self._lookup.add(short)) is not None:
                first, second = added >> self._bits, added & (1 << self._bits) - 1
                self._lookup.learn(added, self._append(pa.array(first << 32 | second)))
                found = self._lookup.codes(short)
            if found is not None:
                return found
            self._lookup = None  # it will not know all pairs
        return self._encode([pa.array(left << 32 | right)])

    def _make_room(self, bits: int) -> None:
        """Let second codes have that many bits."""
        if bits <= self._bits:
            return
        self._bits, self._lookup = bits, Lookup(_MOST_PAIRS)
        pairs, codes = self._known(pa.int64())
        if len(pairs):
            values = np.asarray(pairs)
            short = values >> 32 << bits | (values & 0xFFFFFFFF)
            if self._lookup.add(short) is None:
                self._lookup = None
            else:
                self._lookup.learn(short, codes)


def _is_exact(arrow_type: Any) -> bool:
    """Return whether values of a type are equal only if they are the same: -0.0 is equal to 0.0."""
    types = pa.types
    return bool(types.is_integer(arrow_type) or is_text(arrow_type) or types.is_date(arrow_type))


def _as_keys(values: Any) -> list[Any]:
    """Return Arrow values as keys of a dictionary."""
    try:
        keys: list[Any] = values.to_pylist()
    except ValueError:  # times in nanoseconds, which Python's own types cannot hold
        keys = values.cast(pa.string()).to_pylist()
    if pa.types.is_floating(values.type):  # one object for every NaN: they are not equal as keys
        return [np.nan if value != value else value for value in keys]
    return keys


def _are_comparable(values: list[Any]) -> bool:
    """Return whether the values sort without keys: numbers only, or text without numbers."""
    if all(isinstance(value, (int, float)) and value == value for value in values):
        return True
    return all(isinstance(value, str) and value[:1] not in _NUMERIC for value in values)


def _sort_key(value: Any) -> tuple[int, float, str]:
    """Return the sort key of a value among values of any type."""
    if value is None:
        return 2, 0.0, ""
    if isinstance(value, (int, float)) or str(value)[:1] in _NUMERIC:
        with suppress(TypeError, ValueError):
            number = float(value)
            if number == number:
                return 0, number, str(value)
    return 1, 0.0, str(value)
