"""MLX: lazy expressions, with the derivative of their own by ``custom_function``."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from functools import cache
from typing import Any

import mlx.core as mx
import numpy as np

from lossary.backends.axis_functions import AxisFunctions
from lossary.backends.base import PYTHON, Backend, CachedCall
from lossary.backends.compiled import CompiledCall
from lossary.backends.descriptions import DESCRIBE
from lossary.backends.mlx_derivatives import with_rules
from lossary.backends.mlx_shapeless import (
    class_ones,
    differentiable,
    is_shapeless,
    ones,
    spread,
)
from lossary.backends.operations import ArrayOperations
from lossary.definition.computation import Computation
from lossary.definition.outputs import value_outputs
from lossary.definition.request import Request
from lossary.formula.plan import Output

# At most this many neighbours are added up in float32 before their sums are in float64: as
# accurate, as MLX adds eight of them at a time, and 9 times as fast as float64 throughout.
_WINDOW = 64
# For fewer numbers one more operation takes longer than to turn all of them into float64.
_FEW = 2048
# At most this many positions are kept with what is compiled.
_KEPT = 4096
# At most this many classes are added up in float32 alone.
_SHORT = 32

#: Whether what is traced is to be fused, not differentiated.
_ORDINARY = ContextVar("ordinary", default=False)


class _AnySizeError(Exception):
    """A compiled function is called in a trace for any size, where it cannot run."""


class MlxFunctions(AxisFunctions):
    """Functions of an axis; MLX's own sort is stable."""

    def order(self, key: Any, *, axis: int) -> Any:
        """Return the indices of the elements in ascending order."""
        return mx.argsort(key, axis=axis)


class AnySizeFunctions(MlxFunctions):
    """The same in a trace for any number of rows, where nothing can be sliced."""

    def neighbour(
        self, x: Any, *, axis: int, fill: float, reverse: bool = False, step: int = 1
    ) -> Any:
        """Return the element some steps before each, or after; ``fill`` where there is none."""
        length = x.shape[axis]
        shape = [1] * x.ndim
        shape[axis] = length
        places = mx.arange(length).reshape(shape) + (step if reverse else -step)
        inside = (places >= 0) & (places < length)
        index = spread(mx.clip(places, 0, length - 1), x)
        return mx.where(inside, mx.take_along_axis(x, index, axis), fill)


class MlxOperations(ArrayOperations):
    """MLX's functions, with its own derivatives where they are right."""

    native = {"sigmoid": mx.sigmoid, "stop": mx.stop_gradient}  # noqa: RUF012

    # On GPUs there is no float64.
    _sums_wide = False

    def stop(self, x: Any) -> Any:
        """Return the same value, a constant for MLX's derivative."""
        return mx.stop_gradient(x)

    def isfinite(self, x: Any) -> Any:
        """Return whether x is finite, in two operations: MLX's own are seven, which fuse less."""
        return mx.abs(x) < math.inf

    def apply_along(self, name: str, *arrays: Any, **options: Any) -> Any:
        """Apply a function of an axis to full arrays."""
        functions = AnySizeFunctions(mx) if is_shapeless() else MlxFunctions(mx)
        return getattr(functions, name)(*arrays, **options)

    def at_label(self, x: Any, labels: Any) -> Any:
        """Return a row's element at its label, read there in ordinary calls."""
        axis = self.axis or 0
        last = self.shape[axis] - 1
        rows = isinstance(labels, mx.array) and labels.ndim == len(self.shape)
        if not (_ORDINARY.get() and rows) or last < 0:
            return super().at_label(x, labels)
        index = mx.clip(labels, 0, last).astype(mx.int32)
        found = mx.take_along_axis(self._full(x), index, axis)
        return mx.where((labels >= 0) & (labels <= last), found, 0.0)

    def index(self) -> Any:
        """Return the positions along the class axis, shaped to broadcast."""
        axis = self.axis or 0
        if _ORDINARY.get() and self.shape[axis] <= _KEPT:  # no operations of each call
            shape = [1] * len(self.shape)
            shape[axis] = -1
            return mx.array(np.arange(self.shape[axis]).reshape(shape), self.dtype)
        if not is_shapeless():
            return super().index()
        return (mx.cumsum(class_ones(self.computation), self.axis) - 1).astype(self.dtype)

    def class_count(self) -> Any:
        """Return the number of classes."""
        if not is_shapeless():
            return super().class_count()
        return class_ones(self.computation).sum().astype(self.dtype)


