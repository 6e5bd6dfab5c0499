"""Dask arrays: the same expressions, lazily, whatever the chunks are."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import dask.array as da
import numpy as np
from array_api_compat.dask import array as namespace
from dask.delayed import Delayed

from lossary.backends.axis_functions import AxisFunctions
from lossary.backends.base import Backend
from lossary.backends.numpy import BACKEND as NUMPY
from lossary.backends.operations import ArrayOperations, sum_in_pairs
from lossary.errors import shown, type_error, value_error


class DaskOperations(ArrayOperations):
    """Functions of blocks, in which the class axis is whole where rows are mixed."""

    def apply_along(self, name: str, *arrays: Any, **options: Any) -> Any:
        """Apply a function of an axis block by block."""
        blocks = [x.rechunk({options["axis"]: -1}) for x in arrays]
        axes = tuple(range(arrays[0].ndim))
        dtype = np.intp if name == "order" else arrays[0].dtype
        given = [item for x in blocks for item in (x, axes)]
        apply = partial(_apply, name, **options)
        return da.blockwise(apply, axes, *given, dtype=dtype)  # type: ignore[no-untyped-call]


def _apply(name: str, *arrays: Any, **options: Any) -> Any:
    with np.errstate(all="ignore"):  # infinities are expected
        return getattr(_FUNCTIONS, name)(*arrays, **options)


_FUNCTIONS = AxisFunctions(np)


class DaskBackend(Backend):
    """Arrays of Dask."""

    name = "Dask"
    arrays = da.Array
    module = "dask.array"
    takes_numpy = True
    conversion = "dask.array.from_array({0})"
    operations = DaskOperations

    def asarray(self, given: Any, function: str, name: str) -> Any:
        """Return the array; refuse masked ones, whose mask operations would half forget.

        Arrays of unknown size are refused too: nothing could tell that shapes are equal.
        """
        x = super().asarray(given, function, name)
        if isinstance(x, da.Array) and any(map(math.isnan, x.shape)):
            remedy = (
                "Call .compute_chunk_sizes() on it, or make it with .to_dask_array(lengths=True)."
            )
            raise value_error(function, name, "must have known chunk sizes", shown(x), remedy)
        if isinstance(getattr(x, "_meta", None), np.ma.MaskedArray):
            raise type_error(
                function,
                name,
                "must be a plain array",
                "a masked array",
                "Pass its data (dask.array.ma.getdata), and where=~dask.array.ma.getmaskarray(x).",
            )
        return x

    def remedy(self, given: Any) -> str:
        """Say what to pass instead of a data frame's column."""
        if hasattr(type(given), "to_dask_array"):
            return "Pass .to_dask_array(lengths=True) of it."
        if isinstance(given, Delayed):
            return "Pass dask.array.from_delayed(...) of it."
        return super().remedy(given)

    def from_numpy(self, x: Any, function: str, name: str) -> Any:
        """Return an array of NumPy as one of Dask."""
        return namespace.asarray(x)

    def has_dtype(self, name: str) -> bool:
        """Return whether NumPy, which computes the chunks, knows a dtype of this name."""
        return NUMPY.has_dtype(name)

    def dtype(self, name: str) -> Any:
        """Return the dtype of this name."""
        return np.dtype(name)

    def dtype_name_of(self, dtype: Any) -> str:
        """Return the name of a dtype."""
        return np.dtype(dtype).name

    def full(self, value: float, dtype: Any, like: Any) -> Any:
        """Return a 0-d array."""
        return namespace.asarray(np.asarray(value, dtype=dtype))

    def arange(self, count: int, dtype: Any, like: Any) -> Any:
        """Return 0, 1, ... in this dtype, in one chunk."""
        return namespace.asarray(np.arange(count, dtype=dtype))

    def to_numpy(self, x: Any) -> Any:
        """Return the values (this computes them)."""
        return np.asarray(x)

    def sum_along(self, x: Any, axis: int) -> Any:
        """Sum along an axis, which is kept, chunk by chunk."""
        if x.dtype == np.float64:
            options = {"axis": axis, "keepdims": True, "dtype": x.dtype}
            return da.reduction(x, _sum, _sum, **options)  # type: ignore[no-untyped-call]
        return super().sum_along(x, axis)


def _sum(x: Any, axis: tuple[int], keepdims: bool) -> Any:
    return sum_in_pairs(np, x, *axis)


BACKEND = DaskBackend(namespace)
