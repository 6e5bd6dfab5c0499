"""Running sums, maxima and recurrences along rows in memory, as compiled loops."""

from __future__ import annotations

import ctypes

import numpy as np

from lossary.arrays import Array
from lossary.kernels import compile as compiler

FUNCTION = ctypes.CFUNCTYPE(None, ctypes.c_int64, ctypes.c_int64, *[ctypes.c_void_p] * 3)
_TYPES = {"float32": "f32", "float64": "f64"}


def running(operation: str, x: Array, a: Array | None = None) -> Array:
    """Return the rows of an operation such as "reverse_cumulative_sum" of dense rows."""
    kind = _TYPES[x.dtype.name]

    def written() -> str:
        # Import the code generator only if needed, as for kernels.
        from lossary.kernels.running_code import text

        return text(operation, kind)

    found = compiler.load(f"{operation} {kind}", "running", written).function(FUNCTION)
    out = np.empty_like(x)
    factors = x if a is None else a
    found(*x.shape, *(array.ctypes.data for array in (x, factors, out)))
    return out
