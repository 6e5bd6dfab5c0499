"""Columns of a record batch as the arrays that a loss takes."""

from __future__ import annotations

import difflib
import fnmatch
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from lossary.score.faults import DataError

Array = np.ndarray[Any, np.dtype[Any]]


class Batch:
    """A record batch with its file and the number of its first row (rows count from 1)."""

    def __init__(self, data: Any, path: str, first_row: int) -> None:
        self.data = data
        self.path = path
        self.first_row = first_row

    @property
    def rows(self) -> int:
        """Number of rows."""
        return int(self.data.num_rows)

    def names(self, request: str) -> list[str]:
        """Return the columns that a request names: one, several with commas, or a pattern."""
        available = list(self.data.schema.names)
        found: list[str] = []
        for part in request.split(","):
            if part in available:
                found.append(part)
                continue
            matches = fnmatch.filter(available, part)
            if not matches:
                raise DataError(self._missing(part, available))
            found += sorted(matches, key=_natural)
        return found

    def _missing(self, name: str, available: Sequence[str]) -> str:
        close = difflib.get_close_matches(name, available, n=2)
        hint = f" Did you mean {' or '.join(close)}?" if close else ""
        return f"{self.path}: no column {name!r}; there are {', '.join(available)}.{hint}"

    def column(self, name: str) -> Any:
        """Return one column as an Arrow array."""
        (name,) = self.names(name)[:1]
        return self.data.column(name)

    def missing(self, requests: Sequence[str]) -> tuple[Array, str]:
        """Return which rows lack a value in any of the columns, and the first such column."""
        import pyarrow.compute as pc

        absent = np.zeros(self.rows, dtype=bool)
        culprit = ""
        for request in requests:
            for name in self.names(request):
                column = self.data.column(name)
                if column.null_count:
                    culprit = culprit or name
                    absent |= np.asarray(pc.is_null(column))
        return absent, culprit

    def numbers(self, request: str) -> Array:
        """Return columns as numbers: (rows,) for one, (rows, columns) for several or a list."""
        names = self.names(request)
        columns = [self.data.column(name) for name in names]
        if len(columns) == 1 and _is_list(columns[0].type):
            return self._list(names[0], columns[0])
        arrays = [self._plain(name, column) for name, column in zip(names, columns, strict=True)]
        if len(arrays) == 1:
            return arrays[0]
        return np.stack([np.asarray(x, dtype=np.float64) for x in arrays], axis=1)

    def _plain(self, name: str, column: Any) -> Array:
        import pyarrow as pa

        kind = column.type
        if pa.types.is_decimal(kind):
            column = column.cast(pa.float64())
        elif not (
            pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)
        ):
            msg = f"{self.path}: column {name!r} must hold numbers, got {kind}"
            raise DataError(msg)
        if column.null_count:
            fill = False if pa.types.is_boolean(kind) else 0
            column = column.fill_null(pa.scalar(fill, column.type))
        return np.asarray(column.to_numpy(zero_copy_only=False))

    def _list(self, name: str, column: Any) -> Array:
        import pyarrow.compute as pc

        lengths = pc.list_value_length(column).drop_null()
        width = lengths[0].as_py() if len(lengths) else 0
        if len(lengths) and not pc.all(pc.equal(lengths, width)).as_py():
            msg = f"{self.path}: the lists of column {name!r} must have equal lengths"
            raise DataError(msg)
        flat = self._plain(name, column.flatten())
        if column.null_count == 0:
            return flat.reshape(-1, width)
        full = np.zeros((self.rows, width), dtype=flat.dtype)
        full[~np.asarray(pc.is_null(column))] = flat.reshape(-1, width)
        return full

    def flags(self, request: str) -> Array:
        """Return a column as booleans."""
        values = self.numbers(request)
        if values.dtype != np.bool_ and not np.isin(values, (0, 1)).all():
            msg = f"{self.path}: column {request!r} must hold booleans, or 0 and 1"
            raise DataError(msg)
        return values.astype(bool)

    def labels(self, request: str) -> list[Any]:
        """Return the distinct values of a column."""
        return [value for value in self.column(request).unique().to_pylist() if value is not None]

    def is_label(self, request: str, label: str) -> Array:
        """Tell for every row whether its value is written like the label."""
        column = self.column(request).dictionary_encode()
        matches = np.array([spelled(v) == label for v in column.dictionary.to_pylist()], dtype=bool)
        codes = column.indices.fill_null(0).to_numpy(zero_copy_only=False)
        return matches[codes] if len(matches) else np.zeros(self.rows, dtype=bool)


def spelled(value: Any) -> str:
    """Return a label as a user would write it: 1.0 as 1."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _is_list(kind: Any) -> bool:
    import pyarrow as pa

    return bool(
        pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    )


def _natural(name: str) -> list[tuple[bool, int, str]]:
    """Sort key under which z_10 comes after z_9."""
    parts = re.split(r"(\d+)", name)
    return [(part.isdigit(), int(part) if part.isdigit() else 0, part) for part in parts]
