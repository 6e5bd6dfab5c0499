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
_SUM, _MINIMUM, _MAXIMUM, _COUNT, _TERMS, _WORDS = range(6)
_POINTER = ctypes.c_void_p
_PROTOTYPE = ctypes.CFUNCTYPE(None, *[_POINTER] * 5, ctypes.c_int64)

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
  %sum.at = getelementptr double, ptr %group, i64 {_SUM}
  %sum = load double, ptr %sum.at
  %has.weights = icmp ne ptr %terms, null
  br i1 %has.weights, label %weigh, label %unweighted
unweighted:
  %sum.plain = fadd double %sum, %loss
  store double %sum.plain, ptr %sum.at
  br i1 %more, label %loop, label %end
weigh:
  %weighted.at = getelementptr double, ptr %weighted, i64 %row
  %weighted.loss = load double, ptr %weighted.at
  %sum.new = fadd double %sum, %weighted.loss
  store double %sum.new, ptr %sum.at
  %term.at = getelementptr double, ptr %terms, i64 %row
  %term = load double, ptr %term.at
  %terms.at = getelementptr double, ptr %group, i64 {_TERMS}
  %terms.sum = load double, ptr %terms.at
  %terms.new = fadd double %terms.sum, %term
  store double %terms.new, ptr %terms.at
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
        Smallest and largest loss.
    counts : array of int
        The number of losses.
    """

    sum: Array
    terms: Array
    minimum: Array
    maximum: Array
    counts: Array


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
    losses : array
        The losses, all of them finite.
    weighted : array
        Their products with weights; not used without ``terms``.
    terms : array, optional
        The terms of the denominator; 1 by default, where rows have no weights.
    """
    function = _function()
    if function is None:
        return None
    codes = np.ascontiguousarray(codes, np.int64)
    losses, weighted = (np.ascontiguousarray(x, np.float64) for x in (losses, weighted))
    terms = None if terms is None else np.ascontiguousarray(terms, np.float64)
    table = np.zeros((groups, _WORDS))
    table[:, _MINIMUM], table[:, _MAXIMUM] = np.inf, -np.inf
    addresses = [None if x is None else x.ctypes.data for x in (codes, losses, weighted, terms)]
    function(*addresses, table.ctypes.data, len(codes))
    count = table.view(np.int64)[:, _COUNT]
    return GroupSums(
        sum=table[:, _SUM].copy(),
        terms=count.astype(float) if terms is None else table[:, _TERMS].copy(),
        minimum=table[:, _MINIMUM].copy(),
        maximum=table[:, _MAXIMUM].copy(),
        counts=count.copy(),
    )


@lru_cache(maxsize=1)
def _function() -> Any:
    """Return the machine code as a function; None if it cannot be made."""
    try:
        return compiler.load(_TEXT, "grouped", lambda: _TEXT).function(_PROTOTYPE)
    except ImportError:
        return None
