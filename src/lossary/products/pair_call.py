"""A checked call of a loss of pairs: embeddings of one library, who takes part, who is where."""

from __future__ import annotations

import numbers
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from lossary.backends.base import PYTHON, Backend
from lossary.call.array_library import find_backend
from lossary.call.dtypes import dtypes_of, kind_of
from lossary.call.parameters import number
from lossary.definition.definition import Definition
from lossary.definition.request import Request
from lossary.domains import FINITE, POSITIVE
from lossary.errors import shown, type_error, value_error
from lossary.formula.expression import Expression
from lossary.products.computation import with_arguments
from lossary.products.flow import library_of
from lossary.products.variable import Operations, Variable


class Arrays(NamedTuple):
    """The names of the arrays that a loss of pairs takes.

    Attributes
    ----------
    own, others : tuple of str
        Embeddings of the items, and of those of all devices, of which some may be left out.
    numbers : tuple of str
        Parameters that may be 0-d arrays and have derivatives.
    logits : callable
        From similarities and the numbers to what the loss of rows takes.
    labels : bool
        Whether there are ``targets``, and ``other_targets`` beside others.
    """

    own: tuple[str, ...]
    others: tuple[str, ...] = ("others",)
    numbers: tuple[str, ...] = ()
    logits: Callable[..., Expression] = lambda similarities: similarities
    labels: bool = False

    @property
    def arguments(self) -> tuple[str, ...]:
        """All array arguments, in order: what ``argnums`` counts."""
        return (*self.own, *(["targets"] if self.labels else []), *self.numbers, *self.others)

    @property
    def differentiable(self) -> tuple[str, ...]:
        """Those that have a derivative."""
        return (*self.own, *self.numbers, *self.others)

    @property
    def names(self) -> tuple[str, ...]:
        """All that a call may give as arrays, beside weights and a mask."""
        return (*self.arguments, *(["other_targets"] if self.labels else []), "other_where")


