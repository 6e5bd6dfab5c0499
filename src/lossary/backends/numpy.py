"""NumPy: fused kernels over host memory; plain NumPy operations where they cannot be compiled."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from lossary.backends.base import _PYTHON, Backend
from lossary.call.request import Request
from lossary.direct_recipe import Guard
from lossary.errors import type_error
from lossary.formula.plan import Output
from lossary.problem import Problem
from lossary.recipe import Recipe, host_recipe, value_outputs

if TYPE_CHECKING:
    from lossary.kernels.memory import Job

Array = np.ndarray[Any, np.dtype[Any]]


class NumpyBackend(Backend):
    """Arrays of NumPy, Python numbers and sequences, and whatever offers ``__array__``."""

    name = "NumPy"
    host = True

    def asarray(self, given: Any, function: str, name: str) -> Any:
        """Return an array; refuse what would silently lose its meaning."""
        if type(given) in _PYTHON or type(given) is np.ndarray:
            return given
        if _has_masks(given):
            raise type_error(
                function,
                name,
                "must be a plain array",
                "a masked array" if hasattr(given, "mask") else "masked arrays in a sequence",
                "Pass its .data, and where=~mask.",
            )
        if isinstance(given, np.matrix):
            raise type_error(
                function, name, "must be a plain array", "numpy.matrix", "Pass numpy.asarray(...)."
            )
        try:
            array = np.asarray(given)
        except ValueError as error:
            remedy = "Give every row the same length."
            raise type_error(
                function,
                name,
                "must be a rectangular array",
                f"a ragged sequence ({error})",
                remedy,
            ) from None
        return array

    def dtype_name_of(self, dtype: Any) -> str:
        """Return the name of a dtype."""
        return np.dtype(dtype).name

    def has_dtype(self, name: str) -> bool:
        """Tell whether NumPy knows a dtype of this name (bfloat16 comes with ml_dtypes)."""
        try:
            np.dtype(name)
        except TypeError:
            return False
        return True

    def dtype(self, name: str) -> Any:
        """Return the dtype of this name."""
        return np.dtype(name)

    def promote(self, arrays: Sequence[Any]) -> str:
        """Return the dtype that NumPy's promotion gives."""
        strong = [x.dtype for x in arrays if type(x) not in _PYTHON]
        if not strong:
            return "float64"
        first = strong[0]
        if all(dtype == first for dtype in strong):
            return first.name
        try:
            return np.result_type(*strong).name
        except TypeError:  # bfloat16 and float16: neither holds the other's numbers
            return "float32"

    def cast(self, x: Any, name: str) -> Any:
        """Return x in the dtype of this name, rounded without a warning."""
        with np.errstate(all="ignore"):
            return np.asarray(x).astype(self.dtype(name), copy=False)[()]

    def run(self, problem: Problem, outputs: tuple[Output, ...]) -> dict[str, Any]:
        """Run the fused kernel."""
        if not self.has_kernels(problem):
            return super().run(problem, outputs)
        from lossary.kernels import host

        results = host.run(self.job(problem, outputs))
        if problem.dtype == "bfloat16":
            for output in outputs:
                if output.role == "store":
                    results[output.name] = results[output.name].view(self.dtype("bfloat16"))
        return results

    def has_kernels(self, problem: Problem) -> bool:
        """Return whether compiled kernels can run: there must be elements to read."""
        return has_compiler() and not problem.has_no_classes

    def job(self, problem: Problem, outputs: tuple[Output, ...]) -> Job:
        """Return what a kernel has to do, in terms of host memory."""
        from lossary.kernels.memory import Job

        arrays = {name: np.asarray(x) for name, x in problem.arrays.items()}
        return Job(
            outputs=outputs,
            arrays={name: repeated(problem, name, x) for name, x in arrays.items()},
            numbers=kernel_numbers(problem, arrays),
            axis=problem.axis,
            shape=problem.shape,
            unit_shape=problem.unit_shape,
            compute=problem.compute,
            dtypes={o.name: problem.dtype for o in outputs if o.role == "store"},
        )

    def recipe(
        self,
        problem: Problem,
        outputs: tuple[Output, ...] | None = None,
        gradients: Sequence[str] = (),
    ) -> Recipe | None:
        """Return a recipe for calls of the same signature."""
        if not has_compiler():
            return None
        return host_recipe(self, problem, outputs or value_outputs(self, problem), gradients)

    def direct_guards(self, request: Request) -> tuple[Guard, ...]:
        """Return nothing: native code sees all that there is."""
        return ()

    def host_viewer(self, x: Any) -> Callable[[Any], Any] | None:
        """Return what makes arrays like this one NumPy's; None if they are."""
        return None if type(x) is np.ndarray else np.asarray

    def finishers(self, dtype: str) -> tuple[Callable[[Any], Any], Callable[[Any], Any]]:
        """Return what makes numbers, and what makes kernels' arrays, what the caller gets."""
        number = self.dtype(dtype)
        if dtype == "bfloat16":
            return number.type, lambda x: x.view(number)
        return quiet(dtype, number.type), _unwrapped

    def values(self, x: Any) -> Any:
        """Return the array itself."""
        return np.asarray(x)

    def to_numpy(self, x: Any) -> Array:
        """Return the array itself."""
        return np.asarray(x)

    def divide(self, sum_: Any, denominator: Any, problem: Problem) -> Any:
        """Divide on the host, where values can be looked at."""
        if problem.count == 0 and isinstance(problem.request.denominator, str):
            return np.float64(np.nan)
        if denominator == 0 and sum_ == 0:
            return np.float64(0.0)
        with np.errstate(all="ignore"):
            return np.float64(sum_) / np.float64(denominator)


