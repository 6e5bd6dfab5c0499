"""PyTorch: the host kernels on CPU tensors without a copy, torch operations everywhere else.

Derivatives are attached by ``autograd.Function``, from the derived expressions, so that kinks and
clamps are those of every other library. The derivative of the derivative is PyTorch's own, of
the gradient evaluated with torch operations.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from array_api_compat import torch as namespace
from torch._ops import _len_torch_dispatch_stack_pre_dispatch
from torch.autograd import forward_ad

from lossary.backends.base import _PYTHON, ArrayOperations, Backend
from lossary.backends.numpy import has_numba
from lossary.errors import type_error
from lossary.formula.expression import Expression, Kind, argument, parameter
from lossary.formula.plan import Output
from lossary.problem import Problem, Request, stored, total
from lossary.recipe import DESCRIBE, HostRecipe, host_recipe, picker, value_outputs

if TYPE_CHECKING:
    from lossary.kernels.host import Job

_wrapped = torch._C._functorch.is_functorch_wrapped_tensor
_legacy_batched = torch._C._functorch.is_legacy_batchedtensor
_transforms = torch._C._are_functorch_transforms_active
_modes = torch._C._len_torch_dispatch_stack
_function_modes = torch._C._is_torch_function_mode_enabled
_strided = torch.strided
_PLAIN = (torch.Tensor, torch.nn.Parameter)


class TorchOperations(ArrayOperations):
    """Torch's functions, with its own derivatives where they are right."""

    native = {  # noqa: RUF012
        "sigmoid": torch.sigmoid,
        "exp": torch.exp,
        "log": torch.log,
        "log1p": torch.log1p,
        "absolute": torch.abs,
    }


