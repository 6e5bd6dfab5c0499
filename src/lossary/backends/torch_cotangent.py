"""Gradients for a cotangent: kernels that an earlier backward pass has bound.

They serve unreduced losses, second backward passes, scaled losses of halves, and tensors of another
dtype than the loss. ``loss(x, t).sum().backward()`` of 100 elements takes 45 us, where each
backward pass derives the gradient and binds its kernel 417.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from lossary.arrays import Array
from lossary.backends.direct_form import defined
from lossary.backends.host_call import bound_kernel
from lossary.backends.torch_autograd import Differentiable, is_repeated
from lossary.bounded_cache import BoundedCache
from lossary.definition.computation import Computation
from lossary.definition.outputs import denominator_outputs, gradient_output
from lossary.definition.reduction import denominator, inverse
from lossary.formula.expression import argument
from lossary.formula.plan import Output
from lossary.kernels import host

_COTANGENT = "cotangent"
#: Calls differ in which gradients are needed and in the layout of what arrives for the loss.
_LIMIT = 8
_FORM = """\
def {name}(tensors, cotangent):
{scale}{made}\
    if run({given}) is None:
        return None
    return ({results})
"""
_SCALE = """\
    divisor = sums((None, tensors, ()))
    if divisor is None or divisor == 0.0:
        return None
    scale = 1.0 / divisor
