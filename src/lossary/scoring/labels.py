"""Labels of any kind as the numbers that losses take."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from lossary.arrays import Array
from lossary.scoring.columns import Batch
from lossary.scoring.errors import data_error

_MAX_LABELS = 10

# Rows that are looked at first, where labels are numbers: mostly they have both labels.
_FIRST_ROWS = 1 << 10


class TwoLabels:
    """A column of two labels, of which one is the positive one."""

    def __init__(self, name: str, positive: str) -> None:
        self._name = name
        self._positive = positive
        # By label, where it occurs first: the file and the row.
        self._found: dict[str, tuple[str, int]] = {}
        self._has_positive = False
        # The other label and the positive one, where they are numbers: to compare with is faster.
        self._numbers: list[Any] = []

    def positive(self, batch: Batch) -> Array:
        """Return which rows have the positive label."""
        numbers = batch.plain_numbers(self._name)
        if numbers is None:
            return self._learned(batch)
        if not self._numbers and len(batch) > _FIRST_ROWS:
            self._learned(batch.slice(0, _FIRST_ROWS))
        if self._numbers:
            if numbers.itemsize == 1 and self._numbers == [0, 1]:  # bytes that are bool already
                if numbers.view(np.uint8).max(initial=0) <= 1:
                    return numbers.view(bool)
            is_other, is_positive = (numbers == value for value in self._numbers)
            if np.count_nonzero(is_other) + np.count_nonzero(is_positive) == len(numbers):
                return np.asarray(is_positive)
        return self._learned(batch)

    def first_pair(self, batch: Batch, dtype: np.dtype[Any]) -> tuple[Any, Any] | None:
        """Return the other label and the positive one, as numbers of a type.

        They are those of the first rows of a batch, if they were not found before; None where
        these have not both.
        """
        if not self._numbers:
            self._learned(batch.slice(0, min(_FIRST_ROWS, len(batch))))
        if not self._numbers:
            return None
        other, positive = np.array(self._numbers).astype(dtype).tolist()
        return (other, positive) if [other, positive] == self._numbers else None

    def _learned(self, batch: Batch) -> Array:
        """Return which rows have the positive label, and remember the labels that occur."""
        codes, values = batch.dictionary_encoded(self._name)
        labels = [label_text(value) for value in values]
        is_positive = np.array([is_label(value, self._positive) for value in values], dtype=bool)
        occurs = np.bincount(codes, minlength=len(labels)) > 0
        added = [
            code for code in np.flatnonzero(occurs).tolist() if labels[code] not in self._found
        ]
        # In the order of the rows. There is an error at the third, whatever comes after it.
        first = [int(np.argmax(codes == code)) for code in added[:_MAX_LABELS]]
        for row, code in sorted(zip(first, added, strict=False)):
            self._add(labels[code], batch.path, int(batch.rows[row]))
        self._has_positive |= bool((is_positive & occurs).any())
        are_numbers = batch.plain_numbers(self._name) is not None
        if are_numbers and len(values) == 2 and is_positive.sum() == 1:
            self._numbers = [v for _, v in sorted(zip(is_positive.tolist(), values, strict=True))]
        return is_positive[codes]

    def merge(self, other: TwoLabels) -> None:
        """Add the labels of later rows."""
        for label, (path, row) in other._found.items():
            self._add(label, path, row)
        self._has_positive |= other._has_positive

    def check_found(self) -> None:
        """Raise if no row had the positive label."""
        if self._found and not self._has_positive:
            path, _ = [*self._found.values()][-1]
            problem = f"no row of column {self._name!r} has the label {self._positive!r}"
            remedy = f"Choose --positive among {listed(sorted(self._found))}."
            raise data_error(path, problem, remedy)

    def _add(self, label: str, path: str, row: int) -> None:
        """Add the label of a row; raise if it is the third."""
        self._found.setdefault(label, (path, row))
        if len(self._found) > 2:
            problem = (
                f"column {self._name!r} must hold two labels for --positive, got a third, "
                f"{label!r}, in row {row}"
            )
            raise data_error(path, problem, f"The labels are {listed(sorted(self._found))}.")


class Classes:
    """A column of class labels that are names; the names are in the order of the classes."""

    def __init__(self, name: str, classes: Sequence[str], ignore_index: int | None) -> None:
        self._name = name
        self._classes = classes
        self._ignore_index = ignore_index
        self._indices: dict[tuple[type, Any], int | None] = {}

    def indices(self, batch: Batch) -> Array:
        """Return the index of every row's class; ``ignore_index`` itself for that label."""
        codes, values = batch.dictionary_encoded(self._name)
        indices = [self._index(value) for value in values]
        if None in indices:
            unknown = np.array([index is None for index in indices])[codes]
            first = int(np.argmax(unknown))
            problem = (
                f"column {self._name!r} must hold one of the classes {listed(self._classes)}, "
                f"got {label_text(values[codes[first]])!r} in row {batch.rows[first]}"
            )
            raise data_error(batch.path, problem, "Name all of them with --classes.")
        return np.array(indices, dtype=np.int64)[codes]

    def _index(self, value: Any) -> int | None:
        key = type(value), value
        if key not in self._indices:
            ignored = self._ignore_index is not None and is_label(value, str(self._ignore_index))
            found = (i for i, name in enumerate(self._classes) if is_label(value, name))
            self._indices[key] = next(found, self._ignore_index if ignored else None)
        return self._indices[key]


def label_text(value: Any) -> str:
    """Return a label as a user would write it: 1.0 as 1, True as true, text unchanged."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def is_label(value: Any, text: str) -> bool:
    """Return whether a user's text names a label: numbers are compared by value."""
    if isinstance(value, str):
        return value == text
    if isinstance(value, bool):
        return label_text(value) == text.lower()
    try:
        return bool(value == float(text))
    except (TypeError, ValueError):
        return str(value) == text


def listed(labels: Collection[str]) -> str:
    """Return labels with commas between them, the first few if there are many."""
    shown = [repr(label) for label in [*labels][:_MAX_LABELS]]
    return ", ".join(shown) + (", ..." if len(labels) > _MAX_LABELS else "")
