"""Integers looked up in a table in one pass, as machine code."""

from __future__ import annotations

import ctypes
from functools import lru_cache
from typing import Any

import numpy as np

from lossary.arrays import Array
from lossary.kernels import compile as compiler
from lossary.kernels.code import Code
from lossary.kernels.lanes import Lanes

_POINTER = ctypes.c_void_p
_PROTOTYPE = ctypes.CFUNCTYPE(
    ctypes.c_int64, _POINTER, ctypes.c_int64, _POINTER, _POINTER, ctypes.c_int64, ctypes.c_int64
)


def write_lookup(code: Code, values: Lanes, rows: Lanes) -> Lanes:
    """Write the loop that looks values up; return a negative number if one is unknown.

    The code's parameters are the table, the number of its places but the last (``size``), the
    value that it begins with (``least``), and where codes go. What lies outside finds the -1 in the
    last place, as a difference below 0 is a large number without a sign.
    """
    given = code.given

    def row(number: Lanes, signs: list[Lanes]) -> list[Lanes]:
        value = code.load(code.at(values, number, "i64"), "i64", 1)
        place = (value - given["least"]).call("umin", given["size"])
        found = code.load(code.at(given["table"], place, "i64"), "i64", 1)
        code.store(found, code.at(given["codes"], number, "i64"))
        return [signs[0] | found]

    (signs,) = code.loop(rows, 1, [code.constant(0, "i64", 1)], row)
    return signs


def _text() -> str:
    parameters = {"values": "ptr", "rows": "i64", "table": "ptr", "codes": "ptr"}
    code = Code("lookup", {**parameters, "least": "i64", "size": "i64"})
    code.result = write_lookup(code, code.given["values"], code.given["rows"])
    return code.text()


def looked_up(values: Array, table: Array, least: int) -> Array | None:
    """Return ``table[values - least]``; None where a value has no place there, or a negative code.

    Parameters
    ----------
    values : array of int
        The values.
    table : array of int64
        The codes, by the value; -1 for a value that has none, and in the last place.
    least : int
        The value that the table begins with.
    """
    if len(table) <= 1:
        return None
    function = _function()
    if function is None:
        return _by_numpy(values, table, least)
    values = np.ascontiguousarray(values, np.int64)
    codes = np.empty(len(values), dtype=np.int64)
    addresses = [array.ctypes.data for array in (values, table, codes)]
    signs = function(addresses[0], len(values), *addresses[1:], least, len(table) - 1)
    return None if signs < 0 else codes


def _by_numpy(values: Array, table: Array, least: int) -> Array | None:
    if not len(values):
        return np.empty(0, dtype=np.int64)
    if int(values.min()) < least or int(values.max()) >= least + len(table) - 1:
        return None
    codes: Array = table[values.astype(np.int64, copy=False) - least]
    return None if codes.min() < 0 else codes


@lru_cache(maxsize=1)
def _function() -> Any:
    """Return the machine code as a function; None if it cannot be made."""
    text = _text()
    try:
        return compiler.load(text, "lookup", lambda: text).function(_PROTOTYPE)
    except ImportError:
        return None
