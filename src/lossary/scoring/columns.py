"""Columns of a record batch as the arrays that a loss takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lossary.arrays import Array
from lossary.scoring.arrow_types import (
    dictionary_decoded,
    is_comparable,
    is_list,
    is_numeric,
    is_text,
)
from lossary.scoring.errors import DataError, data_error

# Text that stands for a missing number or flag. "nan" is not one: it is a number, and so is its
# loss.
_NULLS = ["", "NA", "N/A", "#N/A", "null", "NULL", "None"]
_TRUE, _FALSE = ["true", "1", "1.0"], ["false", "0", "0.0"]


class Batch:
    """Rows of a file.

    Parameters
    ----------
    values : pyarrow.RecordBatch
        The columns that are copied, grouped, compared or shown.
    path : str
        The file.
    rows : range or array of int
        The numbers of the rows in the file, counted from 1.
    textual : bool
        Whether the columns to compute with are text.
    numbers : pyarrow.RecordBatch, optional
        The columns to compute with, where they are not among ``values``.
    """

    def __init__(
        self,
        values: Any,
        path: str,
        rows: range | Array,
        textual: bool = False,
        numbers: Any = None,
    ) -> None:
        self.values = values
        self.path = path
        self.rows = rows
        self.textual = textual
        self._numbers = values if numbers is None else numbers
        self._parsed: dict[str, Any] = {}

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def typed(self) -> Any:
        """The rows as a record batch; None where numbers are text, or apart from other values."""
        return None if self.textual or self._numbers is not self.values else self.values

    def filter(self, mask: Array | None) -> Batch:
        """Return the rows where the mask is true; None for all."""
        if mask is None or mask.all():
            return self
        arrow_mask = pa.array(mask)
        values = self.values.filter(arrow_mask)
        numbers = None if self._numbers is self.values else self._numbers.filter(arrow_mask)
        rows = self.row_numbers(np.flatnonzero(mask))
        batch = Batch(values, self.path, rows, self.textual, numbers)
        batch._parsed = {name: item.filter(arrow_mask) for name, item in self._parsed.items()}
        return batch

    def row_numbers(self, indices: Array) -> Array:
        """Return the numbers in the file of the rows at these indices."""
        rows = self.rows
        return indices + rows.start if isinstance(rows, range) else rows[indices]

    def slice(self, start: int, stop: int) -> Batch:
        """Return the rows from one index to before another, without a copy."""
        size = stop - start
        values = self.values.slice(start, size)
        numbers = None if self._numbers is self.values else self._numbers.slice(start, size)
        return Batch(values, self.path, self.rows[start:stop], self.textual, numbers)

    def missing(self, name: str, kind: str) -> Array | None:
        """Return which rows lack a value in a column of this kind of use; None if none does."""
        column = self._number_column(name) if kind == "numbers" else self.values.column(name)
        if kind == "flags" and self.textual:
            column = _with_nulls(column)
        missing = np.asarray(pc.is_null(column)) if column.null_count else None
        if is_list(column.type) and (inside := column.flatten()).null_count:
            parents = np.asarray(pc.list_parent_indices(column))
            missing = np.zeros(len(self), dtype=bool) if missing is None else missing.copy()
            missing[parents[np.asarray(pc.is_null(inside))]] = True
        return missing

    # --- arrays of rows that have no missing values -------------------------------------------
    def numbers(self, names: Sequence[str]) -> Array:
        """Return columns as float64: (rows,) for one, (rows, columns) for several or a list."""
        if len(names) == 1:
            column = self._number_column(names[0])
            if is_list(column.type):
                return self._list_matrix(names[0], column)
            return self._as_float64(names[0], column)
        # Filled column by column, so that values are copied once, whatever the types are.
        matrix = np.empty((len(self), len(names)))
        for index, name in enumerate(names):
            matrix[:, index] = self._as_float64(name, self._number_column(name))
        return matrix

    def flags(self, name: str) -> Array:
        """Return a column as booleans; False where a value is missing."""
        column = dictionary_decoded(self.values.column(name))
        if pa.types.is_null(column.type):
            return np.zeros(len(self), dtype=bool)
        if pa.types.is_boolean(column.type):
            return np.asarray(column.fill_null(False))
        if is_text(column.type):
            column = _with_nulls(column) if self.textual else column
            text = pc.utf8_lower(column)
            true, false = (np.asarray(pc.is_in(text, pa.array(words))) for words in (_TRUE, _FALSE))
            valid = true | false | np.asarray(pc.is_null(text))
        elif is_numeric(column.type):
            values = self._as_float64(name, column)  # NaN where a value is missing
            values = np.where(np.asarray(pc.is_null(column)), 0, values)
            true = values == 1
            valid = true | (values == 0)
        else:
            true = valid = np.zeros(len(self), dtype=bool)
        if not valid.all():
            raise self.error(name, "true or false", ~valid, column)
        return np.asarray(true)

    def labels(self, name: str) -> Array:
        """Return a column of class labels as int64."""
        values = self._as_float64(name, self._number_column(name))
        invalid = values != np.rint(values)
        invalid |= ~np.isfinite(values)
        if invalid.any():
            raise self.error(name, "class labels, integers from 0", invalid)
        return values.astype(np.int64)

    def dictionary_encoded(self, name: str) -> tuple[Array, list[Any]]:
        """Return a column as codes and the values of the codes; None is the missing value."""
        column = self.group_column(name).dictionary_encode()
        values = [_canonical(value) for value in column.dictionary.to_pylist()]
        indices = column.indices
        if indices.null_count:
            indices = indices.fill_null(len(values))
            values.append(None)
        return np.asarray(indices).astype(np.int64, copy=False), values

    def plain_numbers(self, name: str) -> Array | None:
        """Return a column of numbers as it is; None for any other, or where a value is missing."""
        column = self.values.column(name)
        types = pa.types
        is_plain = types.is_integer(column.type) or types.is_floating(column.type)
        return np.asarray(column) if is_plain and not column.null_count else None

    def group_column(self, name: str) -> Any:
        """Return a column whose values can be compared, as an Arrow array."""
        column = dictionary_decoded(self.values.column(name))
        if not is_comparable(column.type):
            every_row = np.ones(len(self), dtype=bool)
            raise self.error(name, "numbers or text", every_row, column)
        return column

    def by_column(self, name: str) -> Any:
        """Return a column that groups the rows; a dictionary stays one."""
        column = self.values.column(name)
        return column if pa.types.is_dictionary(column.type) else self.group_column(name)

    def is_list(self, name: str) -> bool:
        """Return whether a column to compute with holds lists."""
        return is_list(self._number_column(name).type)

    def is_boolean(self, name: str) -> bool:
        """Return whether a column to compute with holds true and false."""
        return bool(pa.types.is_boolean(self._numbers.column(name).type))

    def records(self, indices: Array, names: Sequence[str]) -> list[dict[str, Any]]:
        """Return the rows at these indices as Python values."""
        # Columns are selected by index: Arrow searches for a name among all names.
        fields = [self.values.schema.get_field_index(name) for name in names]
        rows: list[dict[str, Any]] = self.values.select(fields).take(pa.array(indices)).to_pylist()
        return rows

    def error(self, name: str, requirement: str, invalid: Array, column: Any = None) -> DataError:
        """Return the error about the first invalid value; by default of a column of numbers."""
        index = int(np.argmax(invalid))
        value = (self._number_column(name) if column is None else column)[index].as_py()
        problem = f"column {name!r} must hold {requirement}, got {value!r}"
        error = data_error(self.path, f"{problem} in row {self.rows[index]}")
        error.column, error.value = name, value
        return error

    # --- conversions --------------------------------------------------------------------------
    def _number_column(self, name: str) -> Any:
        """Return a column to compute with; text is parsed once."""
        column = self._numbers.column(name)
        if not (self.textual and is_text(column.type)):
            return column
        if name not in self._parsed:
            self._parsed[name] = self._parse(name, column)
        return self._parsed[name]

    def _as_float64(self, name: str, column: Any) -> Array:
        column = dictionary_decoded(column)
        if pa.types.is_decimal(column.type):
            column = column.cast(pa.float64())
        elif not is_numeric(column.type):
            requirement = f"numbers and not {column.type}"
            raise self.error(name, requirement, np.ones(len(column), bool), column)
        values = column.to_numpy(zero_copy_only=False)
        return np.asarray(values).astype(np.float64, copy=False)

    def _parse(self, name: str, text: Any) -> Any:
        """Return a column of text as numbers."""
        try:
            return text.cast(pa.float64())
        except pa.ArrowInvalid:
            text = _with_nulls(pc.utf8_trim_whitespace(text))
        try:
            return text.cast(pa.float64())
        except pa.ArrowInvalid:
            invalid = np.array([not _is_number(item) for item in text.to_pylist()])
            raise self.error(name, "numbers", invalid, text) from None

    def _list_matrix(self, name: str, column: Any) -> Array:
        """Return a column of lists of equal length as a matrix."""
        lengths = np.asarray(pc.list_value_length(column))
        width = int(lengths[0]) if len(lengths) else 0
        invalid = lengths != width
        if invalid.any():
            requirement = f"lists of equal length (the first has {width} values)"
            raise self.error(name, requirement, invalid)
        return self._as_float64(name, column.flatten()).reshape(len(column), width)


def _canonical(value: Any) -> Any:
    """Return one object for every NaN, because NaN values are not equal as keys."""
    return np.nan if isinstance(value, float) and value != value else value


def _with_nulls(text: Any) -> Any:
    """Return text with nulls in place of the words that stand for a missing value."""
    return pc.if_else(pc.is_in(text, pa.array(_NULLS)), pa.scalar(None, text.type), text)


def _is_number(text: str | None) -> bool:
    """Return whether Arrow can parse a text as a number; None is a missing number."""
    try:
        pa.scalar(text, pa.string()).cast(pa.float64())
    except pa.ArrowInvalid:
        return False
    return True