def kernel_numbers(problem: Problem, arrays: Mapping[str, Array]) -> dict[str, float]:
    """Return the numbers for a kernel, which reads labels as int64: uint64 wraps round there."""
    numbers = {name: float(number) for name, number in problem.numbers.items()}
    ignored = problem.request.ignore_index
    if ignored is not None and ignored >= 2**63:
        wraps = arrays["targets"].dtype == np.uint64
        numbers["ignore_index"] = float(int(ignored) - 2**64) if wraps else math.nan
    return numbers


def repeated(problem: Problem, name: str, x: Array) -> Array:
    """Return a view that repeats an array along its axes of length 1, as the loss is computed."""
    full = problem.full_shape(name)
    return x if name == "class_weights" or x.shape in ((), full) else np.broadcast_to(x, full)


def _has_masks(given: Any) -> bool:
    """Tell whether this is a masked array, or a sequence with one in it."""
    if "numpy.ma" not in sys.modules:  # NumPy loads it when it is asked for, in 10 ms
        return False
    if not isinstance(given, (list, tuple)):
        return isinstance(given, np.ma.MaskedArray)
    kinds = set(map(type, given))
    if any(issubclass(kind, np.ma.MaskedArray) for kind in kinds):
        return True
    return any(issubclass(kind, (list, tuple)) for kind in kinds) and any(map(_has_masks, given))


def _unwrapped(x: Array) -> Any:
    return x if x.ndim else x[()]


def quiet(dtype: str, make: Callable[[float], Any]) -> Callable[[float], Any]:
    """Return what makes numbers of a dtype without NumPy's warning where they become infinite."""
    if dtype not in {"float16", "float32"}:
        return make
    largest = float(np.finfo(dtype).max)

    def made(x: float) -> Any:
        if -largest <= x <= largest:
            return make(x)
        with np.errstate(over="ignore"):
            return make(x)

    return made


@cache
def has_compiler() -> bool:
    """Return whether kernels can be compiled here, for a processor with fused multiply-add."""
    from lossary.kernels import compile as compiler

    return compiler.is_available()


BACKEND = NumpyBackend(np)
