"""The machine of an array library: what the spellings of primitives call."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, Protocol

from lossary.backends.axis_functions import AxisFunctions
from lossary.definition.computation import Computation

#: At or below this length, use the library's own sum.
_SHORT = 8


class _Arrays(Protocol):
    """What the operations need of a backend; its methods say what these do."""

    xp: Any

    def dtype(self, name: str) -> Any: ...
    def full(self, value: float, dtype: Any, like: Any) -> Any: ...
    def arange(self, count: int, dtype: Any, like: Any) -> Any: ...
    def sum_along(self, x: Any, axis: int) -> Any: ...
    def spread(self, x: Any, computation: Computation, element: bool) -> Any: ...
    def dtype_name(self, x: Any) -> str: ...
    def has_dtype(self, name: str) -> bool: ...
    def cast(self, x: Any, name: str) -> Any: ...


class ArrayOperations:
    """What the array spellings of the primitives call: a namespace that knows the class axis.

    Row values keep their class axes with length 1, so that they broadcast against elements
    whatever the axes are. ``axis`` is for operations that know one class axis alone.
    """

    native: ClassVar[Mapping[str, Callable[..., Any]]] = {}
    #: Whether running sums of float32 are in float64 where the library has it.
    _sums_wide = True

    def __init__(self, backend: _Arrays, computation: Computation) -> None:
        self.backend = backend
        self.xp = backend.xp
        self.axis, self.axes = computation.axis, computation.axes
        self.shape = computation.shape
        self.computation = computation
        self.dtype = backend.dtype(computation.compute)
        self.like = computation.example
        # The keys are kept, as their ids stand for them.
        self._orders: dict[int, tuple[Any, Any]] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self.xp, name)

    def where(self, condition: Any, a: Any, b: Any) -> Any:
        """Choose by a condition; two Python numbers get the working dtype."""
        if isinstance(a, float) and isinstance(b, float):
            a = self.number(a)
        return self.xp.where(condition, a, b)

    def stop(self, x: Any) -> Any:
        """Return the same value, a constant for the library's own derivative."""
        return x

    def number(self, value: float) -> Any:
        """Return a number as a 0-d array of the working dtype."""
        return self.backend.full(value, self.dtype, self.like)

    def index(self) -> Any:
        """Return the positions along the class axis, shaped to broadcast."""
        axis = self.axis or 0
        shape = [1] * len(self.shape)
        shape[axis] = self.shape[axis]
        return self.xp.reshape(
            self.backend.arange(shape[axis], self.dtype, self.like), tuple(shape)
        )

    def class_count(self) -> Any:
        """Return the number of classes."""
        return self.number(math.prod(self.shape[axis] for axis in self.axes))

    def sum_along(self, x: Any, axes: Iterable[int]) -> Any:
        """Sum along some axes, which are kept."""
        for axis in sorted(axes, reverse=True):
            x = self.backend.sum_along(x, axis)
        return x

    def sum_classes(self, x: Any) -> Any:
        """Sum along the class axes, the last one first."""
        return self.sum_along(self._full(x), self.axes)

    def max_classes(self, x: Any) -> Any:
        """Maximum along the class axes; minus infinity over no classes."""
        if 0 in self.shape:  # not every library has a maximum over nothing
            return self.sum_classes(x) - math.inf
        x = self._full(x)
        for axis in reversed(self.axes):
            x = self.xp.max(x, axis=axis, keepdims=True)
        return x

    def at_label(self, x: Any, labels: Any) -> Any:
        """Return a row's element at its label, 0 where the label is outside the classes."""
        return self.sum_classes(self.where(self.index() == labels, x, 0.0))

    # --- what mixes the elements of a row ---------------------------------------------------------
    def sorted_by(self, x: Any, key: Any) -> Any:
        """Return a row's elements in the order of their keys."""
        return self._along("taken", x, self._order(key))

    def unsorted_by(self, x: Any, key: Any) -> Any:
        """Return elements that are in the order of keys at the places that they are from."""
        return self._along("taken", x, self._order(self._order(key)))

    def neighbour(self, x: Any, fill: float, reverse: bool) -> Any:
        """Return the element before each, or after."""
        return self._along("neighbour", x, fill=fill, reverse=reverse)

    def running_sum(self, x: Any, reverse: bool) -> Any:
        """Return the sums of the elements up to each."""
        return self._summed("running_sum", x, reverse=reverse)

    def running_max(self, x: Any, reverse: bool) -> Any:
        """Return the largest of the elements up to each."""
        return self._along("running_max", x, reverse=reverse)

    def recurrence(self, x: Any, a: Any, reverse: bool) -> Any:
        """Return y_k = x_k + a_k y_(k-1)."""
        return self._summed("recurrence", x, a, reverse=reverse)

    def _order(self, key: Any) -> Any:
        """Return the order of a key, computed once."""
        if id(key) not in self._orders:
            self._orders[id(key)] = key, self._along("order", key)
        return self._orders[id(key)][1]

    def _summed(self, name: str, *arrays: Any, **options: Any) -> Any:
        """Apply a function that adds up, float32 in float64 where the library has it."""
        given = [self._filled(x) for x in arrays]
        dtype = self.backend.dtype_name(given[0])
        if not (self._sums_wide and dtype == "float32" and self.backend.has_dtype("float64")):
            return self._along(name, *given, **options)
        wide = [self.backend.cast(x, "float64") for x in given]
        return self.backend.cast(self._along(name, *wide, **options), dtype)

    def _along(self, name: str, *arrays: Any, **options: Any) -> Any:
        """Apply a function of the class axis."""
        given = [self._filled(x) for x in arrays]
        return self.apply_along(name, *given, axis=self.axis or 0, **options)

    def apply_along(self, name: str, *arrays: Any, **options: Any) -> Any:
        """Apply a function of an axis to full arrays."""
        return getattr(AxisFunctions(self.xp), name)(*arrays, **options)

    def _filled(self, x: Any) -> Any:
        """Repeat an array along the axes that it lacks; a number too."""
        if isinstance(x, float):
            x = self.number(x)
        # Symbols that stand for lengths are not compared: a trace would then hold for equal ones.
        lengths = tuple(x.shape), tuple(self.shape)
        if lengths[0] == lengths[1] if all(type(n) is int for n in sum(lengths, ())) else False:
            return x
        return self.backend.spread(x, self.computation, element=True)

    def _full(self, x: Any) -> Any:
        """Repeat a class vector or a row value along the axes that it lacks."""
        shape = tuple(x.shape)
        if all(shape[axis] == self.shape[axis] for axis in self.axes):
            return x
        return self.backend.spread(x, self.computation, element=True)


def sum_in_pairs(xp: Any, x: Any, axis: int) -> Any:
    """Sum along an axis by adding its halves, again and again, until few numbers are left.

    A library may add along an axis one number after the other; then the error grows with their
    number, here with its logarithm.
    """

    def part(first: int, last: int) -> Any:
        return x[(*(slice(None),) * axis, slice(first, last), ...)]

    odd = None
    while (length := x.shape[axis]) > _SHORT:
        half = length // 2
        if length % 2:
            odd = part(2 * half, length) if odd is None else odd + part(2 * half, length)
        x = part(0, half) + part(half, 2 * half)
    total = xp.sum(x, axis=axis, keepdims=True)
    return total if odd is None else total + odd
