"""CuPy: arrays in the memory of an NVIDIA or AMD GPU."""

from __future__ import annotations

from typing import Any

import cupy
import numpy as np
from array_api_compat import cupy as namespace

from lossary.backends.base import Backend


class CupyBackend(Backend):
    """Arrays of CuPy."""

    name = "CuPy"
    arrays = cupy.ndarray
    module = "cupy"
    conversion = "cupy.asarray({0})"

    def dtype_name_of(self, dtype: Any) -> str:
        """Return the name of a dtype."""
        return np.dtype(dtype).name

    def full(self, value: float, dtype: Any, like: Any) -> Any:
        """Return a 0-d array on the device of another."""
        with like.device if isinstance(like, cupy.ndarray) else cupy.cuda.Device():
            return cupy.asarray(value, dtype=dtype)

    def to_numpy(self, x: Any) -> Any:
        """Return a copy on the host."""
        return cupy.asnumpy(x)


BACKEND = CupyBackend(namespace)
