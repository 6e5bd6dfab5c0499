"""Sums by group in one pass over the rows, as machine code: NumPy needs a pass for each figure.

A group's figures stand side by side, in one or two cache lines. What NumPy gives for the same rows
has the same bits: rows are added in their order.
"""

from __future__ import annotations

import ctypes
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from lossary.arrays import Array
from lossary.kernels import compile as compiler

#: Where a group's figures stand.
_SUM, _MINIMUM, _MAXIMUM, _COUNT, _NONFINITE, _TERMS, _WORDS = range(7)
_POINTER = ctypes.c_void_p
_PROTOTYPE = ctypes.CFUNCTYPE(None, *[_POINTER] * 5, ctypes.c_int64)

_TEXT = f"""
define void @grouped(ptr %codes, ptr %losses, ptr %weighted, ptr %terms, ptr %table, i64 %rows) {{
start:
  %none = icmp sle i64 %rows, 0
  br i1 %none, label %end, label %loop
loop:
  %row = phi i64 [ 0, %start ], [ %next, %loop ]
  %code.at = getelementptr i64, ptr %codes, i64 %row
  %code = load i64, ptr %code.at
  %first = mul i64 %code, {_WORDS}
  %group = getelementptr double, ptr %table, i64 %first
  %loss.at = getelementptr double, ptr %losses, i64 %row
  %loss = load double, ptr %loss.at
  %weighted.at = getelementptr double, ptr %weighted, i64 %row
  %weighted.loss = load double, ptr %weighted.at
  %term.at = getelementptr double, ptr %terms, i64 %row
  %term = load double, ptr %term.at

  %sum.at = getelementptr double, ptr %group, i64 {_SUM}
  %sum = load double, ptr %sum.at
  %sum.new = fadd double %sum, %weighted.loss
  store double %sum.new, ptr %sum.at

  %nan = fcmp uno double %loss, %loss
  %minimum.at = getelementptr double, ptr %group, i64 {_MINIMUM}
  %minimum = load double, ptr %minimum.at
  %below = fcmp olt double %loss, %minimum
  %to.minimum = or i1 %below, %nan
  %minimum.new = select i1 %to.minimum, double %loss, double %minimum
  store double %minimum.new, ptr %minimum.at
  %maximum.at = getelementptr double, ptr %group, i64 {_MAXIMUM}
  %maximum = load double, ptr %maximum.at
  %above = fcmp ogt double %loss, %maximum
  %to.maximum = or i1 %above, %nan
  %maximum.new = select i1 %to.maximum, double %loss, double %maximum
  store double %maximum.new, ptr %maximum.at

  %count.at = getelementptr i64, ptr %group, i64 {_COUNT}
  %count = load i64, ptr %count.at
  %count.new = add i64 %count, 1
  store i64 %count.new, ptr %count.at
  %itself = fsub double %loss, %loss
  %bad = fcmp une double %itself, 0.0
  %bad.one = zext i1 %bad to i64
  %bad.at = getelementptr i64, ptr %group, i64 {_NONFINITE}
  %bad.count = load i64, ptr %bad.at
  %bad.new = add i64 %bad.count, %bad.one
  store i64 %bad.new, ptr %bad.at
  %terms.at = getelementptr double, ptr %group, i64 {_TERMS}
  %terms.sum = load double, ptr %terms.at
  %terms.new = fadd double %terms.sum, %term
  store double %terms.new, ptr %terms.at

  %next = add i64 %row, 1
  %more = icmp slt i64 %next, %rows
  br i1 %more, label %loop, label %end
end:
  ret void
}}
"""


class GroupSums(NamedTuple):
    """Figures of every group.

    Attributes
    ----------
    sum, terms : array
        Sums of the weighted losses and of the terms of the denominator.
    minimum, maximum : array
        Smallest and largest loss; NaN where there is one.
    counts, nonfinite : array of int
        The number of losses, and of those that are not finite.
    """

    sum: Array
    terms: Array
    minimum: Array
    maximum: Array
    counts: Array
    nonfinite: Array


def group_sums(
    codes: Array, groups: int, losses: Array, weighted: Array, terms: Array | None
) -> GroupSums | None:
    """Return the figures of every group; None where there is no compiler.

    Parameters
    ----------
    codes : array of int64
        The group of each row, a number below ``groups``.
    groups : int
        The number of groups.
    losses, weighted : array
        The losses, and their products with weights.
    terms : array, optional
        The terms of the denominator; 1 by default.
    """
    function = _function()
    if function is None:
        return None
    given = [np.ascontiguousarray(x, np.float64) for x in (losses, weighted)]
    given.append(given[0] if terms is None else np.ascontiguousarray(terms, np.float64))
    codes = np.ascontiguousarray(codes, np.int64)
    table = np.zeros((groups, _WORDS))
    table[:, _MINIMUM], table[:, _MAXIMUM] = np.inf, -np.inf
    addresses = [array.ctypes.data for array in (codes, *given, table)]
    function(*addresses, len(codes))
    integers = table.view(np.int64)
    count = integers[:, _COUNT]
    return GroupSums(
        sum=table[:, _SUM].copy(),
        terms=count.astype(float) if terms is None else table[:, _TERMS].copy(),
        minimum=table[:, _MINIMUM].copy(),
        maximum=table[:, _MAXIMUM].copy(),
        counts=count.copy(),
        nonfinite=integers[:, _NONFINITE].copy(),
    )


@lru_cache(maxsize=1)
def _function() -> Any:
    """Return the machine code as a function; None if it cannot be made."""
    try:
        return compiler.load(_TEXT, "grouped", lambda: _TEXT).function(_PROTOTYPE)
    except ImportError:
        return None
