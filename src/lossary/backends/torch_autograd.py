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

from lossary.backends.base import Backend, CachedCall
from lossary.backends.forward_mode import unreduced_tangent
from lossary.backends.host import HostBackend
from lossary.backends.host_call import (
    HostCall,
    ScaledCall,
    array_getter,
    host_call,
    scaled_call,
)
from lossary.backends.torch_state import is_plain, is_unobserved, needs_gradient, wide
from lossary.definition.computation import Computation
from lossary.definition.outputs import (
    COTANGENT,
    denominator_outputs,
    gradient_elements,
    gradient_output,
    value_outputs,
)
from lossary.definition.reduction import denominator, inverse
from lossary.definition.request import Request
from lossary.formula.expression import argument
from lossary.formula.plan import Output

_grad_enabled = torch._C.is_grad_enabled


class Differentiable:
    """A call whose result carries a derivative."""

    def __init__(self, backend: HostBackend, computation: Computation) -> None:
        self.backend = backend
        self.names = tuple(n for n, x in computation.arrays.items() if isinstance(x, torch.Tensor))
        self.numbers = {n: x for n, x in computation.arrays.items() if n not in self.names}
        self.computation = computation.without_arrays()

    def with_tensors(self, tensors: Sequence[Any]) -> Computation:
        """Return the computation with these tensors in it."""
        arrays = {**self.numbers, **dict(zip(self.names, tensors, strict=True))}
        return self.computation.with_arrays(arrays)


class FusedCall(Differentiable):
    """The same with a kernel that computes the value and the gradients in one pass."""

    def __init__(
        self,
        backend: HostBackend,
        computation: Computation,
        fused: HostCall | ScaledCall,
        wanted: Sequence[str],
    ) -> None:
        super().__init__(backend, computation)
        self._arrays = array_getter(computation.loss, self.names)
        self._fused = fused
        self._indices = [
            (n, self.names.index(n) if n in self.names else None) for n in fused.leaves
        ]
        self._arranged = [wanted.index(n) if n in wanted else None for n in self.names]

    def __call__(self, request: Request) -> tuple[Any, ...]:
        """Return the loss, in a tuple as cached calls do."""
        return (_apply((self, None), *self._arrays(request)),)

    def direct(self, request: Request) -> CachedCall | None:
        """Return a faster form for requests like this one, if there is one."""
        fused = self._fused.direct(request)
        if fused is None:
            return None

        def take(request: Request) -> tuple[Any, ...] | None:
            results = fused(request)
            return results and (_apply((self, results), *self._arrays(request)),)

        return take

    def run(self, tensors: Sequence[Any]) -> tuple[Any, ...] | None:
        """Return the loss and the gradients; None if the call needs a closer look."""
        return self._fused.run(
            [self.numbers[n] if i is None else tensors[i] for n, i in self._indices]
        )

    def gradients(self, along: Sequence[Any], factor: float) -> tuple[Any, ...]:
        """Return the gradients of the forward pass, times a factor, in the order of the inputs."""
        if factor != 1.0:
            for gradient in along:
                gradient.mul_(factor)
        return (None, *[None if i is None else along[i] for i in self._arranged])


def fused_call(
    backend: HostBackend, computation: Computation, request: Request
) -> FusedCall | None:
    """Return a cached call that computes the gradients too, if a kernel can read every tensor."""
    wanted: list[str] = []
    fused: HostCall | ScaledCall | None
    if computation.reduction != "none" and _share_dtype(backend, computation):
        wanted = [name for name, x in computation.arrays.items() if needs_gradient(x)]
    if denominator_outputs(computation):
        fused = scaled_call(backend, computation, request, wanted) if wanted else None
    else:
        if wanted:
            scale = inverse(backend, denominator(backend, computation, {}))
            computation = computation.with_numbers(cotangent=scale)
        derivatives = (gradient_output(computation, name, COTANGENT) for name in wanted)
        chosen = (*value_outputs(computation), *derivatives)
        fused = host_call(backend, computation, request, chosen, [o.name for o in chosen[1:]])
    return None if fused is None else FusedCall(backend, computation, fused, wanted)


def _share_dtype(backend: HostBackend, computation: Computation) -> bool:
    """Return whether all gradients have the loss's dtype, and none is summed over some axes."""
    return all(
        not _is_repeated(computation, name) and backend.dtype_name(x) == computation.dtype
        for name, x in computation.arrays.items()
        if needs_gradient(x)
    )


class _Function(torch.autograd.Function):
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
        names = ctx.call.names
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


class _FusedFunction(torch.autograd.Function):
    """The same for cached calls, which run outside of transformations and forward mode."""

    @staticmethod
    def forward(ctx: Any, given: tuple[FusedCall, Any], *tensors: Any) -> Any:
        """Compute the loss, and the gradients along with it, unless they are given."""
        ctx.call, results = given
        ctx.save_for_backward(*tensors)
        ctx.along = None
        if results is None:
            results = ctx.call.run(tensors)
        if results is None:
            return Backend.value(ctx.call.backend, ctx.call.with_tensors(tensors))
        value, *ctx.along = results
        return value

    @staticmethod
    def backward(ctx: Any, *cotangents: Any) -> tuple[Any, ...]:
        """Return the gradients that were computed with the value: autograd keeps them uncopied.

        A second backward pass, and one that is differentiated, computes it again.
        """
        (cotangent,) = cotangents
        along, ctx.along = ctx.along, None
        if along and not _grad_enabled() and is_unobserved(cotangent):
            return ctx.call.gradients(along, cotangent.item())
        return _Function.backward(ctx, cotangent)


def differentiated(backend: HostBackend, computation: Computation) -> Any:
    """Compute a loss whose result carries a derivative."""
    call = Differentiable(backend, computation)
    return _Function.apply(call, *[computation.arrays[name] for name in call.names])


# What ``apply`` ends in. Before that it unwraps tensors of transformations, which takes longer
# than a small loss.
_apply = super(torch.autograd.Function, _FusedFunction).apply


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
    repeated = [name for name in names if _is_repeated(computation, name)]
    plain = [name for name in names if name not in repeated]
    outputs = tuple(gradient_output(computation, name, symbol) for name in plain)
    results = _run(backend, computation, outputs, wide) if outputs else {}
    if repeated:
        # Summed over the axes that an array is repeated along before it is rounded.
        unrounded = dataclasses.replace(computation, dtype=computation.compute)
        outputs = tuple(gradient_elements(computation, name, symbol) for name in repeated)
        each = _run(backend, unrounded, outputs, wide)
        for name in repeated:
            results[f"gradient_{name}"] = _summed(
                backend, computation, name, each[f"gradient_{name}"]
            )
    return {name: results[f"gradient_{name}"].to(computation.arrays[name].dtype) for name in names}


def _is_repeated(computation: Computation, name: str) -> bool:
    """Return whether an array is repeated along some axes: class weights, axes of length 1."""
    shape = tuple(computation.arrays[name].shape)
    return name == "class_weights" or shape not in ((), computation.full_shape(name))


def _summed(
    backend: HostBackend, computation: Computation, name: str, each: torch.Tensor
) -> torch.Tensor:
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
