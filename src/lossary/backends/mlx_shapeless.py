"""MLX with ``shapeless=True``: traces of ``mx.compile`` and ``mx.export_function`` for any size.

Such a trace sees the lengths of its first inputs, and runs on inputs of other lengths later. So
what depends on a length is computed from arrays, by operations that ask for it when they run.
Functions with derivatives of their own (``mx.custom_function``) do not work in such a trace;
there the derivative is attached by terms whose value is 0.
"""

from __future__ import annotations

import io
from typing import Any

import mlx.core as mx

from lossary.backends.base import Backend
from lossary.backends.forward_mode import summed_over_classes
from lossary.definition.computation import Computation
from lossary.definition.outputs import stored
from lossary.formula.expression import literal

_PROBE = mx.array([0.0, 0.0])
_LARGEST = 3.4028234e38


def is_shapeless() -> bool:
    """Return whether MLX is tracing a function that is compiled for any size.

    MLX has no function for it. In such a trace alone a mean asks for its number of
    elements when it runs; elsewhere that is a constant.
    """
    graph = io.StringIO()
    mx.export_to_dot(graph, mx.mean(_PROBE))
    return "NumberOfElements" in graph.getvalue()


def spread(x: Any, like: Any) -> Any:
    """Return x repeated to the shape of another array."""
    return mx.broadcast_arrays(x, like)[0]


def ones(computation: Computation, element: bool) -> Any:
    """Return integer ones of the shape of the first full argument, or of the unreduced loss."""
    arrays = computation.arrays
    names = [name for name in computation.loss.arguments if computation.spans_classes(name)]
    full = next((arrays[name] for name in names if arrays[name].ndim), arrays[names[0]])
    found = spread(mx.array(1), full)
    whole = element or not computation.axes
    return found if whole else _one_each(found, list(computation.axes), False)


def class_ones(computation: Computation) -> Any:
    """Return integer ones along the class axes; the other axes have length 1."""
    found = ones(computation, element=True)
    others = [axis for axis in range(found.ndim) if axis not in computation.axes]
    return _one_each(found, others, True) if others else found


def _one_each(x: Any, axes: list[int], keepdims: bool) -> Any:
    """Return a one for all elements along some axes, even where there are none."""
    return x.sum(axes, keepdims=keepdims) * 0 + 1


def differentiable(backend: Backend, computation: Computation) -> Any:
    """Evaluate the unreduced loss, with the derived gradient as its derivative.

    To the value, a constant, is added ``g (x - x0)`` for every input x, where g is the gradient and
    x0 is x, both as constants: it is 0, and its derivative is g. That has no derivative of its own,
    so the second one is NaN, not a number that would be wrong.
    """
    names = [n for n, x in computation.arrays.items() if mx.issubdtype(x.dtype, mx.floating)]
    outputs = [stored(name, computation.expressions.gradient(name, literal(1))) for name in names]
    value = stored("value", computation.expressions.value)
    constant = {name: mx.stop_gradient(x) for name, x in computation.arrays.items()}
    inner = computation.with_arrays(constant)
    results = backend.plain(inner, (value, *outputs))
    total = results["value"]
    for name in names:
        # 0 times the largest number, in place of infinity, is not NaN.
        slope = mx.clip(results[name], -_LARGEST, _LARGEST)
        product = slope * _move(backend, computation, name)
        total = total + summed_over_classes(computation, name, product)
    return total


def _move(backend: Backend, computation: Computation, name: str) -> Any:
    """Return 0 with derivative 1 (0 where the input is infinite), and second derivative NaN."""
    x = computation.arrays[name].astype(backend.dtype(computation.compute))
    finite = mx.where(mx.isfinite(x), x, 0)
    move = finite - mx.stop_gradient(finite)
    move = move + mx.abs(move) ** 1.5
    return backend.shaped(computation, name, move) if name == "class_weights" else move
