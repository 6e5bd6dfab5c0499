"""Columns of a record batch as the arrays that a loss takes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from lossary.score.faults import DataError, data_error

Array = np.ndarray[Any, np.dtype[Any]]


class Batch:
    """Rows of a file as an Arrow record batch.

    Parameters
    ----------
    data : pyarrow.RecordBatch
        The rows.
    path : str
        Their file.
    rows : array of int
        Their numbers in the file, counted from 1.
    textual : bool
        Whether the file has no types, so that text may stand for numbers.
    """

    def __init__(self, data: Any, path: str, rows: Array, textual: bool = False) -> None:
        self.data = data
        self.path = path
        self.rows = rows
        self.textual = textual

    def __len__(self) -> int:
        return len(self.rows)

    def chosen(self, keep: Array) -> Batch:
        """Return the rows where ``keep`` is true."""
        import pyarrow as pa

        if keep.all():
            return self
        return Batch(self.data.filter(pa.array(keep)), self.path, self.rows[keep], self.textual)

    def absent(self, name: str) -> Array | None:
        """Return which rows lack a value in a column; None if none does."""
        import pyarrow.compute as pc

        column = self._column(name)
        absent = np.asarray(pc.is_null(column)) if column.null_count else None
        if _is_list(column.type) and (inside := column.flatten()).null_count:
            parents = np.asarray(pc.list_parent_indices(column))
            absent = np.zeros(len(self), dtype=bool) if absent is None else absent.copy()
            absent[parents[np.asarray(pc.is_null(inside))]] = True
        return absent

    def all_absent(self, names: Sequence[str]) -> Iterator[tuple[str, Array]]:
        """Yield the columns that lack values, each with the rows."""
        for name in names:
            absent = self.absent(name)
            if absent is not None:
                yield name, absent

    # --- as arrays; the rows that take part have no nulls -------------------------------------
    def numbers(self, names: Sequence[str]) -> Array:
        """Return columns as float64: (rows,) for one, (rows, columns) for several or a list."""
        if len(names) == 1:
            column = self._column(names[0])
            if _is_list(column.type):
                return self._list(names[0], column)
            return self._plain(names[0], column)
        # Filled column by column: one copy, whatever the columns' own types.
        matrix = np.empty((len(self), len(names)))
        for place, name in enumerate(names):
            matrix[:, place] = self._plain(name, self._column(name))
        return matrix

    def flags(self, name: str) -> Array:
        """Return a column as booleans; False where there is no value."""
        import pyarrow as pa
        import pyarrow.compute as pc

        column = _decoded(self._column(name))
        if self.textual and _is_text(column.type):
            try:
                column = pc.utf8_lower(column).cast(pa.bool_())
            except pa.ArrowInvalid:
                kinds = pc.is_in(pc.utf8_lower(column), pa.array(["true", "false", "1", "0", None]))
                raise self.wrong(name, "true or false", ~np.asarray(kinds)) from None
        if pa.types.is_boolean(column.type):
            return np.asarray(column.fill_null(False))
        values = self._plain(name, column.fill_null(0))
        bad = (values != 0) & (values != 1)
        if bad.any():
            raise self.wrong(name, "true or false", bad)
        return np.asarray(values == 1)

    def labels(self, name: str) -> Array:
        """Return a column of class labels as int64."""
        values = self._plain(name, self._column(name))
        bad = values != np.rint(values)
        bad |= ~np.isfinite(values)
        if bad.any():
            raise self.wrong(name, "class labels, integers from 0", bad)
        return values.astype(np.int64)

    def coded(self, name: str) -> tuple[Array, list[Any]]:
        """Return a column as codes and the values they stand for; None where there is none."""
        import pyarrow as pa

        try:
            column = self._column(name).dictionary_encode()
        except pa.ArrowNotImplementedError:
            bad = np.ones(len(self), dtype=bool)
            raise self.wrong(name, "numbers or text", bad) from None
        values = column.dictionary.to_pylist()
        if self.textual:
            values = [typed(value) if isinstance(value, str) else value for value in values]
        values = [_canonical(value) for value in values]
        indices = column.indices
        if indices.null_count:
            indices = indices.fill_null(len(values))
            values.append(None)
        return np.asarray(indices).astype(np.int64, copy=False), values

    def is_list(self, name: str) -> bool:
        """Tell whether a column holds lists."""
        return _is_list(self._column(name).type)

    def records(self, places: Array, names: Sequence[str]) -> list[dict[str, Any]]:
        """Return some rows as plain data."""
        import pyarrow as pa

        rows: list[dict[str, Any]] = (
            self.data.select(list(names)).take(pa.array(places)).to_pylist()
        )
        if self.textual:
            for row in rows:
                row |= {name: typed(x) for name, x in row.items() if isinstance(x, str)}
        return rows

    def wrong(self, name: str, requirement: str, bad: Array) -> DataError:
        """Return the error about a column's first bad value."""
        place = int(np.argmax(bad))
        value = self._column(name)[place].as_py()
        problem = f"column {name!r} must hold {requirement}, got {value!r}"
        return data_error(self.path, f"{problem} in row {self.rows[place]}")

    # --- details ------------------------------------------------------------------------------
    def _column(self, name: str) -> Any:
        return self.data.column(name)

    def _plain(self, name: str, column: Any) -> Array:
        import pyarrow as pa

        column = _decoded(column)
        kind = column.type
        if self.textual and _is_text(kind):
            column = self._parsed(name, column)
        elif pa.types.is_decimal(kind):
            column = column.cast(pa.float64())
        elif not (
            pa.types.is_integer(kind)
            or pa.types.is_floating(kind)
            or pa.types.is_boolean(kind)
            or pa.types.is_null(kind)
        ):
            raise self.wrong(name, f"numbers and not {kind}", np.ones(len(column), bool))
        values = column.to_numpy(zero_copy_only=False)
        return np.asarray(values).astype(np.float64, copy=False)

    def _parsed(self, name: str, column: Any) -> Any:
        import pyarrow as pa

        try:
            return column.cast(pa.float64())
        except pa.ArrowInvalid:
            bad = np.array([not _is_number(text) for text in column.to_pylist()])
            raise self.wrong(name, "numbers", bad) from None

    def _list(self, name: str, column: Any) -> Array:
        import pyarrow.compute as pc

        lengths = np.asarray(pc.list_value_length(column))
        width = int(lengths[0]) if len(lengths) else 0
        bad = lengths != width
        if bad.any():
            requirement = f"lists of equal length (the first has {width} values)"
            raise self.wrong(name, requirement, bad)
        return self._plain(name, column.flatten()).reshape(len(column), width)


def spelled(value: Any) -> str:
    """Return a label as a user would write it: 1.0 as 1, True as true."""
    if isinstance(value, bool):
        return str(value).lower()
    try:
        number = float(value)
    except (TypeError, ValueError):
        return str(value)
    return str(int(number)) if number.is_integer() else str(number)


def typed(text: str) -> Any:
    """Return the number that a text stands for, if it is written as numbers are; else the text."""
    for kind in (int, float):
        try:
            value = kind(text)
        except ValueError:
            continue
        if str(value) == text:
            return value
    return text


def _canonical(value: Any) -> Any:
    """Return one object for every NaN, since they are not equal as keys."""
    return np.nan if isinstance(value, float) and value != value else value


def _decoded(column: Any) -> Any:
    import pyarrow as pa

    return column.dictionary_decode() if pa.types.is_dictionary(column.type) else column


def _is_text(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _is_list(kind: Any) -> bool:
    import pyarrow as pa

    return bool(
        pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    )
