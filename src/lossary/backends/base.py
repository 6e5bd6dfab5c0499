"""The base of all backends: evaluate expressions, and reduce them, with one array library.

It is written against the Python array API standard alone, so it serves any library that follows
the standard; the file of a library overrides what that library does better or differently. What
``xp`` must have: ``abs``, ``arange``, ``asarray``, ``astype``, ``broadcast_to``, ``exp``,
``expand_dims``, ``expm1``, ``floor``, ``isfinite``, ``log``, ``log1p``, ``logical_and``,
``logical_not``, ``logical_or``, ``max``, ``maximum``, ``min``, ``minimum``, ``reshape``,
``result_type``, ``sign``, ``sqrt``, ``squeeze``, ``sum``, ``tanh``, ``where``, and the dtypes; for
formulas that mix the elements of a row ``argsort``, ``concat``, ``take_along_axis`` and
``zeros_like`` too.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from lossary.backends.operations import ArrayOperations, sum_in_pairs
from lossary.definition.computation import Computation
from lossary.definition.outputs import scaled_outputs, value_outputs
from lossary.definition.reduction import reduced
from lossary.definition.request import Request
from lossary.errors import type_error
from lossary.formula.evaluate import tape
from lossary.formula.expression import Kind
from lossary.formula.plan import Output

#: Returns the value and the gradients for a request, or None if the call needs a closer look.
CachedCall = Callable[[Request], tuple[Any, ...] | None]

#: The dtypes of Python's numbers.
PYTHON = {bool: "bool", int: "int64", float: "float64"}


class Backend:
    """One array library. ``xp`` is its array-API namespace."""

    name = "array API"
    operations: ClassVar[type[ArrayOperations]] = ArrayOperations
    #: The types of its arrays.
    arrays: type = object
    #: The name under which users know the module of its functions, which has ``stack``.
    module = "its module"
    #: Whether a call may read values without waiting for a device or breaking a trace.
    host = False
    #: Whether the library itself takes NumPy's arrays beside its own.
    takes_numpy = False
    #: Whether lists of its arrays are the class axis, beside numbers for each class.
    takes_lists = False
    #: How a user converts an array ``{0}`` to this library, for the device of ``{1}``.
    conversion = ""

    def __init__(self, xp: Any) -> None:
        self.xp = xp

    def checked_request(self, request: Request) -> Request:
        """Return a request as this library has it; refuse a loss that it cannot compute."""
        return request

    # --- what an array is ---------------------------------------------------------------------
    def asarray(self, given: Any, function: str, name: str) -> Any:
        """Return an array of this library; Python numbers stay as they are."""
        if type(given) in PYTHON or isinstance(given, (np.ndarray, self.arrays)):
            return given
        kind = f"{type(given).__module__}.{type(given).__qualname__}"
        remedy = self.remedy(given)
        raise type_error(function, name, "must be an array of numbers", kind, remedy)

    def stacked(self, name: str) -> str:
        """Return what to pass instead of a list of arrays."""
        return f"Pass {self.module}.stack({name})."

    def remedy(self, given: Any) -> str:
        """Return what to pass instead of an object of this library that is not an array."""
        if isinstance(given, tuple):
            return "Pass one of its elements."
        return "Pass what it returns." if callable(given) else f"Pass an array of {self.name}."

    def from_numpy(self, x: Any, function: str, name: str) -> Any:
        """Return an array of NumPy as a constant of this library, if it takes such."""
        return x

    def dtype_name(self, x: Any) -> str:
        """Return the name of an array's dtype, such as "float32"."""
        return PYTHON.get(type(x)) or self.dtype_name_of(x.dtype)

    def dtype_name_of(self, dtype: Any) -> str:
        """Return the name of a dtype object, or of a string that names one."""
        if isinstance(dtype, str):
            return dtype
        name = getattr(dtype, "name", None) or getattr(dtype, "__name__", None) or str(dtype)
        return str(name).rpartition(".")[2]

    def has_dtype(self, name: str) -> bool:
        """Return whether the library has a floating-point dtype of this name."""
        return hasattr(self.xp, name)

    def dtype(self, name: str) -> Any:
        """Return the dtype object of this name."""
        return getattr(self.xp, name)

    def shape(self, x: Any) -> tuple[int, ...]:
        """Return an array's shape; () for a number."""
        return () if type(x) in PYTHON else tuple(x.shape)

    def length(self, x: Any, axis: int) -> Any:
        """Return the length of an axis: an int, or an array where a trace leaves it open."""
        return x.shape[axis]

    def default_float(self) -> str:
        """Return the name of the dtype in which integers are computed."""
        return "float64"

    def promote(self, arrays: Sequence[Any]) -> str:
        """Return the dtype of the result of floating-point arrays."""
        strong = [x for x in arrays if type(x) not in PYTHON]
        if not strong:
            return self.default_float()
        return self.dtype_name_of(self.xp.result_type(*(x.dtype for x in strong)))

    # --- making and converting ----------------------------------------------------------------
    def full(self, value: float, dtype: Any, like: Any) -> Any:
        """Return a 0-d array on the device of another."""
        return self.xp.asarray(value, dtype=dtype, device=getattr(like, "device", None))

    def arange(self, count: int, dtype: Any, like: Any) -> Any:
        """Return 0, 1, ... in this dtype, on the device of another array."""
        return self.xp.arange(count, dtype=dtype, device=getattr(like, "device", None))

    def cast(self, x: Any, name: str) -> Any:
        """Return x in the dtype of this name."""
        return self.xp.astype(x, self.dtype(name), copy=False)

    # --- running ------------------------------------------------------------------------------
    def compiled_call(
        self,
        computation: Computation,
        request: Request,
        outputs: tuple[Output, ...] | None = None,
        gradients: Sequence[str] = (),
    ) -> CachedCall | None:
        """Return a compiled call for requests of the same signature; None if there is none.

        Without ``outputs`` it returns the value, else the value and the outputs that ``gradients``
        names.
        """
        return None

    def scaled_call(
        self, computation: Computation, request: Request, names: Sequence[str], second: bool
    ) -> CachedCall | None:
        """Return a compiled call for the gradients of a mean with an unknown denominator, or None.

        It depends on the arrays: on a mask, on weights or on labels. A compiled call sums it too.
        """
        return self.compiled_call(computation, request, *scaled_outputs(computation, names, second))

    def value(self, computation: Computation) -> Any:
        """Compute the loss, reduced as asked."""
        results = self.checked_run(computation, value_outputs(computation))
        return self.combined(computation, results)

    def combined(self, computation: Computation, results: Mapping[str, Any]) -> Any:
        """Return the unreduced loss, or the sum or mean from the sums of a run."""
        return self.cast(reduced(self, computation, results), computation.dtype)

    def results(
        self, computation: Computation, names: Sequence[str], found: tuple[Any, ...]
    ) -> tuple[Any, ...]:
        """Return what the caller gets of the value and of the derivatives along these arguments."""
        return found

    def checked_run(self, computation: Computation, outputs: tuple[Output, ...]) -> dict[str, Any]:
        """Run, and report values outside their domains where the computation has a check."""
        check = computation.check
        if check is None:
            return self.run(computation, outputs)
        results = self.run(computation, outputs + check.outputs)
        try:
            counts = [int(results[output.name]) for output in check.outputs]
        except (TypeError, ValueError):  # how a library that traces refuses to show a value
            return results
        check.report(computation, counts, self)
        return results

    def is_checked(self, computation: Computation) -> bool:
        """Return whether values are checked unless the policy says otherwise."""
        return self.host and self.readable(computation)

    def concrete(self, computation: Computation) -> bool:
        """Return whether arrays have values, as far as that is known beforehand."""
        return True

    def readable(self, computation: Computation) -> bool:
        """Return whether values can be read (they cannot while a library traces)."""
        return True

    def has_kernels(self, computation: Computation) -> bool:
        """Return whether compiled kernels can run on the arrays of a computation."""
        return False

    def run(self, computation: Computation, outputs: tuple[Output, ...]) -> dict[str, Any]:
        """Evaluate outputs: arrays for what is stored, 0-d arrays for what is reduced."""
        return self.plain(computation, outputs)

    def plain(self, computation: Computation, outputs: tuple[Output, ...]) -> dict[str, Any]:
        """Evaluate outputs with the library's own operations, one after the other."""
        steps = tape(*(output.expression for output in outputs))
        # Formulas expect infinities, and libraries that rest on NumPy would warn of them.
        with np.errstate(all="ignore"):
            results = steps.run(self.prepared(computation), self.operations(self, computation))
        return {
            output.name: self.deliver(computation, output, result)
            for output, result in zip(outputs, results, strict=True)
        }

    def prepared(self, computation: Computation) -> dict[str, Any]:
        """Return the values of all symbols: in the working dtype, shaped to broadcast."""
        like = computation.example
        values = {
            name: self.shaped(computation, name, self._converted(computation, name, x, like))
            for name, x in computation.arrays.items()
        }
        dtype = self.dtype(computation.compute)
        for name, number in computation.numbers.items():
            plain = isinstance(number, (int, float))
            values[name] = self.full(number, dtype, like) if plain else number
        return values

    def _converted(self, computation: Computation, name: str, x: Any, like: Any) -> Any:
        if type(x) in PYTHON:
            mask = name == "where"
            dtype = self.xp.bool if mask else self.dtype(computation.compute)
            return self.full(bool(x) if mask else float(x), dtype, like)
        return x if name == "where" else self.cast(x, computation.compute)

    def shaped(self, computation: Computation, name: str, x: Any) -> Any:
        """Return an argument with the axes that it needs to broadcast against the others."""
        axes = computation.axes
        if not axes or self.shape(x) == ():
            return x
        if name == "class_weights":
            shape = [1] * len(computation.shape)
            shape[axes[0]] = -1
            return self.xp.reshape(x, tuple(shape))
        if not computation.spans_classes(name):
            for axis in axes:
                x = self.xp.expand_dims(x, axis=axis)
        return x

    def deliver(self, computation: Computation, output: Output, result: Any) -> Any:
        """Bring an output into its shape, or reduce it."""
        element = output.expression.kind is Kind.ELEMENT or not computation.axes
        shape = computation.shape if element else computation.unreduced_shape
        if not hasattr(result, "shape"):
            result = self.full(result, self.dtype(computation.compute), computation.example)
        if not element and self.shape(result) != ():
            for axis in reversed(computation.axes):
                result = self.xp.squeeze(result, axis=axis)
        if self.shape(result) != shape:
            result = self.spread(result, computation, element)
        return result if output.role == "store" else self.reduce(output.role, result)

    def spread(self, x: Any, computation: Computation, element: bool) -> Any:
        """Repeat an array to the shape of the first full argument, or of the unreduced loss."""
        return self.xp.broadcast_to(
            x, computation.shape if element else computation.unreduced_shape
        )

    def reduce(self, role: str, x: Any) -> Any:
        """Reduce an array to one value; sums are accumulated in float64."""
        if role in {"sum", "count"}:
            return self.sum(self.cast(x, "float64"))
        reducer = self.xp.min if role == "minimum" else self.xp.max
        if math.prod(self.shape(x)) == 0:
            return self.full(math.inf if role == "minimum" else -math.inf, x.dtype, x)
        return reducer(x)

    def sum(self, x: Any) -> Any:
        """Sum all elements."""
        return self.xp.sum(x)

    def sum_along(self, x: Any, axis: int) -> Any:
        """Sum along an axis, which is kept: float32 in float64, float64 in pairs."""
        name = self.dtype_name(x)
        if name == "float32" and self.has_dtype("float64"):
            wide = self.xp.sum(x, axis=axis, keepdims=True, dtype=self.dtype("float64"))
            return self.cast(wide, name)
        return sum_in_pairs(self.xp, x, axis)

    def size(self, computation: Computation) -> Any:
        """Return the number of elements: a float, or a 0-d array where a trace leaves it open."""
        return float(computation.count)

    def scalar(self, x: Any) -> Any:
        """Return a 0-d array as a Python number where reading it costs nothing, else itself."""
        return x

    # --- derivatives --------------------------------------------------------------------------
    def like_argument(self, computation: Computation, name: str, gradient: Any) -> Any:
        """Return a gradient in the dtype of its argument."""
        given = self.dtype_name(computation.arrays[name])
        floating = (
            given.startswith(("float", "bfloat")) and type(computation.arrays[name]) is not float
        )
        return self.cast(gradient, given if floating else computation.dtype)

    def values(self, x: Any) -> Any:
        """Return NumPy's view of an array if that neither waits nor breaks a trace, else None."""
        return None

    def to_numpy(self, x: Any) -> Any:
        """Return a NumPy copy or view, for messages."""
        return np.asarray(x)
