"""JAX: expressions under ``jax.jit``, with the derivative of their own by ``custom_jvp``."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.custom_derivatives import SymbolicZero

from lossary.backends.base import Backend, CachedCall
from lossary.backends.compiled import CompiledCall
from lossary.backends.descriptions import DESCRIBE
from lossary.backends.forward_mode import unreduced_tangent
from lossary.backends.jax_host import ARRAY, on_host
from lossary.backends.operations import ArrayOperations
from lossary.definition.computation import Computation
from lossary.definition.outputs import denominator_outputs, stored, value_outputs
from lossary.definition.request import Request
from lossary.errors import value_error
from lossary.formula.plan import Output

Arrays = dict[str, Any]
#: Tells along which axes an array is sharded; older versions have no such arrays.
TYPE_OF: Callable[[Any], Any] | None = getattr(jax, "typeof", None)


class JaxOperations(ArrayOperations):
    """JAX's functions, with its own derivatives where they are right."""

    native = {"sigmoid": jax.nn.sigmoid, "stop": jax.lax.stop_gradient}  # noqa: RUF012

    def stop(self, x: Any) -> Any:
        """Return the same value, a constant for JAX's derivative."""
        return jax.lax.stop_gradient(x)

    def index(self) -> Any:
        """Return the positions along the class axis, on the devices that have the elements."""
        axis, found = self.axis or 0, super().index()
        parts = _sharded_along(axis, self.like)
        if parts is None or self.like.ndim != found.ndim:
            return found
        return jax.sharding.reshard(found, jax.sharding.PartitionSpec(*[None] * axis, parts[axis]))

    def apply_along(self, name: str, *arrays: Any, **options: Any) -> Any:
        """Apply a function of an axis, which is whole on every device while it is applied."""
        axis = options["axis"]
        parts = _sharded_along(axis, *arrays)
        if parts is None:
            return super().apply_along(name, *arrays, **options)
        whole = jax.sharding.PartitionSpec(*parts[:axis], None, *parts[axis + 1 :])
        arrays = tuple(jax.sharding.reshard(x, whole) for x in arrays)
        found = super().apply_along(name, *arrays, **options)
        return jax.sharding.reshard(found, parts)


def _sharded_along(axis: int, *arrays: Any) -> Any:
    """Return how the first array that is sharded along an axis is; None if none is."""
    specs = [TYPE_OF(x).sharding.spec for x in arrays] if TYPE_OF else []
    return next((s for s in specs if len(s) > axis and s[axis] is not None), None)


