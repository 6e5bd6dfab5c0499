"""Integers looked up in a table in one pass, as machine code."""

from __future__ import annotations

import ctypes
from functools import lru_cache
from typing import Any

import numpy as np

from lossary.arrays import Array
from lossary.kernels import compile as compiler

_POINTER = ctypes.c_void_p
_PROTOTYPE = ctypes.CFUNCTYPE(
    ctypes.c_int64, _POINTER, ctypes.c_int64, _POINTER, _POINTER, ctypes.c_int64, ctypes.c_int64
)

# What lies outside the table is looked up at 0, and counts as unknown.
_TEXT = """
define i64 @lookup(ptr %values, i64 %rows, ptr %table, ptr %codes, i64 %least, i64 %size) {
start:
  %none = icmp sle i64 %rows, 0
  br i1 %none, label %end, label %loop
loop:
  %row = phi i64 [ 0, %start ], [ %next, %loop ]
  %signs = phi i64 [ 0, %start ], [ %signs.new, %loop ]
  %value.at = getelementptr i64, ptr %values, i64 %row
  %value = load i64, ptr %value.at
  %place = sub i64 %value, %least
  %inside = icmp ult i64 %place, %size
  %safe = select i1 %inside, i64 %place, i64 0
  %found.at = getelementptr i64, ptr %table, i64 %safe
  %found = load i64, ptr %found.at
  %code = select i1 %inside, i64 %found, i64 -1
  %code.at = getelementptr i64, ptr %codes, i64 %row
  store i64 %code, ptr %code.at
  %signs.new = or i64 %signs, %code
  %next = add i64 %row, 1
  %more = icmp slt i64 %next, %rows
  br i1 %more, label %loop, label %end
end:
  %all = phi i64 [ 0, %start ], [ %signs.new, %loop ]
  ret i64 %all
}
"""


def looked_up(values: Array, table: Array, least: int) -> Array | None:
    """Return ``table[values - least]``; None where a value has no place there, or a negative code.

    Parameters
    ----------
    values : array of int
        The values.
    table : array of int64
        The codes, by the value; -1 for a value that has none.
    least : int
        The value that the table begins with.
    """
    if not len(table):
        return None
    function = _function()
    if function is None:
        return _by_numpy(values, table, least)
    values = np.ascontiguousarray(values, np.int64)
    codes = np.empty(len(values), dtype=np.int64)
    addresses = [array.ctypes.data for array in (values, table, codes)]
    signs = function(addresses[0], len(values), *addresses[1:], least, len(table))
    return None if signs < 0 else codes


def _by_numpy(values: Array, table: Array, least: int) -> Array | None:
    if not len(values):
        return np.empty(0, dtype=np.int64)
    if int(values.min()) < least or int(values.max()) >= least + len(table):
        return None
    codes: Array = table[values.astype(np.int64, copy=False) - least]
    return None if codes.min() < 0 else codes


@lru_cache(maxsize=1)
def _function() -> Any:
    """Return the machine code as a function; None if it cannot be made."""
    try:
        return compiler.load(_TEXT, "lookup", lambda: _TEXT).function(_PROTOTYPE)
    except ImportError:
        return None