class PairCall:
    """The arguments of a call of a loss of pairs, checked.

    Parameters
    ----------
    rows : Definition
        The loss of rows, under the name of the loss of pairs.
    arrays : Arrays
        The names of its arrays.
    given : mapping
        The arguments of the call by name.

    Attributes
    ----------
    backend : Backend
        The array library.
    known : dict
        Arrays by name.
    variables : dict
        Embeddings, and numbers with a derivative, by name.
    count, total : int
        Number of items, and of those that they are compared with.
    offset : int or 0-d array
        Place of the first item among them.
    dtype : str
        Dtype of the result.
    operations : Operations
        What embeddings are prepared with.
    """

    def __init__(self, rows: Definition, arrays: Arrays, given: Mapping[str, Any]) -> None:
        self.rows, self.arrays, self.given = rows, arrays, given
        self.function = rows.name
        self.backend, self.known, self.denominator = self._in_one_library()
        self.count, self.length = self._size()
        self.total = self._number_of_others()
        self.offset = self._offset()
        floats = [self.known[n] for n in (*arrays.own, *arrays.others) if n in self.known]
        floats = [x for x in floats if "float" in self.backend.dtype_name(x)]
        self.dtype, compute = dtypes_of(self.function, self.backend, given["dtype"], floats)
        first = self.known[arrays.own[0]]
        self.operations = Operations(self.backend, library_of(self.backend), compute, first)
        self._check_masks()
        self.variables = {name: Variable(self.known[name]) for name in self._embeddings}
        self.variables |= {name: self._number(name) for name in arrays.numbers}

    # --- the embeddings -------------------------------------------------------------------
    def rows_of(self, name: str) -> Variable:
        """Return embeddings as they are compared: directions, unless asked for as they are."""
        found, mask = self.operations.cast(self.variables[name]), self._mask_of(name)
        if mask is not None:
            found = self.operations.masked(found, mask)
        return self.operations.directions(found) if self.given["normalize"] else found

    def columns_of(self, own: Variable, others: str) -> Variable:
        """Return what items are compared with: one's own rows in their place among the others."""
        among = self.rows_of(others) if others in self.known else None
        return self.operations.placed(own, among, self.offset)

    def number_of(self, name: str) -> Variable:
        """Return a parameter that has a derivative, in the working dtype."""
        return self.operations.cast(self.variables[name])

    @cached_property
    def items(self) -> Any:
        """The places of the items among the columns."""
        return self.operations.places(self.count) + self.offset

    # --- who takes part -------------------------------------------------------------------
    @property
    def mask(self) -> Any:
        """Which items take part; None if all do."""
        return self.known.get("where")

    @cached_property
    def column_mask(self) -> Any:
        """Which columns take part; None if all do."""
        own, others = self.mask, self.known.get("other_where")
        if self.arrays.others[0] not in self.known or (own is None and others is None):
            return own
        own = self._all(self.count) if own is None else own
        others = self._all(self.total) if others is None else others
        return self.operations.placed(Variable(own), Variable(others), self.offset).value

    @cached_property
    def columns(self) -> Any:
        """A number for each column: 0 where it takes part, else -1; None if all do."""
        mask = self.column_mask
        return None if mask is None else self.backend.cast(mask, "int32") - 1

    def twice(self, first: Any, second: Any) -> Any:
        """Join two arrays of numbers."""
        return self.backend.xp.concat([first, second])

    def _mask_of(self, name: str) -> Any:
        return self.known.get("other_where") if name in self.arrays.others else self.mask

    def _all(self, count: int) -> Any:
        return self.operations.places(count) >= 0

    # --- checks ---------------------------------------------------------------------------
    @property
    def _embeddings(self) -> tuple[str, ...]:
        return tuple(n for n in (*self.arrays.own, *self.arrays.others) if n in self.known)

    def _in_one_library(self) -> tuple[Backend, dict[str, Any], Any]:
        """Return the library of all arrays, the arrays, and the denominator."""
        self._check_required()
        request = self._request()
        backend, request = find_backend(request)
        if backend.name == "Dask":
            requirement = "must be an array in memory"
            remedy = "Items are compared with those of all chunks: pass what compute() returns."
            name = self.arrays.own[0]
            raise type_error(self.function, name, requirement, "a Dask array", remedy)
        known = {n: backend.asarray(x, self.function, n) for n, x in request.named_arrays()}
        for name, x in known.items():
            dtype = backend.dtype_name(x)
            kind_of(request, name, dtype)
            if name == "other_where" and dtype != "bool":
                remedy = "Pass other_where != 0."
                raise type_error(self.function, name, "must be boolean", f"dtype {dtype}", remedy)
        return backend, known, request.denominator

    def _check_required(self) -> None:
        given = self.given
        for name in (*self.arrays.own, *self.arrays.numbers, "targets"):
            if name in given and given[name] is None:
                kind = "a number" if name in self.arrays.numbers else "an array"
                raise type_error(self.function, name, f"must be {kind}", "None")
        for name in ("normalize", "symmetric"):
            if not isinstance(given.get(name, True), bool):
                requirement = "must be True or False"
                raise type_error(self.function, name, requirement, shown(given[name]))

    def _request(self) -> Request:
        """Return the request that messages about arrays are made from."""
        given = self.given
        present = tuple(n for n in self.arrays.names if given.get(n) is not None)
        loss = with_arguments(self.rows, present)
        return Request(
            loss,
            tuple(given[name] for name in present),
            tuple(loss.parameters.values()),
            -1,
            given["reduction"],
            given["weights"],
            given["where"],
            given["denominator"],
            given["dtype"],
        )

    def _size(self) -> tuple[int, int]:
        """Return the number and the length of the embeddings."""
        first, *rest = self.arrays.own
        shapes = {name: self.backend.shape(self.known[name]) for name in self._embeddings}
        if len(shapes[first]) != 2:
            self._refuse_shape(first, "must have the shape (N, D)", shapes[first])
        for name in rest:
            if shapes[name] != shapes[first]:
                requirement = f"must have the shape of {first}, {shapes[first]}"
                self._refuse_shape(name, requirement, shapes[name])
        for name in self._embeddings:
            if self.backend.dtype_name(self.known[name]) == "bool":
                remedy = "Convert it to a floating-point dtype."
                raise type_error(self.function, name, "must hold numbers", "dtype bool", remedy)
        count, length = shapes[first]
        return count, length

    def _number_of_others(self) -> int:
        """Return the number of columns; raise unless others have the shapes that they must have."""
        first, *rest = self.arrays.others
        self._check_presence()
        if first not in self.known:
            return self.count
        shape = self.backend.shape(self.known[first])
        if len(shape) != 2 or shape[1] != self.length:
            requirement = f"must have the shape (M, D) with D = {self.length}"
            self._refuse_shape(first, requirement, shape)
        if shape[0] < self.count:
            self._refuse_shape(first, f"must have at least {self.count} rows", shape)
        for name in rest:
            if name in self.known and self.backend.shape(self.known[name]) != shape:
                found = self.backend.shape(self.known[name])
                self._refuse_shape(name, f"must have the shape of {first}, {shape}", found)
        return shape[0]

    def _check_presence(self) -> None:
        """Raise unless all or nothing is given of what belongs to other devices."""
        first, *rest = self.arrays.others
        needed = {name: self.given.get("symmetric", True) for name in rest}
        if self.arrays.labels:
            needed["other_targets"] = True
        for name, is_needed in needed.items():
            wanted = first in self.known and is_needed
            if wanted and name not in self.known:
                raise type_error(self.function, name, f"must be given with {first}", "None")
            if not wanted and name in self.known:
                which = first if is_needed else "symmetric=True"
                raise type_error(
                    self.function, name, f"must be left out without {which}", "an array"
                )
        if first not in self.known and "other_where" in self.known:
            requirement = f"must be left out without {first}"
            raise type_error(self.function, "other_where", requirement, "an array", "Pass where=.")

    def _offset(self) -> Any:
        """Return the place of the first item as an integer, where it can be read."""
        given, last = self.given["offset"], self.total - self.count
        requirement = f"must be an integer from 0 to {last}"
        if isinstance(given, bool) or getattr(given, "shape", ()) != ():
            raise type_error(self.function, "offset", requirement, shown(given))
        is_array = "int" in str(getattr(given, "dtype", ""))
        if not is_array and not isinstance(given, numbers.Integral):
            raise type_error(self.function, "offset", requirement, shown(given))
        try:
            found = int(given)
        except Exception:  # how a library that traces refuses to show a value
            return given
        if not 0 <= found <= last:
            raise value_error(self.function, "offset", requirement, shown(given))
        return found

    def _check_masks(self) -> None:
        for name, count in (("where", self.count), ("other_where", self.total)):
            if name in self.known and self.backend.shape(self.known[name]) != (count,):
                found = self.backend.shape(self.known[name])
                self._refuse_shape(name, f"must have the shape ({count},)", found)

    def _number(self, name: str) -> Variable:
        """Return a parameter as a 0-d array in the working dtype."""
        limit = POSITIVE if name == "temperature" else FINITE
        given, ops = self.known[name], self.operations
        if type(given) in PYTHON:
            value = number(self.function, name, given, limit)
            dtype = self.backend.dtype(ops.dtype)
            return Variable(self.backend.full(value, dtype, ops.like))
        if self.backend.shape(given) != ():
            self._refuse_shape(name, "must be a number or a 0-d array", self.backend.shape(given))
        values = self.backend.values(given)
        if values is not None:
            number(self.function, name, float(np.asarray(values)), limit)
        return Variable(given)

    def _refuse_shape(self, name: str, requirement: str, shape: tuple[int, ...]) -> None:
        raise value_error(self.function, name, requirement, f"shape {shape}")