class JaxBackend(Backend):
    """Arrays and tracers of JAX."""

    name = "JAX"
    arrays = jax.Array
    module = "jax.numpy"
    takes_numpy = True
    conversion = "jax.numpy.asarray({0})"
    operations = JaxOperations
    divides_by_constants = False

    def from_numpy(self, x: Any, function: str, name: str) -> Any:
        """Return an array of NumPy as a constant, copied: JAX may read it later."""
        if x.dtype.kind in "iu" and x.dtype.itemsize == 8 and not jax.config.jax_enable_x64:
            _check_range(x, function, name)
        return jnp.array(x.astype(x.dtype.newbyteorder("="), copy=False))

    def has_dtype(self, name: str) -> bool:
        """Return whether JAX computes in this dtype (float64 needs ``jax_enable_x64``)."""
        return name != "float64" or bool(jax.config.jax_enable_x64)

    def default_float(self) -> str:
        """Return float64 if ``jax_enable_x64`` is set, else float32."""
        return "float64" if jax.config.jax_enable_x64 else "float32"

    def dtype_name_of(self, dtype: Any) -> str:
        """Return the name of a dtype."""
        return jnp.dtype(dtype).name

    def full(self, value: float, dtype: Any, like: Any) -> Any:
        """Return a 0-d array."""
        return jnp.asarray(value, dtype=dtype)

    def arange(self, count: int, dtype: Any, like: Any) -> Any:
        """Return 0, 1, ... in this dtype."""
        return jnp.arange(count, dtype=dtype)

    def cast(self, x: Any, name: str) -> Any:
        """Return x in the dtype of this name."""
        return x.astype(name)

    def concrete(self, computation: Computation) -> bool:
        """Return whether the values are known: they are not under a transformation."""
        return not any(isinstance(x, jax.core.Tracer) for x in computation.arrays.values())

    def run(self, computation: Computation, outputs: tuple[Output, ...]) -> dict[str, Any]:
        """Evaluate outputs as one compiled computation."""
        results: dict[str, Any] = CompiledCall(self, computation, outputs)(computation)
        return results

    def value(self, computation: Computation) -> Any:
        """Compute the loss, its reduction included, as one compiled computation."""
        if computation.check is not None:
            return super().value(computation)
        return CompiledCall(self, computation, value_outputs(computation), ())(computation)[0]

    def compiled_call(
        self,
        computation: Computation,
        request: Request,
        outputs: tuple[Output, ...] | None = None,
        gradients: Sequence[str] = (),
    ) -> CachedCall | None:
        """Return a compiled function for requests like this one, unless values are checked."""
        if computation.check is not None or not self.concrete(computation):
            return None
        outputs = outputs or value_outputs(computation)
        call = CompiledCall(self, computation, outputs, tuple(gradients))
        if gradients and denominator_outputs(computation):
            return call.cached(computation)
        return on_host(computation, request, outputs, gradients, call.cached(computation))

    def compile(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function under ``jax.jit``."""
        return jax.jit(function)

    def constant(self, x: Any, dtype: str) -> Any:
        """Return a number as a 0-d array, even inside a trace."""
        with jax.ensure_compile_time_eval():
            return jnp.asarray(x, dtype)

    def evaluated(self, computation: Computation, outputs: tuple[Output, ...]) -> dict[str, Any]:
        """Evaluate outputs inside a trace, the value with its own derivative."""
        results = {}
        rest = []
        for output in outputs:
            if output.expression is computation.expressions.value:
                value = self._differentiable(computation)
                results[output.name] = (
                    value if output.role == "store" else self.reduce(output.role, value)
                )
            else:
                rest.append(output)
        if rest:
            results |= self.plain(computation, tuple(rest))
        return results

    def _differentiable(self, computation: Computation) -> Any:
        """Evaluate the unreduced loss; its tangent is the derived gradient times the input's."""

        @jax.custom_jvp
        def value(arrays: Arrays, numbers: Arrays) -> Any:
            outputs = (stored("value", computation.expressions.value),)
            inner = dataclasses.replace(computation, arrays=arrays, numbers=numbers)
            return self.plain(inner, outputs)["value"]

        def value_jvp(primals: Any, tangents: Any) -> Any:
            arrays, numbers = primals
            inner = dataclasses.replace(computation, arrays=arrays, numbers=numbers)
            given = {
                name: tangent
                for name, tangent in tangents[0].items()
                if not (isinstance(tangent, SymbolicZero) or tangent.dtype == jax.dtypes.float0)
            }
            still = jnp.zeros(computation.unreduced_shape, computation.compute)
            moved = unreduced_tangent(self, inner, given, self.plain)
            return value(arrays, numbers), still + moved

        value.defjvp(value_jvp, symbolic_zeros=True)
        return value(dict(computation.arrays), dict(computation.numbers))

    def size(self, computation: Computation) -> Any:
        """Return the number of elements: an array where ``jax.export`` has symbols for lengths."""
        count = computation.count
        return float(count) if isinstance(count, int) else jnp.asarray(count, self.default_float())

    def sum_along(self, x: Any, axis: int) -> Any:
        """Sum along an axis, which is kept; XLA adds in short windows."""
        return x.sum(axis, keepdims=True)

    def reduce(self, role: str, x: Any) -> Any:
        """Reduce; XLA adds in short windows, so that float32 sums keep their digits."""
        if role in {"sum", "count"}:
            return x.astype(self.default_float()).sum()
        return super().reduce(role, x)


def _check_range(x: Any, function: str, name: str) -> None:
    """Raise if JAX would wrap an integer round to another of 32 bits."""
    limits = np.iinfo(np.int32 if x.dtype.kind == "i" else np.uint32)
    outside = (x < limits.min) | (x > limits.max)
    if outside.any():
        requirement = "must hold integers of 32 bits beside JAX arrays"
        remedy = "Set jax_enable_x64 for larger ones."
        raise value_error(function, name, requirement, int(x[outside][0]), remedy)


def _describe(x: Any) -> Any:
    return (x.dtype, x.shape, x.committed, jax.config.jax_enable_x64)


# Calls on tracers are not cached.
DESCRIBE[ARRAY] = _describe
BACKEND = JaxBackend(jnp)
