"""The base of all backends: evaluate an expression, reduce it, divide.

It is written against the Python array API standard alone, so it serves any library that follows
the standard; the file of a library overrides what that library does better or differently.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from lossary import faults
from lossary.call.request import Request
from lossary.direct_recipe import Guard
from lossary.errors import type_error
from lossary.formula.evaluate import tape
from lossary.formula.expression import Kind
from lossary.formula.plan import Output
from lossary.problem import Problem, total
from lossary.recipe import Recipe, value_outputs

if TYPE_CHECKING:
    from lossary.kernels.memory import Job

# So many numbers are added up as the library does it.
_FEW = 8
_PYTHON = {bool: "bool", int: "int64", float: "float64"}


class ArrayOperations:
    """What the array spellings of the primitives call: a namespace that knows the class axis.

    Row values keep their class axis with length 1, so that they broadcast against elements
    whatever the axis is.
    """

    native: ClassVar[Mapping[str, Callable[..., Any]]] = {}

    def __init__(self, backend: Backend, problem: Problem) -> None:
        self.backend = backend
        self.xp = backend.xp
        self.axis = problem.axis
        self.shape = problem.shape
        self.problem = problem
        self.dtype = backend.dtype(problem.compute)
        self.like = problem.example

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
        return self.number(self.shape[self.axis or 0])

    def sum_classes(self, x: Any) -> Any:
        """Sum along the class axis."""
        return self.backend.sum_along(self._full(x), self.axis or 0)

    def max_classes(self, x: Any) -> Any:
        """Maximum along the class axis; minus infinity over no classes."""
        if 0 in self.shape:  # not every library has a maximum over nothing
            return self.sum_classes(x) - math.inf
        return self.xp.max(self._full(x), axis=self.axis, keepdims=True)

    def _full(self, x: Any) -> Any:
        """Repeat a class vector or a row value along the axes that it lacks."""
        axis = self.axis or 0
        if tuple(x.shape)[axis] == self.shape[axis]:
            return x
        return self.backend.spread(x, self.problem, element=True)


class Backend:
    """One array library. ``xp`` is its array-API namespace."""

    name = "array API"
    operations: ClassVar[type[ArrayOperations]] = ArrayOperations
    #: The types of its arrays.
    arrays: type = object
    #: What its functions are called by: the module that has ``stack``.
    module = "its module"
    #: Whether a call may read values without waiting for a device or breaking a trace.
    host = False
    #: Whether the library itself takes NumPy's arrays beside its own.
    takes_numpy = False
    #: How a user converts an array ``{0}`` to this library, for the device of ``{1}``.
    conversion = ""

    def __init__(self, xp: Any) -> None:
        self.xp = xp

    # --- what an array is ---------------------------------------------------------------------
    def asarray(self, given: Any, function: str, name: str) -> Any:
        """Return an array of this library; Python numbers stay as they are."""
        if type(given) in _PYTHON or isinstance(given, (np.ndarray, self.arrays)):
            return given
        kind = f"{type(given).__module__}.{type(given).__qualname__}"
        remedy = self.remedy(given)
        raise type_error(function, name, "must be an array of numbers", kind, remedy)

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
        return _PYTHON.get(type(x)) or self.dtype_name_of(x.dtype)

    def dtype_name_of(self, dtype: Any) -> str:
        """Return the name of a dtype object, or of a string that names one."""
        if isinstance(dtype, str):
            return dtype
        name = getattr(dtype, "name", None) or getattr(dtype, "__name__", None) or str(dtype)
        return str(name).rpartition(".")[2]

    def has_dtype(self, name: str) -> bool:
        """Tell whether the library has a floating-point dtype of this name."""
        return hasattr(self.xp, name)

    def dtype(self, name: str) -> Any:
        """Return the dtype object of this name."""
        return getattr(self.xp, name)

    def shape(self, x: Any) -> tuple[int, ...]:
        """Return an array's shape; () for a number."""
        return () if type(x) in _PYTHON else tuple(x.shape)

    def default_float(self) -> str:
        """Return the name of the dtype in which integers are computed."""
        return "float64"

    def promote(self, arrays: Sequence[Any]) -> str:
        """Return the dtype of the result of floating-point arrays."""
        strong = [x for x in arrays if type(x) not in _PYTHON]
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
    def recipe(
        self,
        problem: Problem,
        outputs: tuple[Output, ...] | None = None,
        gradients: Sequence[str] = (),
    ) -> Recipe | None:
        """Return a recipe for calls of the same signature, where kernels run on the arrays."""
        return None

    def value(self, problem: Problem) -> Any:
        """Compute the loss, reduced as asked."""
        results = self.checked_run(problem, value_outputs(self, problem))
        return self.cast(self.reduced(problem, results), problem.dtype)

    def checked_run(self, problem: Problem, outputs: tuple[Output, ...]) -> dict[str, Any]:
        """Run, and report values outside their domains where values may be read."""
        if not self.may_check(problem):
            return self.run(problem, outputs)
        results = self.run(problem, outputs + problem.fault_outputs())
        try:
            counts = [int(results[f"fault_{name}"]) for name, *_ in problem.composite.violations]
        except (TypeError, ValueError):  # how a library that traces refuses to tell a value
            return results
        violations = faults.pending(problem, counts)
        if violations:
            faults.report(problem, violations, self)
        return results

    def may_check(self, problem: Problem) -> bool:
        """Tell whether this call looks at values: on hosts, or where the policy says so."""
        return self.concrete(problem) and faults.wanted(problem, self.is_checked(problem))

    def is_checked(self, problem: Problem) -> bool:
        """Return whether values are checked unless the policy says otherwise."""
        return self.host and self.readable(problem)

    def concrete(self, problem: Problem) -> bool:
        """Tell whether arrays have values, as far as that can be told beforehand."""
        return True

    def readable(self, problem: Problem) -> bool:
        """Tell whether values can be read (they cannot while a library traces)."""
        return True

    def run(self, problem: Problem, outputs: tuple[Output, ...]) -> dict[str, Any]:
        """Evaluate outputs: arrays for what is stored, 0-d arrays for what is reduced."""
        steps = tape(*(output.expression for output in outputs))
        # Formulas expect infinities, and libraries that rest on NumPy would warn of them.
        with np.errstate(all="ignore"):
            results = steps.run(self.prepared(problem), self.operations(self, problem))
        return {
            output.name: self.deliver(problem, output, result)
            for output, result in zip(outputs, results, strict=True)
        }

    def prepared(self, problem: Problem) -> dict[str, Any]:
        """Return the values of all symbols: in the working dtype, shaped to broadcast."""
        like = problem.example
        values = {
            name: self.shaped(problem, name, self._converted(problem, name, x, like))
            for name, x in problem.arrays.items()
        }
        dtype = self.dtype(problem.compute)
        for name, number in problem.numbers.items():
            plain = isinstance(number, (int, float))
            values[name] = self.full(number, dtype, like) if plain else number
        return values

    def _converted(self, problem: Problem, name: str, x: Any, like: Any) -> Any:
        if type(x) in _PYTHON:
            mask = name == "where"
            dtype = self.xp.bool if mask else self.dtype(problem.compute)
            return self.full(bool(x) if mask else float(x), dtype, like)
        return x if name == "where" else self.cast(x, problem.compute)

    def shaped(self, problem: Problem, name: str, x: Any) -> Any:
        """Return an argument with the axes that it needs to broadcast against the others."""
        axis = problem.axis
        if axis is None or self.shape(x) == ():
            return x
        if name == "class_weights":
            shape = [1] * len(problem.shape)
            shape[axis] = -1
            return self.xp.reshape(x, tuple(shape))
        return x if problem.spans_classes(name) else self.xp.expand_dims(x, axis=axis)

    def deliver(self, problem: Problem, output: Output, result: Any) -> Any:
        """Bring an output into its shape, or reduce it."""
        element = output.expression.kind is Kind.ELEMENT or problem.axis is None
        shape = problem.shape if element else problem.unit_shape
        if not hasattr(result, "shape"):
            result = self.full(result, self.dtype(problem.compute), problem.example)
        if not element and self.shape(result) != ():
            result = self.xp.squeeze(result, axis=problem.axis)
        if self.shape(result) != shape:
            result = self.spread(result, problem, element)
        return result if output.role == "store" else self.reduce(output.role, result)

    def spread(self, x: Any, problem: Problem, element: bool) -> Any:
        """Repeat an array to the shape of the first full argument, or of the unreduced loss."""
        return self.xp.broadcast_to(x, problem.shape if element else problem.unit_shape)

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

    # --- means --------------------------------------------------------------------------------
    def denominator_outputs(self, problem: Problem) -> tuple[Output, ...]:
        """Return what has to be summed to know the mean's denominator."""
        given = problem.request.denominator
        composite = problem.composite
        if problem.reduction != "mean" or not isinstance(given, str):
            return ()
        variant = composite.variant
        if given == "weights" and (variant.weights or variant.class_weights):
            return (total("denominator", composite.weight),)
        if composite.mask is None:
            return ()
        return (Output("denominator", composite.mask, "count"),)

    def denominator(self, problem: Problem, results: Mapping[str, Any]) -> Any:
        """Return the number to divide the sum by: 1 unless the reduction is a mean."""
        if problem.reduction != "mean":
            return 1.0
        given = problem.request.denominator
        if not isinstance(given, str):
            return given
        return results["denominator"] if "denominator" in results else self.size(problem)

    def size(self, problem: Problem) -> Any:
        """Return the number of elements: a float, or a 0-d array where a trace leaves it open."""
        return float(problem.count)

    def reduced(self, problem: Problem, results: Mapping[str, Any]) -> Any:
        """Return the unreduced loss, or the sum or mean from the sums of a run."""
        if problem.reduction != "mean":
            return results["value"]
        return self.divide(results["value"], self.denominator(problem, results), problem)

    def divide(self, sum_: Any, denominator: Any, problem: Problem) -> Any:
        """Divide by a denominator; 0 by 0 is 0 unless the array itself is empty."""
        size = self.size(problem) if isinstance(problem.request.denominator, str) else 1.0
        if not isinstance(size, float):
            sum_ = self.xp.where(size == 0, self.full(math.nan, sum_.dtype, sum_), sum_)
        elif size == 0:
            return sum_ * math.nan
        if isinstance(denominator, (int, float)) and denominator != 0:
            return sum_ / denominator
        nothing = denominator == 0
        safe = sum_ / (denominator + self.cast_like(nothing, sum_))
        # A constant infinity, as the derivative of a quotient by 0 would be NaN.
        limit = self.full(math.inf, sum_.dtype, sum_)
        signed = self.xp.where(sum_ > 0, limit, self.xp.where(sum_ < 0, -limit, sum_))
        return self.xp.where(nothing, signed, safe)

    def cast_like(self, x: Any, like: Any) -> Any:
        """Return x in the dtype of another array."""
        return self.cast(x, self.dtype_name(like))

    # --- kernels over host memory -------------------------------------------------------------
    def has_kernels(self, problem: Problem) -> bool:
        """Return whether compiled kernels can run on the arrays of a problem."""
        return False

    def job(self, problem: Problem, outputs: tuple[Output, ...]) -> Job:
        """Return what a kernel has to do; for backends whose arrays are host memory."""
        raise NotImplementedError

    def host_viewer(self, x: Any) -> Callable[[Any], Any] | None:
        """Return what makes arrays like this one NumPy's; None if they are."""
        raise NotImplementedError

    def addresser(self, x: Any) -> Callable[[Any], int] | None:
        """Return what tells the address of arrays like this one, if that is faster than a view."""
        return None

    def direct_guards(self, request: Request) -> tuple[Guard, ...] | None:
        """Return what tells whether a call is like this one in what native code cannot see.

        None if native code cannot be asked.
        """
        return None

    def finishers(self, dtype: str) -> tuple[Callable[[Any], Any], Callable[[Any], Any]]:
        """Return what makes numbers, and what makes kernels' arrays, arrays of this library."""
        raise NotImplementedError

    # --- derivatives --------------------------------------------------------------------------
    def inverse(self, denominator: Any) -> Any:
        """Return what gradients are multiplied by: 1 / denominator, and 0 for a mean of nothing."""
        if isinstance(denominator, (int, float)):
            return 1.0 / denominator if denominator != 0 else 0.0
        nothing = denominator == 0
        inverted = 1.0 / (denominator + self.cast_like(nothing, denominator))
        return inverted * (1.0 - self.cast_like(nothing, inverted))

    def like_argument(self, problem: Problem, name: str, gradient: Any) -> Any:
        """Return a gradient in the dtype of its argument."""
        given = self.dtype_name(problem.arrays[name])
        floating = given.startswith(("float", "bfloat")) and type(problem.arrays[name]) is not float
        return self.cast(gradient, given if floating else problem.dtype)

    def values(self, x: Any) -> Any:
        """Return NumPy's view of an array if that neither waits nor breaks a trace, else None."""
        return None

    def to_numpy(self, x: Any) -> Any:
        """Return a NumPy copy or view, for messages."""
        return np.asarray(x)


def sum_in_pairs(xp: Any, x: Any, axis: int) -> Any:
    """Sum along an axis by adding its halves, again and again, until few numbers are left.

    A library may add along an axis one number after the other; then the error grows with their
    number, here with its logarithm.
    """

    def part(first: int, last: int) -> Any:
        return x[(*(slice(None),) * axis, slice(first, last), ...)]

    odd = None
    while (length := x.shape[axis]) > _FEW:
        half = length // 2
        if length % 2:
            odd = part(2 * half, length) if odd is None else odd + part(2 * half, length)
        x = part(0, half) + part(half, 2 * half)
    total = xp.sum(x, axis=axis, keepdims=True)
    return total if odd is None else total + odd