class MlxBackend(Backend):
    """Arrays of MLX."""

    name = "MLX"
    arrays = mx.array
    module = "mlx.core"
    takes_numpy = True
    conversion = "mlx.core.array({0})"
    operations = MlxOperations
    divides_by_constants = True

    def from_numpy(self, x: Any, function: str, name: str) -> Any:
        """Return an array of NumPy as a constant; MLX takes no negative strides or byte orders."""
        return mx.array(np.asarray(x, x.dtype.newbyteorder("="), order="C"))

    def dtype_name_of(self, dtype: Any) -> str:
        """Return the name of a dtype; MLX calls booleans ``bool_``."""
        if isinstance(dtype, np.dtype):  # of an array that MLX cannot hold
            return dtype.name
        name = dtype if isinstance(dtype, str) else str(dtype).rpartition(".")[2]
        return name.rstrip("_")

    def has_dtype(self, name: str) -> bool:
        """Return whether MLX has this dtype (float64 on CPUs only)."""
        return name != "float64" or mx.default_device() == mx.cpu

    def default_float(self) -> str:
        """Return MLX's default dtype."""
        return "float32"

    def dtype(self, name: str) -> Any:
        """Return the dtype of this name."""
        return mx.bool_ if name == "bool" else getattr(mx, name)

    def promote(self, arrays: Sequence[Any]) -> str:
        """Return the dtype that MLX's promotion gives."""
        strong = [x.dtype for x in arrays if type(x) not in PYTHON]
        return self.dtype_name_of(mx.result_type(*strong)) if strong else self.default_float()

    def full(self, value: float, dtype: Any, like: Any) -> Any:
        """Return a 0-d array."""
        return mx.array(value, dtype=dtype)

    def arange(self, count: int, dtype: Any, like: Any) -> Any:
        """Return 0, 1, ... in this dtype."""
        return mx.arange(count, dtype=dtype)

    def cast(self, x: Any, name: str) -> Any:
        """Return x in the dtype of this name."""
        return x.astype(self.dtype(name))

    def to_numpy(self, x: Any) -> Any:
        """Return the values on the host (this evaluates them)."""
        if isinstance(x, mx.array) and x.dtype == mx.bfloat16:
            x = x.astype(mx.float32)
        return np.asarray(x)

    # --- running ------------------------------------------------------------------------------
    def compiled_call(
        self,
        computation: Computation,
        request: Request,
        outputs: tuple[Output, ...] | None = None,
        gradients: Sequence[str] = (),
    ) -> CachedCall | None:
        """Return a compiled function for requests like this one, unless values are checked.

        Nothing in MLX's interface tells an array of a trace from others; compiled functions take
        both, except in a trace for any size.
        """
        if computation.check is not None or is_shapeless() or not can_compile():
            return None
        outputs = outputs or value_outputs(computation)
        compiled = CompiledCall(self, computation, outputs, tuple(gradients)).cached(computation)

        def run(request: Request) -> Any:
            try:
                return compiled(request)
            except _AnySizeError:
                return None

        return run

    def compile(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function under ``mx.compile``, traced beforehand for ordinary calls.

        ``mx.compile`` calls the function itself for arrays of a trace, and else to trace it. So it
        is traced here, with arrays that are never computed; a transformation that calls it later
        traces it again.
        """
        compiled: Callable[..., Any] = mx.compile(function)
        ordinary = False

        def run(*given: Any) -> Any:
            nonlocal ordinary
            if not ordinary:
                token = _ORDINARY.set(True)
                try:
                    compiled(*[mx.zeros(x.shape, x.dtype) for x in given])
                finally:
                    _ORDINARY.reset(token)
                ordinary = True
            return compiled(*given)

        return run

    def constant(self, x: Any, dtype: str) -> Any:
        """Return a number as a 0-d array."""
        return mx.array(x, dtype=self.dtype(dtype))

    def evaluated(self, computation: Computation, outputs: tuple[Output, ...]) -> dict[str, Any]:
        """Evaluate outputs of a compiled function: in ordinary calls without its own derivative.

        A function with a derivative of its own is one that MLX does not fuse with what follows.
        """
        if _ORDINARY.get():
            filled = computation.with_arrays(self._filled(computation))
            return self.plain(filled, outputs)
        if is_shapeless():
            raise _AnySizeError
        return self.run(computation, outputs)

    def run(self, computation: Computation, outputs: tuple[Output, ...]) -> dict[str, Any]:
        """Evaluate outputs lazily, the value with its own derivative."""
        computation = computation.with_arrays(self._filled(computation))
        shapeless = is_shapeless()
        results: dict[str, Any] = {}
        rest = []
        for output in outputs:
            if output.expression is computation.expressions.value:
                evaluate = differentiable if shapeless else with_rules
                value = evaluate(self, computation)
                stores = output.role == "store"
                results[output.name] = value if stores else self.reduce(output.role, value)
            else:
                rest.append(output)
        return results | (super().run(computation, tuple(rest)) if rest else {})

    def _filled(self, computation: Computation) -> dict[str, Any]:
        """Return the arrays, Python numbers made 0-d."""
        return {
            name: mx.array(x, dtype=self.dtype("bool" if name == "where" else computation.compute))
            if type(x) in PYTHON
            else x
            for name, x in computation.arrays.items()
        }

    def sum_along(self, x: Any, axis: int) -> Any:
        """Sum along an axis, which is kept; CPUs add one by one, and have float64 for that."""
        length = x.shape[axis]
        if not is_shapeless() and x.size == 0:  # MLX's own sum of nothing may not end
            return mx.zeros([*x.shape[:axis], 1, *x.shape[axis + 1 :]], x.dtype)
        if not self.has_dtype("float64") or (x.dtype == mx.float32 and length <= _SHORT):
            return x.sum(axis, keepdims=True)
        wide = x
        if x.dtype == mx.float32 and not is_shapeless() and (window := _divisor(length)):
            wide = mx.unflatten(x, axis, (-1, window)).sum(axis + 1)
        return wide.astype(mx.float64).sum(axis, keepdims=True).astype(x.dtype)

    def length(self, x: Any, axis: int) -> Any:
        """Return the length of an axis: an array where a trace is for any size."""
        if not is_shapeless():
            return x.shape[axis]
        return spread(mx.array(1), x).sum(axis, keepdims=True)

    def size(self, computation: Computation) -> Any:
        """Return the number of elements: an array where a trace is for any size."""
        if not is_shapeless():
            return float(computation.count)
        filled = computation.with_arrays(self._filled(computation))
        return ones(filled, element=False).sum().astype(self._wide())

    def spread(self, x: Any, computation: Computation, element: bool) -> Any:
        """Repeat an array to the shape of the first full argument, or of the unreduced loss."""
        if not is_shapeless():
            return super().spread(x, computation, element)
        return spread(x, ones(computation, element))

    def shaped(self, computation: Computation, name: str, x: Any) -> Any:
        """Return an argument with the axes that it needs to broadcast against the others."""
        if name != "class_weights" or not computation.axes:
            return super().shaped(computation, name, x)
        return mx.expand_dims(
            x, [i for i in range(len(computation.shape)) if i != computation.axis]
        )

    def reduce(self, role: str, x: Any) -> Any:
        """Reduce; sums end in float64 where the device has it."""
        if role not in {"sum", "count"}:
            return super().reduce(role, x)
        if not is_shapeless() and x.size == 0:
            return mx.zeros((), self._wide())
        if x.dtype == mx.float32 and x.size > _FEW and not is_shapeless():
            if window := _divisor(x.size):
                x = x.reshape(-1, window).sum(-1)
            else:
                flat, whole = x.reshape(-1), x.size - x.size % _WINDOW
                x = mx.concatenate([flat[:whole].reshape(-1, _WINDOW).sum(-1), flat[whole:]])
        return x.astype(self._wide()).sum()

    def _wide(self) -> Any:
        return mx.float64 if self.has_dtype("float64") else mx.float32


def _divisor(size: int) -> int:
    """Return the largest number of neighbours that a size is a multiple of; 0 if that is small."""
    return next((n for n in range(_WINDOW, _WINDOW // 4, -1) if size % n == 0), 0)


@cache
def can_compile() -> bool:
    """Return whether ``mx.compile`` works here: on CPUs it needs a C++ compiler."""
    try:
        mx.eval(mx.compile(lambda x: mx.abs(x) + x)(_ONE))
    except RuntimeError:
        return False
    return True


def _describe(x: Any) -> Any:
    return (x.dtype, x.shape, _HAS_GPU and mx.default_device() == mx.cpu)


_HAS_GPU = mx.is_available(mx.gpu)
_ONE = mx.array([1.0])
DESCRIBE[mx.array] = _describe
BACKEND = MlxBackend(mx)
