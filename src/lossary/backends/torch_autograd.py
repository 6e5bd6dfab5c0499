"""Derivatives attached to PyTorch's tensors: the derived expressions as ``autograd.Function``.

So kinks and clamps are those of every other library. The derivative of the derivative is
PyTorch's own, of the gradient evaluated with torch operations.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any

import torch

from lossary.backends.base import Backend
from lossary.backends.forward_mode import unreduced_tangent
from lossary.backends.host import HostBackend
from lossary.backends.torch_state import is_plain, wide
from lossary.definition.computation import Computation
from lossary.definition.outputs import (
    COTANGENT,
    denominator_outputs,
    gradient_elements,
    gradient_output,
)
from lossary.definition.reduction import denominator, inverse
from lossary.formula.expression import argument
from lossary.formula.plan import Output


class Differentiable:
    """A call whose result carries a derivative.

    Autograd follows the tensors of the names in ``followed``, of all in ``names``.
    """

    def __init__(self, backend: HostBackend, computation: Computation) -> None:
        self.backend = backend
        self.names = tuple(n for n, x in computation.arrays.items() if isinstance(x, torch.Tensor))
        self.followed = self.names
        self.numbers = {n: x for n, x in computation.arrays.items() if n not in self.names}
        self.computation = computation.without_arrays()

    def with_tensors(self, tensors: Sequence[Any]) -> Computation:
        """Return the computation with these tensors in it."""
        arrays = {**self.numbers, **dict(zip(self.names, tensors, strict=True))}
        return self.computation.with_arrays(arrays)


class DifferentiableLoss(torch.autograd.Function):
    """A loss with the derivative of its own expression."""

    generate_vmap_rule = True

    @staticmethod
    def forward(call: Differentiable, *tensors: Any) -> Any:
        """Compute the loss."""
        return Backend.value(call.backend, call.with_tensors(tensors))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        """Keep the tensors."""
        ctx.call, *tensors = inputs
        ctx.save_for_backward(*tensors)
        ctx.save_for_forward(*tensors)

    @staticmethod
    def backward(ctx: Any, *cotangents: Any) -> tuple[Any, ...]:
        """Multiply the gradients by the cotangent."""
        (cotangent,) = cotangents
        names = ctx.call.followed
        needed = [n for n, flag in zip(names, ctx.needs_input_grad[1:], strict=True) if flag]
        found = _gradients(ctx.call, ctx.saved_tensors, needed, cotangent)
        return (None, *(found.get(name) for name in names))

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> Any:
        """Push tangents forward: the gradient times the tangent, summed over what is reduced."""
        backend, computation = ctx.call.backend, ctx.call.with_tensors(ctx.saved_tensors)
        pairs = zip(ctx.call.names, tangents[1:], strict=True)
        given = {name: tangent for name, tangent in pairs if tangent is not None}
        return backend.cast(_tangent(backend, computation, given), computation.dtype)


def differentiated(backend: HostBackend, computation: Computation) -> Any:
    """Compute a loss whose result carries a derivative."""
    call = Differentiable(backend, computation)
    return DifferentiableLoss.apply(call, *[computation.arrays[name] for name in call.names])


def _inverse(backend: HostBackend, computation: Computation) -> Any:
    """Return what a mean multiplies gradients by; 1 for the other reductions."""
    unknown = denominator_outputs(computation)
    results = backend.run(computation, unknown) if unknown else {}
    return inverse(backend, denominator(backend, computation, results))


def _tangent(backend: HostBackend, computation: Computation, tangents: dict[str, Any]) -> Any:
    """Return the tangent of the loss: that of the unreduced loss, reduced as the loss is."""
    wide = dataclasses.replace(computation, dtype=computation.compute)
    moved = unreduced_tangent(backend, wide, tangents, functools.partial(_run, backend))
    if computation.reduction == "none":
        return moved
    return backend.reduce("sum", moved) * _inverse(backend, computation)


def _gradients(
    call: Differentiable, tensors: Sequence[Any], names: list[str], cotangent: Any
) -> dict[str, Any]:
    """Evaluate gradients for a cotangent: with kernels, or differentiably with torch."""
    backend, computation = call.backend, call.with_tensors(tensors)
    dtype = backend.dtype(computation.compute)
    wide = cotangent.to(dtype)
    if computation.reduction != "none":
        symbol = COTANGENT
        scaled = (wide * _inverse(backend, computation)).to(dtype)
        computation = computation.with_numbers(cotangent=scaled)
    else:
        symbol = argument("cotangent", computation.expressions.kind)
        computation = computation.with_arrays({**computation.arrays, "cotangent": wide})
    repeated = [name for name in names if is_repeated(computation, name)]
    plain = [name for name in names if name not in repeated]
    outputs = tuple(gradient_output(computation, name, symbol) for name in plain)
    results = _run(backend, computation, outputs, wide) if outputs else {}
    if repeated:
        # Summed over the axes that an array is repeated along before it is rounded.
        unrounded = dataclasses.replace(computation, dtype=computation.compute)
        outputs = tuple(gradient_elements(computation, name, symbol) for name in repeated)
        each = _run(backend, unrounded, outputs, wide)
        for name in repeated:
            results[f"gradient_{name}"] = _summed(computation, name, each[f"gradient_{name}"])
    return {name: results[f"gradient_{name}"].to(computation.arrays[name].dtype) for name in names}


def is_repeated(computation: Computation, name: str) -> bool:
    """Return whether an array is repeated along some axes: class weights, axes of length 1."""
    shape = tuple(computation.arrays[name].shape)
    return name == "class_weights" or shape not in ((), computation.full_shape(name))


def _summed(computation: Computation, name: str, each: torch.Tensor) -> torch.Tensor:
    """Sum the gradient of every element over the axes that an array is repeated along."""
    shape = tuple(computation.arrays[name].shape)
    if name == "class_weights":
        axes = [axis for axis in range(each.ndim) if axis != computation.axis]
    else:
        axes = [axis for axis in range(each.ndim) if shape[axis] != each.shape[axis]]
    return each.sum(axes, dtype=wide(each)).reshape(shape) if axes else each


def _run(
    backend: HostBackend, computation: Computation, outputs: tuple[Output, ...], *factors: Any
) -> dict[str, Any]:
    """Run kernels where neither arrays nor factors are followed, else torch operations."""
    kernel = not torch.is_grad_enabled() and all(map(is_plain, factors))
    return backend.run(computation, outputs) if kernel else backend.plain(computation, outputs)
