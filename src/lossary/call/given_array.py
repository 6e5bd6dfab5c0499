"""One array of any library, given to a function that is not a loss, and its checks."""

from __future__ import annotations

import math
import numbers
from typing import Any

import numpy as np

from lossary.backends.base import PYTHON, Backend
from lossary.backends.loading import backend_named, library_of
from lossary.call.array_library import check_sequence
from lossary.call.dtypes import dtype_kind, dtypes_of
from lossary.call.parameters import number
from lossary.domains import Range
from lossary.errors import shown, type_error, value_error


class GivenArray:
    """An array that a function was given, with its library and the dtype of the result.

    ``x`` is the array in the dtype that is computed in: float32 for half precision.
    """

    def __init__(self, function: str, name: str, given: Any, dtype: Any) -> None:
        self.function, self.name = function, name
        if isinstance(given, (list, tuple)):
            check_sequence(given, self.function, name)
        self.library = library_of(type(given), given, self.function, name) or "numpy"
        self.backend: Backend = backend_named(self.library, given)
        x = self.backend.asarray(given, self.function, name)
        self.given = np.asarray(x) if type(x) in PYTHON else x
        self.rank = len(self.backend.shape(self.given))
        self.given_dtype = self.backend.dtype_name(self.given)
        self.kind = dtype_kind(self.function, name, self.given_dtype)
        floats = [self.given] if self.kind == "float" else []
        self.dtype, self.compute = dtypes_of(self.function, self.backend, dtype, floats)

    @property
    def x(self) -> Any:
        """The array in the dtype that is computed in."""
        return self.backend.cast(self.given, self.compute)

    def scalar(self, value: float) -> Any:
        """Return a number as a 0-d array."""
        return self.backend.full(value, self.backend.dtype(self.compute), self.given)

    def parameter(self, name: str, given: Any, limit: Range) -> Any:
        """Return a parameter as a float, or as a 0-d array of the same library."""
        own = hasattr(given, "shape") and not isinstance(given, (np.ndarray, np.generic))
        if not own or library_of(type(given), given, self.function, name) != self.library:
            return number(self.function, name, given, limit)
        if self.backend.shape(given) != ():
            raise value_error(self.function, name, limit.text, shown(given), "Pass one number.")
        values = self.backend.values(given)
        if values is not None:
            number(self.function, name, float(values), limit)
        return self.backend.cast(given, self.compute)

    def axis(self, given: Any, rank: int) -> int:
        """Return the position of a class axis, counted from 0."""
        if isinstance(given, bool) or not isinstance(given, numbers.Integral):
            raise type_error(self.function, "axis", "must be an integer", shown(given))
        if rank == 0:
            raise value_error(self.function, self.name, "must have a class axis", "shape ()")
        axis = int(given)
        if not -rank <= axis < rank:
            requirement = f"must be from {-rank} to {rank - 1}"
            raise value_error(self.function, "axis", requirement, shown(given))
        return axis % rank

    def of_classes(self, weights: Any) -> Any:
        """Return class weights, 0 for classes without examples, NaN for counts that are none."""
        xp = self.backend.xp
        none = xp.where(self.x == 0, self.scalar(0.0), self.scalar(math.nan))
        return xp.where(self.x > 0, weights, none)

    def result(self, x: Any) -> Any:
        """Return what was computed in the dtype of the result."""
        return self.backend.cast(x, self.dtype)
