"""Derivatives attached to PyTorch's tensors: the derived expressions as ``autograd.Function``.

So kinks and clamps are those of every other library. The derivative of the derivative is
PyTorch's own, of the gradient evaluated with torch operations.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch

from lossary.backends.base import Backend
from lossary.backends.torch_tracking import is_followed, is_plain, is_unobserved
from lossary.call.request import Request
from lossary.formula.expression import Expression, Kind, argument, parameter
from lossary.formula.plan import Output
from lossary.problem import Problem, stored, total
from lossary.recipe import HostRecipe, Recipe, host_recipe, picker, value_outputs

if TYPE_CHECKING:
    from lossary.backends.torch import TorchBackend

_grad_enabled = torch._C.is_grad_enabled


class Differentiable:
    """A call whose result carries a derivative."""

    def __init__(self, backend: TorchBackend, problem: Problem) -> None:
        self.backend = backend
        self.names = tuple(n for n, x in problem.arrays.items() if isinstance(x, torch.Tensor))
        self.numbers = {n: x for n, x in problem.arrays.items() if n not in self.names}
        self.problem = problem.without_arrays()

    def with_tensors(self, tensors: Sequence[Any]) -> Problem:
        """Return the problem with these tensors in it."""
        arrays = {**self.numbers, **dict(zip(self.names, tensors, strict=True))}
        return dataclasses.replace(self.problem, arrays=arrays, numbers=dict(self.problem.numbers))


class FusedRecipe(Differentiable):
    """The same with a kernel for the value and, if it is to, all gradients in the same pass."""

    def __init__(
        self, backend: TorchBackend, problem: Problem, fused: HostRecipe, wanted: Sequence[str]
    ) -> None:
        super().__init__(backend, problem)
        self._pick = picker(problem.request.loss, self.names)
        self._fused = fused
        self._places = [(n, self.names.index(n) if n in self.names else None) for n in fused.leaves]
        self._arranged = [wanted.index(n) if n in wanted else None for n in self.names]

    def __call__(self, request: Request) -> tuple[Any, ...]:
        """Return the loss, in a tuple as recipes do."""
        return (_apply((self, None), *self._pick(request)),)

    def direct(self, request: Request) -> Recipe | None:
        """Return a faster form for requests like this one, if there is one."""
        fused = self._fused.direct(request)
        if fused is None:
            return None

        def take(request: Request) -> tuple[Any, ...] | None:
            results = fused(request)
            return results and (_apply((self, results), *self._pick(request)),)

        return take

    def run(self, tensors: Sequence[Any]) -> tuple[Any, ...] | None:
        """Return the loss and the gradients; None if the call needs a closer look."""
        return self._fused.run(
            [self.numbers[n] if i is None else tensors[i] for n, i in self._places]
        )

    def gradients(self, along: Sequence[Any], factor: float) -> tuple[Any, ...]:
        """Return the gradients that came along, times the factor, in the order of the inputs."""
        if factor != 1.0:
            for gradient in along:
                gradient.mul_(factor)
        return (None, *[None if i is None else along[i] for i in self._arranged])


def fused_with_gradients(backend: TorchBackend, problem: Problem) -> FusedRecipe | None:
    """Return a recipe that computes gradients along, if the kernel can read every tensor."""
    wanted: list[str] = []
    problem = dataclasses.replace(problem, numbers=dict(problem.numbers))
    chosen = value_outputs(backend, problem)
    if problem.reduction != "none" and _share_dtype(backend, problem):
        wanted = [name for name, x in problem.arrays.items() if is_followed(x)]
        problem.numbers["cotangent"] = backend.inverse(backend.denominator(problem, {}))
        symbol = parameter("cotangent")
        chosen += tuple(_gradient(backend, problem, name, symbol) for name in wanted)
    fused = host_recipe(backend, problem, chosen, [output.name for output in chosen[1:]])
    return None if fused is None else FusedRecipe(backend, problem, fused, wanted)


def _share_dtype(backend: TorchBackend, problem: Problem) -> bool:
    """Tell whether all gradients have the dtype of the loss, and none is summed over some axes."""
    return all(
        not _is_repeated(problem, name) and backend.dtype_name(x) == problem.dtype
        for name, x in problem.arrays.items()
        if is_followed(x)
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
        backend, problem = ctx.call.backend, ctx.call.with_tensors(ctx.saved_tensors)
        given = {
            name: tangent.to(backend.dtype(problem.compute))
            for name, tangent in zip(ctx.call.names, tangents[1:], strict=True)
            if tangent is not None
        }
        return backend.cast(_moved(backend, problem, given), problem.dtype)


class _FusedFunction(torch.autograd.Function):
    """The same for recipes, which no transformation and no tangent sees."""

    @staticmethod
    def forward(ctx: Any, given: tuple[FusedRecipe, Any], *tensors: Any) -> Any:
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
        """Hand over what came along: autograd can keep it without a copy.

        A second backward pass, and one that is differentiated, computes it again.
        """
        (cotangent,) = cotangents
        along, ctx.along = ctx.along, None
        if along and not _grad_enabled() and is_unobserved(cotangent):
            return ctx.call.gradients(along, cotangent.item())
        return _Function.backward(ctx, cotangent)


def differentiated(backend: TorchBackend, problem: Problem) -> Any:
    """Compute a loss whose result carries a derivative."""
    call = Differentiable(backend, problem)
    return _Function.apply(call, *[problem.arrays[name] for name in call.names])


# What ``apply`` ends in. Before that it unwraps tensors of transformations, which takes longer
# than a small loss.
_apply = super(torch.autograd.Function, _FusedFunction).apply


def _inverse(backend: TorchBackend, problem: Problem) -> Any:
    """Return what a mean multiplies gradients by; 1 for the other reductions."""
    unknown = backend.denominator_outputs(problem)
    results = backend.run(problem, unknown) if unknown else {}
    return backend.inverse(backend.denominator(problem, results))


def _moved(backend: TorchBackend, problem: Problem, tangents: dict[str, Any]) -> Any:
    """Return what tangents move: their products with the gradients, summed as the loss is."""
    problem = dataclasses.replace(problem, dtype=problem.compute)
    problem.numbers["cotangent"] = _inverse(backend, problem)
    outputs = tuple(_stored(problem, name, parameter("cotangent")) for name in tangents)
    results = _run(backend, problem, outputs)
    moved = 0.0
    for name, tangent in tangents.items():
        if name == "class_weights":
            tangent = backend.shaped(problem, name, tangent)
        product = results[f"gradient_{name}"] * tangent
        full = problem.axis is not None and tuple(product.shape) == problem.shape
        moved = moved + (product.sum(problem.axis) if full else product)
    return moved if problem.reduction == "none" else backend.reduce("sum", moved)


def _gradients(
    call: Differentiable, tensors: Sequence[Any], names: list[str], cotangent: Any
) -> dict[str, Any]:
    """Evaluate gradients for a cotangent: with kernels, or differentiably with torch."""
    backend, problem = call.backend, call.with_tensors(tensors)
    dtype = backend.dtype(problem.compute)
    wide = cotangent.to(dtype)
    if problem.reduction != "none":
        symbol = parameter("cotangent")
        problem.numbers["cotangent"] = (wide * _inverse(backend, problem)).to(dtype)
    else:
        symbol = argument("cotangent", problem.composite.kind)
        problem.arrays["cotangent"] = wide
    repeated = [name for name in names if _is_repeated(problem, name)]
    plain = [name for name in names if name not in repeated]
    outputs = tuple(_gradient(backend, problem, name, symbol) for name in plain)
    results = _run(backend, problem, outputs, wide) if outputs else {}
    if repeated:
        # Summed over the axes that an array is repeated along before it is rounded.
        unrounded = dataclasses.replace(problem, dtype=problem.compute)
        outputs = tuple(_stored(problem, name, symbol) for name in repeated)
        each = _run(backend, unrounded, outputs, wide)
        for name in repeated:
            results[f"gradient_{name}"] = _summed(backend, problem, name, each[f"gradient_{name}"])
    return {name: results[f"gradient_{name}"].to(problem.arrays[name].dtype) for name in names}


def _is_repeated(problem: Problem, name: str) -> bool:
    """Tell whether an array is repeated along some axes: class weights, axes of length 1."""
    shape = tuple(problem.arrays[name].shape)
    return name == "class_weights" or shape not in ((), problem.full_shape(name))


def _summed(backend: TorchBackend, problem: Problem, name: str, each: torch.Tensor) -> torch.Tensor:
    """Sum the gradient of every element over the axes that an array is repeated along."""
    shape = tuple(problem.arrays[name].shape)
    if name == "class_weights":
        axes = [axis for axis in range(each.ndim) if axis != problem.axis]
    else:
        axes = [axis for axis in range(each.ndim) if shape[axis] != each.shape[axis]]
    return each.sum(axes, dtype=backend.wide(each)).reshape(shape) if axes else each


def _run(
    backend: TorchBackend, problem: Problem, outputs: tuple[Output, ...], *factors: Any
) -> dict[str, Any]:
    """Run kernels where neither arrays nor factors are followed, else torch operations."""
    kernel = not torch.is_grad_enabled() and all(map(is_plain, factors))
    return backend.run(problem, outputs) if kernel else backend.plain(problem, outputs)


def _gradient(backend: TorchBackend, problem: Problem, name: str, cotangent: Expression) -> Output:
    output = _stored(problem, name, cotangent)
    row = output.expression.kind is not Kind.ELEMENT and problem.axis is not None
    full = problem.unit_shape if row else problem.shape
    broadcast = backend.shape(problem.arrays[name]) == () and full != ()
    return total(output.name, output.expression) if broadcast else output


def _stored(problem: Problem, name: str, cotangent: Expression) -> Output:
    """Return the gradient with respect to an argument, element by element."""
    return stored(f"gradient_{name}", problem.composite.gradient(name, cotangent))
