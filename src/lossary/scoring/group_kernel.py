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

#: Where a group's figures stand.
_SUM, _ERROR, _MINIMUM, _MAXIMUM, _COUNT, _TERMS, _TERMS_ERROR, _UNUSED = range(8)
_WORDS = 8
_POINTER = ctypes.c_void_p
_PROTOTYPE = ctypes.CFUNCTYPE(None, *[_POINTER] * 5, ctypes.c_int64)


def _sum_with_error(value: str, total: int, error: int, name: str) -> str:
    """Return the code that adds a value to a sum, and the rounding error to another (Knuth)."""
    return f"""
  %{name}.at = getelementptr double, ptr %group, i64 {total}
  %{name} = load double, ptr %{name}.at
  %{name}.new = fadd double %{name}, {value}
  store double %{name}.new, ptr %{name}.at
  %{name}.added = fsub double %{name}.new, %{name}
  %{name}.before = fsub double %{name}.new, %{name}.added
  %{name}.lost = fsub double %{name}, %{name}.before
  %{name}.rest = fsub double {value}, %{name}.added
  %{name}.both = fadd double %{name}.lost, %{name}.rest
  %{name}.error.at = getelementptr double, ptr %group, i64 {error}
  %{name}.error = load double, ptr %{name}.error.at
  %{name}.error.new = fadd double %{name}.error, %{name}.both
  store double %{name}.error.new, ptr %{name}.error.at"""


_TEXT = f"""
define void @grouped(ptr %codes, ptr %losses, ptr %weighted, ptr %terms, ptr %table, i64 %rows) {{
start:
  %none = icmp sle i64 %rows, 0
  br i1 %none, label %end, label %loop
loop:
  %row = phi i64 [ 0, %start ], [ %next, %weigh ], [ %next, %unweighted ]
  %next = add i64 %row, 1
  %more = icmp slt i64 %next, %rows
  %code.at = getelementptr i64, ptr %codes, i64 %row
  %code = load i64, ptr %code.at
  %first = mul i64 %code, {_WORDS}
  %group = getelementptr double, ptr %table, i64 %first
  %loss.at = getelementptr double, ptr %losses, i64 %row
  %loss = load double, ptr %loss.at
  %minimum.at = getelementptr double, ptr %group, i64 {_MINIMUM}
  %minimum = load double, ptr %minimum.at
  %below = fcmp olt double %loss, %minimum
  %minimum.new = select i1 %below, double %loss, double %minimum
  store double %minimum.new, ptr %minimum.at
  %maximum.at = getelementptr double, ptr %group, i64 {_MAXIMUM}
  %maximum = load double, ptr %maximum.at
  %above = fcmp ogt double %loss, %maximum
  %maximum.new = select i1 %above, double %loss, double %maximum
  store double %maximum.new, ptr %maximum.at
  %count.at = getelementptr i64, ptr %group, i64 {_COUNT}
  %count = load i64, ptr %count.at
  %count.new = add i64 %count, 1
  store i64 %count.new, ptr %count.at
  %has.weights = icmp ne ptr %terms, null
  br i1 %has.weights, label %weigh, label %unweighted
unweighted:
{_sum_with_error("%loss", _SUM, _ERROR, "plain")}
  br i1 %more, label %loop, label %end
weigh:
  %weighted.at = getelementptr double, ptr %weighted, i64 %row
  %weighted.loss = load double, ptr %weighted.at
{_sum_with_error("%weighted.loss", _SUM, _ERROR, "sum")}
  %term.at = getelementptr double, ptr %terms, i64 %row
  %term = load double, ptr %term.at
{_sum_with_error("%term", _TERMS, _TERMS_ERROR, "terms.sum")}
  br i1 %more, label %loop, label %end
end:
  ret void
}}
"""


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
            The losses, all of them finite.
        weighted : array
            Their products with weights; not used without ``terms``.
        terms : array, optional
            The terms of the denominator; 1 by default, where rows have no weights.
        """
        function = _function()
        if function is None or (len(self) and self._has_terms != (terms is not None)):
            return False
        self._grow(groups)
        self._has_terms = terms is not None
        codes = np.ascontiguousarray(codes, np.int64)
        losses, weighted = (np.ascontiguousarray(x, np.float64) for x in (losses, weighted))
        terms = None if terms is None else np.ascontiguousarray(terms, np.float64)
        addresses = [None if x is None else x.ctypes.data for x in (codes, losses, weighted, terms)]
        function(*addresses, self._table.ctypes.data, len(codes))
        return True

    def columns(self, groups: int) -> dict[str, Array]:
        """Return the figures of the first groups, as columns of :class:`Totals`."""
        columns = np.ascontiguousarray(self._table[:groups].T)
        counts = columns.view(np.int64)[_COUNT]
        return {
            "count": counts,
            "nonfinite": np.zeros_like(counts),
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


@lru_cache(maxsize=1)
def _function() -> Any:
    """Return the machine code as a function; None if it cannot be made."""
    try:
        return compiler.load(_TEXT, "grouped", lambda: _TEXT).function(_PROTOTYPE)
    except ImportError:
        return None