class TorchBackend(Backend):
    """Tensors of PyTorch, on any device."""

    name = "PyTorch"
    operations = TorchOperations
    host = True

    def asarray(self, given: Any, function: str, name: str) -> Any:
        """Return the tensor; refuse sparse ones."""
        if type(given) not in _PYTHON and given.layout is not torch.strided:
            raise type_error(
                function, name, "must be a dense tensor", str(given.layout), "Pass .to_dense()."
            )
        return given

    def dtype_name_of(self, dtype: Any) -> str:
        """Return the name of a dtype."""
        return dtype if isinstance(dtype, str) else str(dtype).rpartition(".")[2]

    def has_dtype(self, name: str) -> bool:
        """Tell whether PyTorch has this dtype."""
        return isinstance(getattr(torch, name, None), torch.dtype)

    def dtype(self, name: str) -> Any:
        """Return the dtype of this name."""
        return getattr(torch, name)

    def default_float(self) -> str:
        """Return the name of PyTorch's default dtype."""
        return self.dtype_name_of(torch.get_default_dtype())

    def promote(self, arrays: Sequence[Any]) -> str:
        """Return the dtype that PyTorch's promotion gives (0-d tensors do not widen others)."""
        strong = [x for x in arrays if type(x) not in _PYTHON]
        if not strong:
            return self.default_float()
        full = [x for x in strong if x.ndim] or strong
        dtype = full[0].dtype
        for x in full[1:]:
            dtype = torch.promote_types(dtype, x.dtype)
        return self.dtype_name_of(dtype)

    def full(self, value: float, dtype: Any, like: Any) -> Any:
        """Return a 0-d tensor on the device of another."""
        return torch.full((), value, dtype=dtype, device=getattr(like, "device", None))

    def cast(self, x: Any, name: str) -> Any:
        """Return x in the dtype of this name."""
        return x.to(self.dtype(name))

    def to_numpy(self, x: Any) -> Any:
        """Return the values on the host."""
        if type(x) in _PYTHON:
            return np.asarray(x)
        return (x.float() if x.dtype is torch.bfloat16 else x).numpy(force=True)

    def readable(self, problem: Problem) -> bool:
        """Tell whether every tensor is an ordinary one in host memory."""
        return not (_traces() or _transforms()) and all(
            type(x) in _PYTHON or _is_plain(x) for x in problem.arrays.values()
        )

    def concrete(self, problem: Problem) -> bool:
        """Tell whether tensors have values: not those that a trace or a batch stands for."""
        tensors = [x for x in problem.arrays.values() if isinstance(x, torch.Tensor)]
        return not _traces() and not any(_wrapped(x) or _legacy_batched(x) for x in tensors)

    # --- running ------------------------------------------------------------------------------
    def value(self, problem: Problem) -> Any:
        """Compute the loss, with a derivative attached where one may be asked for."""
        if _differentiates_denominator(problem):
            return self._mean_by_division(problem)
        if not any(map(_is_followed, problem.arrays.values())):
            return super().value(problem)
        return _DifferentiableRecipe(problem, None, ())(problem.request)[0]

    def recipe(
        self,
        problem: Problem,
        outputs: tuple[Output, ...] | None = None,
        gradients: Sequence[str] = (),
    ) -> Any:
        """Return a recipe for calls of the same signature, differentiable where asked for."""
        if not (has_numba() and self.readable(problem)):
            return None
        if outputs is not None or not any(map(_is_followed, problem.arrays.values())):
            chosen = outputs or value_outputs(self, problem)
            return host_recipe(self, problem, chosen, gradients)
        if self.denominator_outputs(problem) or _differentiates_denominator(problem):
            return None
        wanted = _wanted(problem)
        problem = dataclasses.replace(problem, numbers=dict(problem.numbers))
        chosen = value_outputs(self, problem)
        if problem.reduction != "none":
            problem.numbers["cotangent"] = self.inverse(self.denominator(problem, {}))
            chosen += tuple(_gradient(problem, name, parameter("cotangent")) for name in wanted)
        fused = host_recipe(self, problem, chosen, [output.name for output in chosen[1:]])
        return None if fused is None else _DifferentiableRecipe(problem, fused, wanted)

    def job(self, problem: Problem, outputs: tuple[Output, ...]) -> Job:
        """Return what a kernel has to do, in terms of host memory."""
        from lossary.kernels import host

        return host.Job(
            outputs=outputs,
            arrays={name: self.host_viewer(x)(x) for name, x in problem.arrays.items()},
            numbers={name: float(number) for name, number in problem.numbers.items()},
            axis=problem.axis,
            shape=problem.shape,
            unit_shape=problem.unit_shape,
            compute=problem.compute,
            dtypes={o.name: problem.dtype for o in outputs if o.role == "store"},
            bits=frozenset(
                name
                for name, x in problem.arrays.items()
                if isinstance(x, torch.Tensor) and x.dtype is torch.bfloat16
            ),
        )

    def host_viewer(self, x: Any) -> Callable[[Any], Any]:
        """Return what makes tensors like this one NumPy's."""
        if type(x) in _PYTHON:
            return np.asarray
        return _bits if x.dtype is torch.bfloat16 else _memory

    def addresser(self, x: Any) -> Callable[[Any], int] | None:
        """Return what tells the address of a tensor: a NumPy view takes many times as long."""
        return torch.Tensor.data_ptr if isinstance(x, torch.Tensor) else None

    def finishers(self, dtype: str) -> tuple[Callable[[Any], Any], Callable[[Any], Any]]:
        """Return what makes numbers, and what makes kernels' arrays, tensors."""
        given = self.dtype(dtype)
        array = _from_bits if dtype == "bfloat16" else torch.from_numpy
        return lambda x: torch.scalar_tensor(x, dtype=given), array

    def _mean_by_division(self, problem: Problem) -> Any:
        """Divide by a denominator that is itself differentiated: torch does the division."""
        request = dataclasses.replace(problem.request, reduction="none")
        losses = self.value(dataclasses.replace(problem, request=request, dtype=problem.compute))
        denominator = problem.request.denominator
        if isinstance(denominator, str):
            weight = self.plain(problem, (stored("weight", problem.composite.weight),))["weight"]
            denominator = _sum(weight)
        # A mean over nothing is 0 whatever its elements are, and so is its derivative.
        sum_ = _sum(losses)
        sum_ = torch.where(denominator == 0, sum_.detach(), sum_)
        result = self.divide(sum_, denominator, problem)
        return self.cast(result, problem.dtype)

    def run(self, problem: Problem, outputs: tuple[Output, ...]) -> dict[str, Any]:
        """Run the fused kernel on host tensors, torch operations on others."""
        if problem.has_no_classes or not (has_numba() and self.readable(problem)):
            return self.plain(problem, outputs)
        from lossary.kernels import host

        results = host.run(self.job(problem, outputs))
        wide, _ = self.finishers("float64")
        _, array = self.finishers(problem.dtype)
        stores = {output.name for output in outputs if output.role == "store"}
        return {name: (array if name in stores else wide)(x) for name, x in results.items()}

    def plain(self, problem: Problem, outputs: tuple[Output, ...]) -> dict[str, Any]:
        """Evaluate outputs with torch operations."""
        return super().run(problem, outputs)

    def reduce(self, role: str, x: Any) -> Any:
        """Reduce; sums accumulate in float64 without a copy in it."""
        if role in {"sum", "count"}:
            return _sum(x)
        if x.numel() == 0:
            return torch.full((), math.inf if role == "minimum" else -math.inf)
        return x.amin() if role == "minimum" else x.amax()

    def sum_along(self, x: Any, axis: int) -> Any:
        """Sum along an axis, which is kept; float64 in pairs only where that adds no kernels."""
        host = x.device.type == "cpu" and not torch.compiler.is_compiling()
        if host and x.dtype is torch.float64:
            return super().sum_along(x, axis)
        return x.sum(axis, keepdim=True, dtype=_wide(x)).to(x.dtype)

    def inverse(self, denominator: Any) -> Any:
        """Return 1 / denominator as a Python number where it is on the host."""
        if isinstance(denominator, torch.Tensor):
            readable = not (_traces() or _transforms()) and _is_plain(denominator)
            denominator = float(denominator) if readable else denominator.to(_wide(denominator))
        return super().inverse(denominator)