"""
_READERS: dict[torch.dtype, Callable[[int], ctypes.c_float | ctypes.c_double]] = {
    torch.float32: ctypes.c_float.from_address,
    torch.float64: ctypes.c_double.from_address,
}


class CotangentKernels:
    """The kernels for the gradients of one cached call, given a cotangent."""

    def __init__(self) -> None:
        self._kernels = BoundedCache(_LIMIT)

    def gradients(
        self,
        call: Differentiable,
        tensors: tuple[Any, ...],
        needed: tuple[bool, ...],
        cotangent: torch.Tensor,
    ) -> tuple[Any, ...] | None:
        """Return the gradients that are ``needed`` of those followed; None if no kernel does.

        The cotangent is a plain tensor that nothing observes.
        """
        key = needed, cotangent.stride(), cotangent.dtype
        kernel = self._kernels.find(key)
        if kernel is None:
            if not _has_kernel(call, tensors, needed):
                return None
            kernel = self._kernels.keep(key, _Gradients(call, tensors, needed, cotangent))
        try:
            found: tuple[Any, ...] | None = kernel(tensors, cotangent)
        except RuntimeError:  # a tensor that stands for another has no memory of its own
            return None
        return found


def _has_kernel(call: Differentiable, tensors: tuple[Any, ...], needed: tuple[bool, ...]) -> bool:
    """Return whether each gradient is stored for every element, none summed."""
    computation = call.with_tensors(tensors)
    return 0 not in computation.shape and not any(
        is_repeated(computation, name) or computation.shape_of(name) == ()
        for name, flag in zip(call.followed, needed, strict=True)
        if flag
    )


class _Gradients:
    """Gradients for tensors and cotangents of the same dtypes, shapes and layouts."""

    def __init__(
        self,
        call: Differentiable,
        tensors: tuple[Any, ...],
        needed: tuple[bool, ...],
        cotangent: torch.Tensor,
    ) -> None:
        backend, computation = call.backend, call.with_tensors(tensors)
        unknown = tuple(o._replace(name="value") for o in denominator_outputs(computation))
        self._sums = _Bound(call, tensors, computation, unknown) if unknown else None
        known = 1.0 if unknown else denominator(backend, computation, {})
        self._scale = float(inverse(backend, known))
        # A cotangent that is one number, repeated, is read as a number.
        self._is_number = not any(cotangent.stride())
        given = backend.factor(1.0) if self._is_number else cotangent
        computation = computation.with_arrays({**computation.arrays, _COTANGENT: given})
        symbol = argument(_COTANGENT, computation.expressions.kind)
        names = [n if flag else None for n, flag in zip(call.followed, needed, strict=True)]
        outputs = tuple(gradient_output(computation, name, symbol) for name in names if name)
        values = tensors if self._is_number else (*tensors, cotangent)
        self._bound = _Bound(call, values, computation, outputs)
        dtypes = {name: backend.dtype_name(computation.arrays[name]) for name in call.followed}
        self._places = [
            name and (self._bound.places[name], backend.result_wrappers(dtypes[name])[1])
            for name in names
        ]
        self._layouts = _layouts(tensors)
        self._direct = self._form(cotangent.dtype)

    def _form(self, dtype: torch.dtype) -> Callable[..., tuple[Any, ...] | None] | None:
        """Return a function that runs built-in functions; None if there are none."""
        run, sums = self._bound.direct, self._sums and self._sums.direct
        if run is None or (sums is None and self._sums is not None):
            return None
        made = [f"made_{index}" for index in range(len(self._bound.makers))]
        values = "tensors" if self._is_number else "(*tensors, cotangent)"
        read = "reader(cotangent.data_ptr()).value" if dtype in _READERS else "number(cotangent)"
        factors = [f"factor({read} * scale)"] if self._is_number else []
        places = [found and f"array_{i}({made[found[0]]})" for i, found in enumerate(self._places)]
        parts = {
            "scale": _SCALE if sums else "",
            "made": "".join(f"    {x} = make_{i}()\n" for i, x in enumerate(made)),
            "given": ", ".join([f"(None, {values}, ())", *factors, *made]),
            "results": "".join(f"{x}, " for x in places),
        }
        names: dict[str, Any] = {"run": run, "sums": sums, "scale": self._scale, "number": number}
        names |= {"reader": _READERS.get(dtype), "factor": np.array}
        names |= {f"make_{index}": make for index, make in enumerate(self._bound.makers)}
        names |= {f"array_{i}": found[1] for i, found in enumerate(self._places) if found}
        return defined("gradients", _FORM, parts, names)

    def __call__(self, tensors: tuple[Any, ...], cotangent: torch.Tensor) -> Any:
        """Return the gradients in the order of those that are followed.

        None if the tensors lie otherwise in memory: hooks may have packed what was saved.
        """
        found = self._direct and self._direct(tensors, cotangent)
        if found is not None:
            return found
        return self._run(tensors, cotangent) if _layouts(tensors) == self._layouts else None

    def _run(self, tensors: tuple[Any, ...], cotangent: torch.Tensor) -> tuple[Any, ...]:
        if self._is_number:
            scale = self._scale
            if self._sums is not None:
                _, total = self._sums(tensors)
                scale = 1.0 / total if total else 0.0
            made, _ = self._bound(tensors, number(cotangent) * scale)
        else:
            made, _ = self._bound((*tensors, cotangent))
        return tuple([found and found[1](made[found[0]]) for found in self._places])


class _Bound:
    """A kernel bound to tensors by name.

    It stores a gradient in the dtype of its argument; ``places`` tells where, by the argument.
    ``direct`` is the kernel as a built-in function, if it can be one.
    """

    def __init__(
        self,
        call: Differentiable,
        values: tuple[Any, ...],
        computation: Computation,
        outputs: tuple[Output, ...],
    ) -> None:
        backend, arrays, plan = call.backend, computation.arrays, host.plan_of(outputs)
        dtypes = {o.name: backend.dtype_name(arrays[_argument(o.name)]) for o in plan.stored}
        work = backend.work(computation, outputs)._replace(dtypes=dtypes)
        leaves = [arrays[str(leaf.value)] for leaf in plan.leaves]
        self._kernel, self._views = bound_kernel(backend, plan, work, leaves)
        self.places = {_argument(name): i for i, name in enumerate(self._kernel.stored)}
        names = (*call.names, _COTANGENT)[: len(values)]
        given = {name: place for place, name in enumerate(names)}
        self._given = [(call.numbers.get(name), given.get(name)) for name in self._kernel.leaves]
        indices = {name: (1, place) for name, place in given.items()}
        self.direct = self._kernel.direct((None, values, ()), indices, 1.0)
        self.makers = self._kernel.makers
        self._factor = backend.factor

    def __call__(
        self, values: tuple[Any, ...], factor: float | None = None
    ) -> tuple[Sequence[Array], float]:
        """Return what is stored and a total, given tensors, and the cotangent if it is a number."""
        last = None if factor is None else self._factor(factor)
        arrays = [
            values[place] if place is not None else last if number is None else number
            for number, place in self._given
        ]
        if self._views:
            arrays = [view(x) for view, x in zip(self._views, arrays, strict=True)]
        stored, reduced = self._kernel(arrays)
        return stored, sum(reduced)


def _layouts(tensors: tuple[Any, ...]) -> list[Any]:
    return [(type(x), x.device, x.dtype, x.shape, x.stride(), x.is_neg()) for x in tensors]


def _argument(gradient: str) -> str:
    return gradient.removeprefix("gradient_")


def number(cotangent: torch.Tensor) -> float:
    """Return the number that a cotangent in host memory consists of, which may be repeated."""
    reader = _READERS.get(cotangent.dtype)
    if reader is None:
        return float(cotangent.as_strided((), ()).item())
    return float(reader(cotangent.data_ptr()).value)
