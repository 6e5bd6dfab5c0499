"""bfloat16 in NumPy's terms: the upper half of a float32, held as uint16."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]


def storage(dtype: str) -> Any:
    """Return the dtype to allocate for a result: NumPy's own, or uint16 for bfloat16 bits."""
    return np.uint16 if dtype == "bfloat16" else np.dtype(dtype)


def widen(bits: Array) -> Array:
    """Return the float32 numbers that these bits stand for, exactly."""
    return (bits.astype(np.uint32) << 16).view(np.float32)


def narrow(x: Array) -> Array:
    """Round to the nearest bfloat16, ties to even, and return its bits."""
    wide = np.ascontiguousarray(x, dtype=np.float32)
    bits = wide.view(np.uint32)
    rounded = (bits + (0x7FFF + ((bits >> 16) & 1))) >> 16
    quiet = (bits >> 16) | 0x40
    return np.where(np.isnan(wide), quiet, rounded).astype(np.uint16)
