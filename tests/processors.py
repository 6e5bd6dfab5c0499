"""Which processors' code runs here, and how results of several are compared."""

from __future__ import annotations

import platform
from typing import Any

import ml_dtypes
import numpy as np

from lossary.kernels import compile as compiler

#: Processors whose vectors hold eight and sixteen float32 numbers.
NARROW, WIDE = "x86-64-v3", "x86-64-v4"


def can_run(cpu: str) -> bool:
    """Tell if this machine runs code for a processor."""
    if platform.machine() not in ("x86_64", "AMD64"):
        return False
    features = compiler.processor()[1].split(",")
    needed = {NARROW: ["avx2", "fma", "f16c"], WIDE: ["avx512vl", "avx512dq"]}
    return all(f"+{name}" in features for name in needed[cpu])


def digits(x: Any) -> Any:
    """Return the bits of numbers, those of NaN all the same."""
    if x.dtype == np.uint16:
        x = (x.astype(np.uint32) << 16).view(np.float32)
    elif x.dtype == ml_dtypes.bfloat16:
        x = x.astype(np.float32)
    return np.where(np.isnan(x), np.nan, x).view(f"u{x.itemsize}")