def _memory(x: torch.Tensor) -> Any:
    """Return a NumPy view of a tensor's memory; a copy if its numbers are kept negated."""
    if x.requires_grad or x.is_neg():
        x = x.detach().resolve_neg()
    return x.numpy()


def _bits(x: torch.Tensor) -> Any:
    """Return a NumPy view of the bits of bfloat16 numbers."""
    return x.detach().resolve_neg().view(torch.uint16).numpy()


def _from_bits(x: Any) -> torch.Tensor:
    return torch.from_numpy(x).view(torch.bfloat16)


def _wide(x: torch.Tensor) -> torch.dtype:
    """Return the widest dtype of a tensor's device, in which sums are kept."""
    return torch.float32 if x.device.type == "mps" else torch.float64


def _sum(x: torch.Tensor) -> torch.Tensor:
    return x.sum(dtype=_wide(x))


# --- what follows a tensor ------------------------------------------------------------------------
# Kernels read memory, of which nothing that records, replays or differentiates operations learns.
def _traces() -> bool:
    """Tell whether operations are recorded: by a compiler, a mode of dispatch, TorchScript."""
    return torch.compiler.is_compiling() or _has_modes() or torch.jit.is_tracing()


def _has_modes() -> bool:
    """Tell whether a mode of dispatch sees operations, be it before autograd or after it."""
    return _modes() > 0 or (_function_modes() and _len_torch_dispatch_stack_pre_dispatch() > 0)


def _is_plain(x: torch.Tensor) -> bool:
    """Tell whether a tensor is nothing but numbers in host memory."""
    return (
        type(x) in _PLAIN
        and x.device.type == "cpu"
        and not (_wrapped(x) or _legacy_batched(x) or _has_tangent(x))
    )


def _has_tangent(x: torch.Tensor) -> bool:
    """Tell whether forward-mode differentiation follows a tensor."""
    return (
        forward_ad._current_level >= 0
        and torch._C._is_fwd_grad_enabled()
        and forward_ad.unpack_dual(x).tangent is not None
    )


def _is_followed(x: Any) -> bool:
    """Tell whether a derivative with respect to an argument may be asked for."""
    return isinstance(x, torch.Tensor) and (
        _wrapped(x) or (x.requires_grad and torch.is_grad_enabled()) or _has_tangent(x)
    )


def _describe(x: torch.Tensor) -> tuple[Any, ...]:
    """Describe a tensor for recipes; none has one while a transformation or a trace goes on."""
    if (
        _transforms()
        or _modes()
        or (_function_modes() and _has_modes())
        or forward_ad._current_level >= 0
        or x.layout is not _strided
        or x.is_neg()
    ):
        raise KeyError(type(x))
    tracked = x.requires_grad and torch.is_grad_enabled()
    return (x.dtype, x.shape, x.is_contiguous(), x.is_cpu or x.device, tracked)


