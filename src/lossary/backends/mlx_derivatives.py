"""Rules for MLX's transformations: the derivatives of a loss from its own expressions.

So kinks and clamps are those of every other library. The derivative of a derivative is MLX's own,
of the gradient evaluated with MLX's functions.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import mlx.core as mx

from lossary.backends.base import Backend
from lossary.backends.forward_mode import unreduced_tangent
from lossary.definition.computation import Computation
from lossary.definition.outputs import gradient_elements, stored
from lossary.formula.expression import argument


def with_rules(backend: Backend, computation: Computation) -> Any:
    """Evaluate the unreduced loss with rules for every transformation."""
    return _Rules(backend, computation).function(*computation.arrays.values())


class _Rules:
    """The unreduced loss as a function of its arrays, and what transformations make of it."""

    def __init__(self, backend: Backend, computation: Computation) -> None:
        self._backend, self._computation = backend, computation
        self._names = tuple(computation.arrays)
        self.function = mx.custom_function(self._value)
        self.function.vjp(self._vjp)
        self.function.jvp(self._jvp)
        self.function.vmap(self._vmap)

    def _value(self, *given: Any) -> Any:
        outputs = (stored("value", self._computation.expressions.value),)
        return self._backend.plain(self._with_arrays(given), outputs)["value"]

    def _vjp(self, primals: Any, cotangent: Any, _: Any) -> Any:
        given = _as_sequence(primals)
        return tuple(
            self._gradient(given, name, cotangent).astype(x.dtype)
            if mx.issubdtype(x.dtype, mx.floating)
            else mx.zeros_like(x)
            for name, x in zip(self._names, given, strict=True)
        )

    def _jvp(self, primals: Any, tangents: Any) -> Any:
        backend, computation = self._backend, self._computation
        given = _as_sequence(primals)
        moving = {
            name: tangent
            for name, x, tangent in zip(self._names, given, tangents, strict=True)
            if tangent is not None and mx.issubdtype(x.dtype, mx.floating)
        }
        still = mx.zeros(computation.unreduced_shape, dtype=backend.dtype(computation.compute))
        return still + unreduced_tangent(backend, self._with_arrays(given), moving, backend.plain)

    def _vmap(self, given: Any, axes: Any) -> Any:
        arrays, batched = _as_sequence(given), _as_sequence(axes)
        by_name = dict(zip(self._names, batched, strict=True))
        if by_name.get("class_weights") is not None:
            return _one_by_one(self.function, arrays, batched), 0
        inner = _batched(self._computation, self._names, arrays, batched)
        return with_rules(self._backend, inner), 0

    def _with_arrays(self, given: Sequence[Any]) -> Computation:
        return self._computation.with_arrays(dict(zip(self._names, given, strict=True)))

    def _gradient(self, given: Sequence[Any], name: str, cotangent: Any) -> Any:
        """Return the gradient with respect to an argument, times the cotangent."""
        computation = self._computation
        wide = cotangent.astype(self._backend.dtype(computation.compute))
        inner = self._with_arrays(given)
        inner = inner.with_arrays({**inner.arrays, "cotangent": wide})
        symbol = argument("cotangent", computation.expressions.kind)
        output = gradient_elements(computation, name, symbol)
        elements = self._backend.plain(inner, (output,))[output.name]
        return _summed(computation, name, elements)


def _as_sequence(given: Any) -> Sequence[Any]:
    """Return what MLX passes to a rule as a sequence; for one array it is the array alone."""
    return given if isinstance(given, (tuple, list)) else (given,)


def _summed(computation: Computation, name: str, gradient: Any) -> Any:
    """Sum a gradient over what its argument was repeated along."""
    shape = computation.arrays[name].shape
    if shape == ():
        return gradient.sum()
    if name == "class_weights":
        return gradient.sum([axis for axis in range(gradient.ndim) if axis != computation.axis])
    repeated = [axis for axis, length in enumerate(gradient.shape) if shape[axis] != length]
    return gradient.sum(repeated, keepdims=True) if repeated else gradient


def _one_by_one(value: Callable[..., Any], given: Any, axes: Any) -> Any:
    """Evaluate example by example: class weights of their own cannot be batched."""
    size = next(x.shape[axis] for x, axis in zip(given, axes, strict=True) if axis is not None)
    moved = [x if a is None else mx.moveaxis(x, a, 0) for x, a in zip(given, axes, strict=True)]
    return mx.stack(
        [
            value(*[x if a is None else x[index] for x, a in zip(moved, axes, strict=True)])
            for index in range(size)
        ]
    )


def _batched(computation: Computation, names: Sequence[str], given: Any, axes: Any) -> Computation:
    """Return the computation with one more axis in front: the loss of every example at once."""
    size = next(x.shape[axis] for x, axis in zip(given, axes, strict=True) if axis is not None)
    arrays = {}
    for name, x, axis in zip(names, given, axes, strict=True):
        if name == "class_weights":
            arrays[name] = x
            continue
        moved = mx.moveaxis(x, axis, 0) if axis is not None else x[None]
        full = computation.full_shape(name)
        missing = len(full) + 1 - moved.ndim
        moved = moved.reshape(moved.shape[:1] + (1,) * missing + moved.shape[1:])
        arrays[name] = mx.broadcast_to(moved, (size, *full))
    return dataclasses.replace(
        computation,
        arrays=arrays,
        axes=tuple(axis + 1 for axis in computation.axes),
        shape=(size, *computation.shape),
        unreduced_shape=(size, *computation.unreduced_shape),
    )
