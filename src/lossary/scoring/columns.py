"""Columns of a record batch as the arrays that a loss takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lossary.scoring.faults import DataError, data_error

Array = np.ndarray[Any, np.dtype[Any]]

# "nan" is not among them: it is a number, and a loss of it is one too.
_NULLS = ["", "NA", "N/A", "#N/A", "null", "NULL", "None"]
_YES, _NO = ["true", "1", "1.0"], ["false", "0", "0.0"]


class Batch:
    """Rows of a file.

    Parameters
    ----------
    values : pyarrow.RecordBatch
        The columns that are copied, grouped, compared or shown.
    path : str
        Their file.
    rows : array of int
        Their numbers in the file, counted from 1.
    textual : bool
        Whether the columns to compute with are text.
    numbers : pyarrow.RecordBatch, optional
        The columns to compute with, where they are not among ``values``.
    """

    def __init__(
        self, values: Any, path: str, rows: Array, textual: bool = False, numbers: Any = None
    ) -> None:
        self.values = values
        self.path = path
        self.rows = rows
        self.textual = textual
        self._numbers = values if numbers is None else numbers
        self._converted: dict[str, Any] = {}

    def __len__(self) -> int:
        return len(self.rows)

    def chosen(self, keep: Array) -> Batch:
        """Return the rows where ``keep`` is true."""
        import pyarrow as pa

        if keep.all():
            return self
        mask = pa.array(keep)
        values = self.values.filter(mask)
        numbers = None if self._numbers is self.values else self._numbers.filter(mask)
        batch = Batch(values, self.path, self.rows[keep], self.textual, numbers)
        batch._converted = {name: item.filter(mask) for name, item in self._converted.items()}
        return batch

    def absent(self, name: str, kind: str) -> Array | None:
        """Return which rows lack a value in a column of a kind; None if none does."""
        import pyarrow.compute as pc

        column = self._number(name) if kind == "numbers" else self._value(name)
        if kind == "flags" and self.textual:
            column = _without_nulls(column)
        absent = np.asarray(pc.is_null(column)) if column.null_count else None
        if _is_list(column.type) and (inside := column.flatten()).null_count:
            parents = np.asarray(pc.list_parent_indices(column))
            absent = np.zeros(len(self), dtype=bool) if absent is None else absent.copy()
            absent[parents[np.asarray(pc.is_null(inside))]] = True
        return absent

    # --- as arrays; the rows that take part have no nulls -------------------------------------
    def numbers(self, names: Sequence[str]) -> Array:
        """Return columns as float64: (rows,) for one, (rows, columns) for several or a list."""
        if len(names) == 1:
            column = self._number(names[0])
            if _is_list(column.type):
                return self._list(names[0], column)
            return self._plain(names[0], column)
        # Filled column by column: one copy, whatever the columns' own types.
        matrix = np.empty((len(self), len(names)))
        for place, name in enumerate(names):
            matrix[:, place] = self._plain(name, self._number(name))
        return matrix

    def flags(self, name: str) -> Array:
        """Return a column as booleans; False where there is no value."""
        import pyarrow as pa
        import pyarrow.compute as pc

        column = _decoded(self._value(name))
        if pa.types.is_null(column.type):
            return np.zeros(len(self), dtype=bool)
        if pa.types.is_boolean(column.type):
            return np.asarray(column.fill_null(False))
        if _is_text(column.type):
            column = _without_nulls(column) if self.textual else column
            text = pc.utf8_lower(column)
            yes, no = (np.asarray(pc.is_in(text, pa.array(words))) for words in (_YES, _NO))
            known = yes | no | np.asarray(pc.is_null(text))
        elif _is_number_type(column.type):
            values = self._plain(name, column)  # NaN where there is no value
            values = np.where(np.asarray(pc.is_null(column)), 0, values)
            yes = values == 1
            known = yes | (values == 0)
        else:
            yes = known = np.zeros(len(self), dtype=bool)
        if not known.all():
            raise self.wrong(name, "true or false", ~known, column)
        return np.asarray(yes)

    def labels(self, name: str) -> Array:
        """Return a column of class labels as int64."""
        values = self._plain(name, self._number(name))
        bad = values != np.rint(values)
        bad |= ~np.isfinite(values)
        if bad.any():
            raise self.wrong(name, "class labels, integers from 0", bad)
        return values.astype(np.int64)

    def coded(self, name: str) -> tuple[Array, list[Any]]:
        """Return a column as codes and the values they stand for; None where there is none."""
        column = self.grouping(name).dictionary_encode()
        values = [_canonical(value) for value in column.dictionary.to_pylist()]
        indices = column.indices
        if indices.null_count:
            indices = indices.fill_null(len(values))
            values.append(None)
        return np.asarray(indices).astype(np.int64, copy=False), values

    def grouping(self, name: str) -> Any:
        """Return a column of values that can be told apart, as an Arrow array."""
        import pyarrow as pa

        column = _decoded(self._value(name))
        try:
            column[:0].dictionary_encode()
        except pa.ArrowNotImplementedError:
            bad = np.ones(len(self), dtype=bool)
            raise self.wrong(name, "numbers or text", bad, column) from None
        return column

    def is_list(self, name: str) -> bool:
        """Tell whether a column to compute with holds lists."""
        return _is_list(self._number(name).type)

    def is_boolean(self, name: str) -> bool:
        """Return whether a column to compute with holds true and false."""
        import pyarrow as pa

        return bool(pa.types.is_boolean(self._numbers.column(name).type))

    def records(self, places: Array, names: Sequence[str]) -> list[dict[str, Any]]:
        """Return some rows as plain data."""
        import pyarrow as pa

        # Selected by their indices: each look for a name goes over all names.
        fields = [self.values.schema.get_field_index(name) for name in names]
        rows: list[dict[str, Any]] = self.values.select(fields).take(pa.array(places)).to_pylist()
        return rows

    def wrong(self, name: str, requirement: str, bad: Array, column: Any = None) -> DataError:
        """Return the error about a column's first bad value; of a number without ``column``."""
        place = int(np.argmax(bad))
        value = (self._number(name) if column is None else column)[place].as_py()
        problem = f"column {name!r} must hold {requirement}, got {value!r}"
        error = data_error(self.path, f"{problem} in row {self.rows[place]}")
        error.column, error.value = name, value
        return error

    # --- details ------------------------------------------------------------------------------
    def _value(self, name: str) -> Any:
        return self.values.column(name)

    def _number(self, name: str) -> Any:
        """Return a column to compute with; text is converted once."""
        column = self._numbers.column(name)
        if not (self.textual and _is_text(column.type)):
            return column
        if name not in self._converted:
            self._converted[name] = self._parsed(name, column)
        return self._converted[name]

    def _plain(self, name: str, column: Any) -> Array:
        import pyarrow as pa

        column = _decoded(column)
        if pa.types.is_decimal(column.type):
            column = column.cast(pa.float64())
        elif not _is_number_type(column.type):
            requirement = f"numbers and not {column.type}"
            raise self.wrong(name, requirement, np.ones(len(column), bool), column)
        values = column.to_numpy(zero_copy_only=False)
        return np.asarray(values).astype(np.float64, copy=False)

    def _parsed(self, name: str, text: Any) -> Any:
        """Return the numbers that text stands for."""
        import pyarrow as pa
        import pyarrow.compute as pc

        try:
            return text.cast(pa.float64())
        except pa.ArrowInvalid:
            text = _without_nulls(pc.utf8_trim_whitespace(text))
        try:
            return text.cast(pa.float64())
        except pa.ArrowInvalid:
            bad = np.array([not _is_number(item) for item in text.to_pylist()])
            raise self.wrong(name, "numbers", bad, text) from None

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
    """Return a label as a user would write it: 1.0 as 1, True as true, text as it is."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def means(value: Any, text: str) -> bool:
    """Tell whether a user's text means a label: text is compared as it is, numbers as numbers."""
    if isinstance(value, str):
        return value == text
    if isinstance(value, bool):
        return spelled(value) == text.lower()
    try:
        return bool(value == float(text))
    except (TypeError, ValueError):
        return str(value) == text


def _canonical(value: Any) -> Any:
    """Return one object for every NaN, since they are not equal as keys."""
    return np.nan if isinstance(value, float) and value != value else value


def _decoded(column: Any) -> Any:
    import pyarrow as pa

    return column.dictionary_decode() if pa.types.is_dictionary(column.type) else column


def _without_nulls(text: Any) -> Any:
    """Return text without the words that stand for the lack of a number or of a flag."""
    import pyarrow as pa
    import pyarrow.compute as pc

    return pc.if_else(pc.is_in(text, pa.array(_NULLS)), pa.scalar(None, text.type), text)


def _is_text(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _is_number_type(kind: Any) -> bool:
    import pyarrow as pa

    types = pa.types
    return bool(
        types.is_integer(kind)
        or types.is_floating(kind)
        or types.is_boolean(kind)
        or types.is_decimal(kind)
        or types.is_null(kind)
    )


def _is_number(text: str | None) -> bool:
    """Tell whether Arrow takes a text for a number, or for none."""
    import pyarrow as pa

    try:
        pa.scalar(text, pa.string()).cast(pa.float64())
    except pa.ArrowInvalid:
        return False
    return True


def _is_list(kind: Any) -> bool:
    import pyarrow as pa

    return bool(
        pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    )