DESCRIBE.update(dict.fromkeys(_PLAIN, _describe))


def _differentiates_denominator(problem: Problem) -> bool:
    """Tell whether a mean is divided by something that a derivative is with respect to."""
    denominator = problem.request.denominator
    if problem.reduction != "mean":
        return False
    if not isinstance(denominator, str):
        return _is_followed(denominator)
    names = ["weights"] if denominator == "weights" else []
    if names and problem.composite.variant.class_weights:
        names += ["class_weights", "targets"]
    return any(_is_followed(problem.arrays.get(name)) for name in names)


class _DifferentiableRecipe:
    """A call whose result carries a derivative.

    ``fused``, where there is one, is the kernel for the value and (of a reduced loss) the
    gradients of ``wanted`` in the same pass.
    """

    def __init__(self, problem: Problem, fused: HostRecipe | None, wanted: Sequence[str]) -> None:
        self.names = tuple(n for n, x in problem.arrays.items() if isinstance(x, torch.Tensor))
        self.fused = fused
        self.wanted = tuple(wanted) if problem.reduction != "none" else ()
        self.numbers = {n: x for n, x in problem.arrays.items() if n not in self.names}
        self.problem = problem.without_arrays()
        leaves = () if fused is None else fused.leaves
        self._places = [(n, self.names.index(n) if n in self.names else None) for n in leaves]
        self._pick = picker(problem.request.loss, self.names)

    def __call__(self, request: Request) -> tuple[Any, ...]:
        """Return the loss, in a tuple as recipes do."""
        apply = _Differentiable.apply if self.fused is None else _apply
        return (apply(self, {}, *self._pick(request)),)

    def forward(self, stash: dict[str, Any], tensors: Sequence[Any]) -> Any:
        """Compute the loss; put gradients that came along into the stash."""
        if self.fused is not None:
            results = self.fused.run(
                [self.numbers[n] if i is None else tensors[i] for n, i in self._places]
            )
            if results is not None:
                stash.update(zip(self.wanted, results[1:], strict=True))
                return results[0]
        return Backend.value(BACKEND, self.with_tensors(tensors))

    def with_tensors(self, tensors: Sequence[Any]) -> Problem:
        """Return the problem with these tensors in it."""
        arrays = {**self.numbers, **dict(zip(self.names, tensors, strict=True))}
        return dataclasses.replace(self.problem, arrays=arrays, numbers=dict(self.problem.numbers))


class _Differentiable(torch.autograd.Function):
    """A loss with the derivative of its own expression."""

    generate_vmap_rule = True

    @staticmethod
    def forward(recipe: _DifferentiableRecipe, stash: dict[str, Any], *tensors: Any) -> Any:
        """Compute the loss."""
        return recipe.forward(stash, tensors)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        """Keep the tensors and what the forward pass found out."""
        recipe, stash, *tensors = inputs
        ctx.recipe, ctx.names, ctx.stash = recipe, recipe.names, stash
        ctx.save_for_backward(*tensors)
        ctx.save_for_forward(*tensors)

    @staticmethod
    def backward(ctx: Any, *cotangents: Any) -> tuple[Any, ...]:
        """Multiply the gradients by the cotangent."""
        (cotangent,) = cotangents
        needed = [n for n, flag in zip(ctx.names, ctx.needs_input_grad[2:], strict=True) if flag]
        found: dict[str, Any] = {}
        if ctx.stash and not (torch.is_grad_enabled() or _traces()) and _is_plain(cotangent):
            # Handing the stashed gradient over lets autograd keep it without a copy; a second
            # backward pass computes it again.
            factor = float(cotangent)
            for name in [name for name in needed if name in ctx.stash]:
                gradient = ctx.stash.pop(name)
                found[name] = gradient if factor == 1.0 else gradient.mul_(factor)
        rest = [name for name in needed if name not in found]
        if rest:
            problem = ctx.recipe.with_tensors(ctx.saved_tensors)
            found |= _gradients(problem, rest, cotangent)
        return (None, None, *(found.get(name) for name in ctx.names))

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> Any:
        """Push tangents forward: the gradient times the tangent, summed over what is reduced."""
        problem = ctx.recipe.with_tensors(ctx.saved_tensors)
        given = {
            name: tangent.to(BACKEND.dtype(problem.compute))
            for name, tangent in zip(ctx.names, tangents[2:], strict=True)
            if tangent is not None
        }
        return BACKEND.cast(_moved(problem, given), problem.dtype)


