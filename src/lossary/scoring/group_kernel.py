"""Sums by group in one pass over the rows, as machine code: NumPy needs a pass for each figure.

The figures of a group fill a cache line. Sums carry the rounding errors of their additions, as if
they had twice the digits, and do not depend on how many rows are added at a time.
"""

from __future__ import annotations

import ctypes
from functools import lru_cache
from typing import Any

import numpy as np

from lossary.arrays import Array
from lossary.kernels import compile as compiler
from lossary.kernels.classes import two_sum
from lossary.kernels.code import Code
from lossary.kernels.lanes import Lanes

#: Where a group's figures stand.
_SUM, _ERROR, _MINIMUM, _MAXIMUM, _COUNT, _TERMS, _TERMS_ERROR, _NONFINITE = range(8)
_WORDS = 8
_POINTER = ctypes.c_void_p
_PROTOTYPE = ctypes.CFUNCTYPE(ctypes.c_double, *[_POINTER] * 5, ctypes.c_int64)


def _text(is_weighted: bool) -> str:
    """Return the code of the loop over rows; without weights, losses count once.

    It returns 0 if all losses are finite, else NaN.
    """
    pointers = ("codes", "losses", "weighted", "terms", "table")
    code = Code("grouped", {**dict.fromkeys(pointers, "ptr"), "rows": "i64"})
    given = code.given

    def add(group: Lanes, value: Lanes, total: int, error: int) -> None:
        places = [code.at(group, place, "f64") for place in (total, error)]
        before = [code.load(place, "f64", 1) for place in places]
        for place, after in zip(places, two_sum(before[0], before[1], value), strict=True):
            code.store(after, place)

    def row(number: Lanes, zeros: list[Lanes]) -> list[Lanes]:
        def read(name: str, type_: str) -> Lanes:
            return code.load(code.at(given[name], number, type_), type_, 1)

        group = code.at(given["table"], read("codes", "i64") * _WORDS, "f64")
        loss = read("losses", "f64")
        minimum, maximum = (code.at(group, place, "f64") for place in (_MINIMUM, _MAXIMUM))
        least, largest = (code.load(place, "f64", 1) for place in (minimum, maximum))
        code.store((loss < least).select(loss, least), minimum)
        code.store((loss > largest).select(loss, largest), maximum)
        count = code.at(group, _COUNT, "i64")
        code.store(code.load(count, "i64", 1) + 1, count)
        add(group, read("weighted", "f64") if is_weighted else loss, _SUM, _ERROR)
        if is_weighted:
            add(group, read("terms", "f64"), _TERMS, _TERMS_ERROR)
        return [zeros[0] + (loss - loss)]

    (code.result,) = code.loop(given["rows"], 1, [code.constant(0.0, "f64", 1)], row)
    return code.text()


class GroupTable:
    """The figures of groups, to which rows are added by machine code."""

    def __init__(self) -> None:
        self._table = np.empty((0, _WORDS))
        self._has_terms = False

    def __len__(self) -> int:
        return len(self._table)

    def add(
        self, codes: Array, groups: int, losses: Array, weighted: Array, terms: Array | None
    ) -> bool:
        """Add rows; return False, and do nothing, without a compiler or for rows of another kind.

        Parameters
        ----------
        codes : array of int64
            The group of each row, a number below ``groups``.
        groups : int
            The number of groups, which may grow.
        losses : array
            The losses.
        weighted : array
            Their products with weights; not used without ``terms``.
        terms : array, optional
            The terms of the denominator; 1 by default, where rows have no weights.
        """
        function = _function(terms is not None)
        if function is None or (len(self) and self._has_terms != (terms is not None)):
            return False
        self._grow(groups)
        self._has_terms = terms is not None
        codes = np.ascontiguousarray(codes, np.int64)
        losses, weighted = (np.ascontiguousarray(x, np.float64) for x in (losses, weighted))
        terms = None if terms is None else np.ascontiguousarray(terms, np.float64)
        addresses = [None if x is None else x.ctypes.data for x in (codes, losses, weighted, terms)]
        if function(*addresses, self._table.ctypes.data, len(codes)) != 0.0:
            self._add_nonfinite(codes, losses)
        return True

    def _add_nonfinite(self, codes: Array, losses: Array) -> None:
        """Count the losses that are not finite; NaN becomes the smallest and the largest."""
        nonfinite = ~np.isfinite(losses)
        counts = self._table.view(np.int64)[:, _NONFINITE]
        counts += np.bincount(codes[nonfinite], minlength=len(self))
        self._table[codes[np.isnan(losses)], _MINIMUM : _MAXIMUM + 1] = np.nan

    def columns(self, groups: int) -> dict[str, Array]:
        """Return the figures of the first groups, as columns of :class:`Totals`."""
        columns = np.ascontiguousarray(self._table[:groups].T)
        integers = columns.view(np.int64)
        counts = integers[_COUNT]
        return {
            "count": counts,
            "nonfinite": integers[_NONFINITE],
            "weight": columns[_TERMS] if self._has_terms else counts.astype(float),
            "weight_error": _finite(columns[_TERMS_ERROR], columns[_TERMS]),
            "sum": columns[_SUM],
            "sum_error": _finite(columns[_ERROR], columns[_SUM]),
            "minimum": columns[_MINIMUM],
            "maximum": columns[_MAXIMUM],
        }

    def _grow(self, groups: int) -> None:
        known = len(self._table)
        if groups <= known:
            return
        if known:  # by half at least, so that growing by a few is rare
            groups = max(groups, known + known // 2)
        table = np.zeros((groups, _WORDS))
        table[:known] = self._table
        table[known:, _MINIMUM], table[known:, _MAXIMUM] = np.inf, -np.inf
        self._table = table


def _finite(errors: Array, sums: Array) -> Array:
    """Return rounding errors; 0 for a sum that is infinite, whose error is none."""
    return np.where(np.isfinite(sums), errors, 0.0)


@lru_cache(maxsize=2)
def _function(is_weighted: bool) -> Any:
    """Return the machine code as a function; None if it cannot be made."""
    text = _text(is_weighted)
    try:
        return compiler.load(text, "grouped", lambda: text).function(_PROTOTYPE)
    except ImportError:
        return None
