"""Gradients of unreduced losses of tensors: kernels that an earlier backward pass has bound.

``loss(x, t).sum().backward()`` of 100 elements takes 62 us, where each backward pass derives the
gradient and binds its kernel 417.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from lossary.backends.host_call import bound_kernel
from lossary.backends.torch_autograd import Differentiable, is_repeated
from lossary.bounded_cache import BoundedCache
from lossary.definition.outputs import gradient_output
from lossary.formula.expression import argument
from lossary.kernels import host

_COTANGENT = "cotangent"
#: Calls differ in which gradients are needed and in the layout of what arrives for the loss.
_LIMIT = 8


class CotangentKernels:
    """The kernels for the gradients of one cached call, given a cotangent for every element."""

    def __init__(self) -> None:
        self._kernels = BoundedCache(_LIMIT)

    def gradients(
        self,
        call: Differentiable,
        tensors: Sequence[Any],
        needed: tuple[bool, ...],
        cotangent: torch.Tensor,
    ) -> tuple[Any, ...] | None:
        """Return the gradients in the order of the tensors; None if no kernel computes them."""
        if cotangent.layout is not torch.strided or cotangent.is_neg():
            return None
        key = needed, cotangent.stride(), cotangent.dtype
        kernel = self._kernels.find(key)
        if kernel is None:
            if not _has_kernel(call, tensors, needed):
                return None
            kernel = self._kernels.keep(key, _Kernel(call, tensors, needed, cotangent))
        try:
            found: tuple[Any, ...] = kernel(tensors, cotangent)
        except RuntimeError:  # a tensor that stands for another has no memory of its own
            return None
        return found


def _has_kernel(call: Differentiable, tensors: Sequence[Any], needed: tuple[bool, ...]) -> bool:
    """Return whether each gradient is stored for every element, none summed."""
    computation = call.with_tensors(tensors)
    return computation.reduction == "none" and not any(
        is_repeated(computation, name) or x.ndim == 0
        for name, x, flag in zip(call.names, tensors, needed, strict=True)
        if flag
    )


class _Kernel:
    """A kernel bound to tensors and cotangents of the same dtypes, shapes and layouts."""

    def __init__(
        self,
        call: Differentiable,
        tensors: Sequence[Any],
        needed: tuple[bool, ...],
        cotangent: torch.Tensor,
    ) -> None:
        backend, computation = call.backend, call.with_tensors(tensors)
        self._dtype = backend.dtype(computation.compute)
        self._is_one_number = not any(cotangent.stride())
        arrays = {**computation.arrays, _COTANGENT: self._widened(cotangent)}
        computation = computation.with_arrays(arrays)
        symbol = argument(_COTANGENT, computation.expressions.kind)
        names = [n for n, flag in zip(call.names, needed, strict=True) if flag]
        outputs = tuple(gradient_output(computation, name, symbol) for name in names)
        work, plan = backend.work(computation, outputs), host.plan_of(outputs)
        leaves = [arrays[str(leaf.value)] for leaf in plan.leaves]
        self._bound, self._views = bound_kernel(backend, plan, work, leaves)
        _, self._array = backend.result_wrappers(computation.dtype)
        dtypes = {backend.dtype_name(arrays[name]) for name in names}
        self._are_alike = dtypes == {computation.dtype}
        given = {name: place for place, name in enumerate((*call.names, _COTANGENT))}
        self._given = [(call.numbers.get(name), given.get(name)) for name in self._bound.leaves]
        stored = {name: place for place, name in enumerate(self._bound.stored)}
        self._stored = [stored.get(f"gradient_{name}") for name in call.names]

    def __call__(self, tensors: Sequence[Any], cotangent: torch.Tensor) -> tuple[Any, ...]:
        """Return the gradients in the order of the tensors."""
        # An operation of PyTorch takes 4 us here, even one that returns its argument.
        if self._views or cotangent.dtype is not self._dtype:
            cotangent = self._widened(cotangent)
        values = (*tensors, cotangent)
        arrays = [number if place is None else values[place] for number, place in self._given]
        if self._views:
            arrays = [view(x) for view, x in zip(self._views, arrays, strict=True)]
        made, _ = self._bound(arrays)
        found = [None if place is None else self._array(made[place]) for place in self._stored]
        if self._are_alike:
            return tuple(found)
        pairs = zip(found, tensors, strict=True)
        return tuple([None if x is None else x.to(like.dtype) for x, like in pairs])

    def _widened(self, cotangent: torch.Tensor) -> torch.Tensor:
        """Return a cotangent in the dtype to compute in; 0-d where it is one number, repeated."""
        x = cotangent.as_strided((), ()) if self._is_one_number else cotangent
        return x.to(self._dtype)
