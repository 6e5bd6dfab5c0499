"""The array libraries that every property is checked on."""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest


@dataclass(frozen=True)
class Library:
    """An array library: how to make its arrays and how to read them."""

    name: str
    module: str
    make: Callable[[np.ndarray], Any]
    floats: tuple[str, ...] = ("float32", "float64")
    needs_gpu: bool = False
    #: Values can be looked at at once: nothing is lazy, and no device is waited for.
    readable: bool = False
    #: Has float16 for arrays of tens of thousands of elements, and for arrays of no dimensions.
    halves: bool = False

    def array(self, x: Any) -> Any:
        """Return an array of this library, or skip if the library is missing."""
        if importlib.util.find_spec(self.module) is None:
            pytest.skip(f"{self.name} is not installed")
        return self.make(np.asarray(x))

    def numpy(self, x: Any) -> np.ndarray:
        """Return the values as NumPy float64, integers or booleans."""
        if self.name == "torch":
            x = x.detach()
            x = x.float() if str(x.dtype) == "torch.bfloat16" else x
        return np.asarray(x)


def _torch(x: np.ndarray) -> Any:
    import torch

    return torch.from_numpy(np.array(x))


def _jax(x: np.ndarray) -> Any:
    import jax.numpy as jnp

    return jnp.asarray(x)


def _mlx(x: np.ndarray) -> Any:
    import mlx.core as mx

    return mx.array(x)


def _dask(x: np.ndarray) -> Any:
    return _dask_arrays().from_array(x, chunks=2)


@functools.cache
def _dask_arrays() -> Any:
    """Return Dask's arrays, told that functions of NumPy do not have a keyword of Dask's own.

    Dask reads the signature of a function for each operation, a fifth of the time of a plan.
    """
    import dask.array as da
    from dask.array import utils

    has_keyword = utils.has_keyword
    utils.has_keyword = lambda function, keyword: (
        not isinstance(function, np.ufunc) and has_keyword(function, keyword)
    )
    return da


def _strict(x: np.ndarray) -> Any:
    import array_api_strict as strict

    return strict.asarray(x)


def _cupy(x: np.ndarray) -> Any:
    import cupy

    try:
        return cupy.asarray(x)
    except cupy.cuda.runtime.CUDARuntimeError as error:
        pytest.skip(f"no usable GPU: {error}")


LIBRARIES = (
    Library("numpy", "numpy", lambda x: x, readable=True, halves=True),
    Library("torch", "torch", _torch, readable=True, halves=True),
    Library("jax", "jax", _jax, ("float32",), halves=True),
    Library("mlx", "mlx", _mlx, ("float32",), halves=True),
    Library("dask", "dask", _dask),
    Library("strict", "array_api_strict", _strict),
    Library("cupy", "cupy", _cupy, needs_gpu=True, halves=True),
)
BY_NAME = {library.name: library for library in LIBRARIES}
ANYWHERE = tuple(library for library in LIBRARIES if not library.needs_gpu)
READABLE = tuple(library for library in ANYWHERE if library.readable)
UNREAD = tuple(library for library in ANYWHERE if not library.readable)
HALVES = tuple(library for library in ANYWHERE if library.halves)
