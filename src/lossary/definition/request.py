"""The request: the arguments of one call, bound to their names."""

from __future__ import annotations

import numbers
from typing import Any, NamedTuple

import numpy as np

from lossary.definition.common_arguments import COMMON_ARRAYS
from lossary.definition.definition import Definition


class Request(NamedTuple):
    """The arguments of one call, bound to their names and not yet checked."""

    loss: Definition
    arrays: tuple[Any, ...]
    parameters: tuple[Any, ...]
    axis: Any
    reduction: Any
    weights: Any
    where: Any
    denominator: Any
    dtype: Any
    ignore_index: Any = None
    class_weights: Any = None
    class_axis: Any = None
    #: What the loss prepares from its arrays, where a cached call has computed it.
    prepared: tuple[Any, ...] = ()

    @property
    def function(self) -> str:
        """Name for messages."""
        return self.loss.name

    def named_arrays(self) -> list[tuple[str, Any]]:
        """Return every array that was given, with its name."""
        named = list(zip(self.loss.arguments, self.arrays, strict=True))
        for name in COMMON_ARRAYS:
            given = getattr(self, name)
            if given is not None:
                named.append((name, given))
        return [*named, *self.array_parameters().items()]

    def array_parameters(self) -> dict[str, Any]:
        """Return the parameters passed at run time that were given as arrays."""
        given = dict(zip(self.loss.parameters, self.parameters, strict=True))
        return {name: given[name] for name in self.loss.numbers if _is_array(given[name])}


#: The names of the types of columns, by query library.
COLUMNS = {"polars": ("Expr",), "ibis": ("Value", "Deferred"), "pyspark": ("Column",)}


def is_column(kind: type) -> bool:
    """Return whether this is the type of columns of a library of queries.

    They have values once a query runs.
    """
    return any(
        base.__name__ in COLUMNS.get(base.__module__.partition(".")[0], ()) for base in kind.__mro__
    )


def _is_array(x: Any) -> bool:
    """Return whether a parameter is an array of any library, other than a 0-d array of NumPy."""
    if isinstance(x, numbers.Number) or (isinstance(x, np.ndarray) and x.ndim == 0):
        return False
    return (hasattr(x, "shape") and hasattr(x, "dtype")) or is_column(type(x))
