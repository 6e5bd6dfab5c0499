"""Calls on small tensors that autograd follows: one kernel computes the value and its gradients.

A mean over 100 elements and its backward pass take 30 us, of which autograd itself needs 25 for a
function that is written in Python, and 22 for ``x.sum().backward()``.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from typing import Any

import torch

from lossary.backends.base import Backend, CachedCall
from lossary.backends.direct_form import ARRAY, Text
from lossary.backends.host import HostBackend
from lossary.backends.host_call import (
    HostCall,
    ScaledCall,
    array_getter,
    host_call,
    scaled_call,
)
from lossary.backends.torch_autograd import Differentiable, DifferentiableLoss, is_repeated
from lossary.backends.torch_cotangent import CotangentKernels
from lossary.backends.torch_state import is_unobserved, needs_gradient
from lossary.definition.computation import Computation
from lossary.definition.outputs import (
    COTANGENT,
    denominator_outputs,
    gradient_output,
    value_outputs,
)
from lossary.definition.reduction import denominator, inverse
from lossary.definition.request import Request

_grad_enabled = torch._C.is_grad_enabled
#: What reads a cotangent at its address, and what it finds where that is 1: the bits of halves.
#: ``item`` takes three times as long, as more code is run for it.
_ONE: dict[str, tuple[Callable[[int], Any], float]] = {
    "float64": (ctypes.c_double.from_address, 1.0),
    "float32": (ctypes.c_float.from_address, 1.0),
    "float16": (ctypes.c_uint16.from_address, 0x3C00),
    "bfloat16": (ctypes.c_uint16.from_address, 0x3F80),
}


class FusedCall(Differentiable):
    """A differentiable call with a kernel that computes the value and the gradients in one pass."""

    def __init__(
        self,
        backend: HostBackend,
        computation: Computation,
        fused: HostCall | ScaledCall,
        wanted: Sequence[str],
    ) -> None:
        super().__init__(backend, computation)
        arrays = computation.arrays
        self.followed = tuple(name for name in self.names if needs_gradient(arrays[name]))
        self._arrays = array_getter(computation.loss, self.names)
        self._inputs = array_getter(computation.loss, self.followed)
        self._fused = fused
        self._indices = [
            (n, self.names.index(n) if n in self.names else None) for n in fused.leaves
        ]
        self._computes = bool(wanted)
        self.kernels = CotangentKernels()
        self.read, self.one = _ONE[computation.dtype]
        self.may_scale = self.one == 1.0

    def __call__(self, request: Request) -> tuple[Any, ...]:
        """Return the loss, in a tuple as cached calls do."""
        tensors = self._arrays(request)
        return (_apply((self, None, None, tensors), *self._inputs(request)),)

    def direct(self, request: Request) -> CachedCall | None:
        """Return a faster form for requests like this one, if there is one."""
        tensors, inputs = (
            ", ".join(f"{ARRAY}{name}" for name in names) for names in (self.names, self.followed)
        )
        gradients = "".join(f", {{{i}}}" for i, _ in enumerate(self.followed, 1))
        along = f"(None{gradients})" if self._computes else None
        names = {"apply": _apply, "call": self}
        text = f"(apply((call, {{0}}, {along}, ({tensors},)), {inputs}),)"
        return self._fused.direct(request, Text(text, names))

    def run(self, tensors: Sequence[Any]) -> tuple[Any, tuple[Any, ...] | None]:
        """Return the loss, and what the backward pass returns if the kernel computes gradients."""
        given = [self.numbers[n] if i is None else tensors[i] for n, i in self._indices]
        results = self._fused.run(given)
        if results is None:  # the call needs a closer look
            return Backend.value(self.backend, self.with_tensors(tensors)), None
        return results[0], (None, *results[1:]) if self._computes else None


def fused_call(
    backend: HostBackend, computation: Computation, request: Request
) -> FusedCall | None:
    """Return a cached call that computes the gradients too, if a kernel can read every tensor."""
    wanted: list[str] = []
    fused: HostCall | ScaledCall | None
    if computation.reduction != "none" and _share_dtype(backend, computation):
        wanted = [name for name, x in computation.arrays.items() if needs_gradient(x)]
    if wanted and denominator_outputs(computation):
        fused = scaled_call(backend, computation, request, wanted)
    else:
        if wanted:
            scale = inverse(backend, denominator(backend, computation, {}))
            computation = computation.with_numbers(cotangent=scale)
        derivatives = [gradient_output(computation, name, COTANGENT) for name in wanted]
        outputs, names = (*value_outputs(computation), *derivatives), [o.name for o in derivatives]
        fused = host_call(backend, computation, request, outputs, names)
    return None if fused is None else FusedCall(backend, computation, fused, wanted)


def _share_dtype(backend: HostBackend, computation: Computation) -> bool:
    """Return whether all gradients have the loss's dtype, and none is summed over some axes."""
    return all(
        not is_repeated(computation, name) and backend.dtype_name(x) == computation.dtype
        for name, x in computation.arrays.items()
        if needs_gradient(x)
    )


class _FusedFunction(torch.autograd.Function):
    """The derivative of cached calls, which run outside of transformations and forward mode."""

    @staticmethod
    def forward(ctx: Any, given: tuple[FusedCall, Any, Any, Sequence[Any]], *_: Any) -> Any:
        """Compute the loss, and the gradients along with it, unless they are given.

        Only tensors that are followed are inputs, each of which takes 0.4 us. The loss itself is
        not kept: it would keep its own history alive.
        """
        ctx.call, value, ctx.along, tensors = given
        ctx.save_for_backward(*tensors)
        if value is None:
            value, ctx.along = ctx.call.run(tensors)
        return value

    @staticmethod
    def backward(ctx: Any, cotangent: Any) -> Any:
        """Return the gradients that were computed with the value: autograd keeps them uncopied.

        A second backward pass, and one that is differentiated, computes them again; so does one
        that scales halves, which are rounded once.
        """
        call, along, ctx.along = ctx.call, ctx.along, None
        if _grad_enabled() or not is_unobserved(cotangent):
            return DifferentiableLoss.backward(ctx, cotangent)
        if along is not None:
            if call.read(cotangent.data_ptr()).value == call.one:
                return along
            if call.may_scale:
                for gradient in along:
                    if gradient is not None:
                        gradient.mul_(cotangent)
                return along
        needed = ctx.needs_input_grad[1:]
        found = call.kernels.gradients(call, ctx.saved_tensors, needed, cotangent)
        return (None, *found) if found else DifferentiableLoss.backward(ctx, cotangent)


# A step between the engine and ``backward`` asks for other names of it.
_FusedFunction._backward_cls.apply = _FusedFunction.backward
# What ``apply`` ends in. Before that it unwraps tensors of transformations, which takes longer
# than a small loss.
_apply = super(torch.autograd.Function, _FusedFunction).apply