# What ``_Differentiable.apply`` ends in. Before that it binds arguments to names and unwraps
# tensors of transformations, which takes longer than a small loss; recipes need neither.
_apply = super(torch.autograd.Function, _Differentiable).apply


def _wanted(problem: Problem) -> list[str]:
    """Return the arguments whose gradients the forward pass computes along."""
    return [
        name
        for name in problem.request.loss.arguments
        if isinstance(x := problem.arrays[name], torch.Tensor)
        and x.requires_grad
        and BACKEND.dtype_name_of(x.dtype) == problem.dtype
    ]


def _denominators(problem: Problem) -> dict[str, Any]:
    unknown = BACKEND.denominator_outputs(problem)
    return BACKEND.run(problem, unknown) if unknown else {}


def _inverse(problem: Problem) -> Any:
    """Return what a mean multiplies gradients by; 1 for the other reductions."""
    return BACKEND.inverse(BACKEND.denominator(problem, _denominators(problem)))


def _moved(problem: Problem, tangents: dict[str, Any]) -> Any:
    """Return what tangents move: their products with the gradients, summed as the loss is."""
    problem = dataclasses.replace(problem, dtype=problem.compute)
    problem.numbers["cotangent"] = _inverse(problem)
    outputs = tuple(_stored(problem, name, parameter("cotangent")) for name in tangents)
    results = _run(problem, outputs)
    moved = 0.0
    for name, tangent in tangents.items():
        if name == "class_weights":
            tangent = BACKEND.shaped(problem, name, tangent)
        product = results[f"gradient_{name}"] * tangent
        full = problem.axis is not None and tuple(product.shape) == problem.shape
        moved = moved + (product.sum(problem.axis) if full else product)
    return moved if problem.reduction == "none" else _sum(moved)


def _gradients(problem: Problem, names: list[str], cotangent: Any) -> dict[str, Any]:
    """Evaluate gradients for a cotangent: with kernels, or differentiably with torch."""
    dtype = BACKEND.dtype(problem.compute)
    wide = cotangent.to(dtype)
    if problem.reduction != "none":
        symbol = parameter("cotangent")
        problem.numbers["cotangent"] = (wide * _inverse(problem)).to(dtype)
    else:
        symbol = argument("cotangent", problem.composite.unit)
        problem.arrays["cotangent"] = wide
    plain = [name for name in names if name != "class_weights"]
    outputs = tuple(_gradient(problem, name, symbol) for name in plain)
    results = _run(problem, outputs, wide) if outputs else {}
    if "class_weights" in names:
        # One gradient a row, to be summed over the rows before it is rounded.
        unrounded = dataclasses.replace(problem, dtype=problem.compute)
        (each,) = _run(unrounded, (_stored(problem, "class_weights", symbol),), wide).values()
        rows = [i for i in range(len(problem.shape)) if i != problem.axis]
        results["gradient_class_weights"] = each.sum(rows, dtype=_wide(each)) if rows else each
    return {name: _as_argument(problem, name, results[f"gradient_{name}"]) for name in names}


def _run(problem: Problem, outputs: tuple[Output, ...], *factors: Any) -> dict[str, Any]:
    """Run kernels where neither arrays nor factors are followed, else torch operations."""
    kernel = not torch.is_grad_enabled() and all(map(_is_plain, factors))
    return BACKEND.run(problem, outputs) if kernel else BACKEND.plain(problem, outputs)


def _gradient(problem: Problem, name: str, cotangent: Expression) -> Output:
    output = _stored(problem, name, cotangent)
    row = output.expression.kind is not Kind.ELEMENT and problem.axis is not None
    full = problem.unit_shape if row else problem.shape
    broadcast = BACKEND.shape(problem.arrays[name]) == () and full != ()
    return total(output.name, output.expression) if broadcast else output


def _stored(problem: Problem, name: str, cotangent: Expression) -> Output:
    """Return the gradient with respect to an argument, element by element."""
    return stored(f"gradient_{name}", problem.composite.gradient(name, cotangent))


def _as_argument(problem: Problem, name: str, gradient: Any) -> Any:
    return gradient.to(problem.arrays[name].dtype)


BACKEND = TorchBackend(namespace)
