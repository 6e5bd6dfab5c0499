"""PyTorch: products by its matrix product, derivatives attached to features and classifier."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from lossary.backends.torch_state import is_distributed, is_plain, needs_gradient
from lossary.errors import type_error
from lossary.products.computation import ProductComputation, assembled
from lossary.products.host import HostClassifier, HostLibrary, HostSweep
from lossary.products.request import MATRICES, Product, parts_of, replaced
from lossary.products.sweep import Sweep


class TorchClassifier(HostClassifier):
    """A classifier in PyTorch's memory."""

    #: MKL takes a sixth to a third longer for the products of thousands of classes at once:
    #: 0.28 s for 512 rows of 4,096 features with 8,000 classes on two cores, 0.21 s by 1,024.
    classes_at_once = 1024

    def empty(self, shape: tuple[int, ...], dtype: str) -> torch.Tensor:
        """Return memory that is not filled."""
        return torch.empty(shape, dtype=self.backend.dtype(dtype), device=self.vectors.device)

    def write_product(self, out: torch.Tensor, a: torch.Tensor, b: torch.Tensor) -> None:
        """Write a matrix product, which is converted where its dtype is another."""
        if out.dtype == a.dtype:
            torch.mm(a, b, out=out)
        else:
            out.copy_(torch.mm(a, b))

    def add_product(self, total: torch.Tensor, a: torch.Tensor, b: torch.Tensor) -> None:
        """Add a matrix product."""
        if total.dtype == a.dtype:
            total.addmm_(a, b)
        else:
            total += torch.mm(a, b)


class TorchSweep(HostSweep):
    """A sweep over ordinary tensors."""

    kind = TorchClassifier


class TorchLibrary(HostLibrary):
    """Product losses of tensors."""

    def constant(self, x: torch.Tensor) -> torch.Tensor:
        """Return a tensor without its history."""
        return x.detach()

    def without_history(self) -> Any:
        """Return a context without a history."""
        return torch.no_grad()

    def value(self, computation: ProductComputation) -> Any:
        """Compute the loss, with a derivative attached where one may be asked for."""
        _refuse_other_gradients(computation)
        given, computation = computation, _everywhere(computation)
        tensors = tuple(computation.matrices)
        if not any(map(needs_gradient, tensors)):
            return _local(super().value(computation), given)
        if _is_ordinary(computation):
            return _FusedFunction.apply(computation, *tensors)
        return _local(_Function.apply(computation, *tensors), given)

    def value_and_gradients(
        self, computation: ProductComputation, wanted: Sequence[str], cotangents: Any = None
    ) -> tuple[Any, ...]:
        """Compute the loss, and gradients without a history."""
        computation = _everywhere(computation)
        device = computation.matrices.features.device.type
        with torch.no_grad(), torch.autocast(device, enabled=False):
            return super().value_and_gradients(computation, wanted, cotangents)

    def sweep(self, computation: ProductComputation, wanted: Sequence[str]) -> Sweep:
        """Return the sweep in place for ordinary tensors, else one that transformations follow."""
        return (TorchSweep if _is_ordinary(computation) else Sweep)(computation, wanted)


class _Function(torch.autograd.Function):
    """A product loss whose gradients are computed when they are asked for."""

    @staticmethod
    def forward(computation: ProductComputation, *tensors: Any) -> Any:
        """Compute the loss."""
        return LIBRARY.value_and_gradients(computation.with_matrices(Product(*tensors)), ())[0]

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        """Keep the matrices."""
        ctx.computation, *tensors = inputs
        ctx.save_for_backward(*tensors)

    @staticmethod
    def backward(ctx: Any, *cotangents: Any) -> tuple[Any, ...]:
        """Run a sweep for the gradients."""
        (cotangent,) = cotangents
        needed = [n for n, flag in zip(MATRICES, ctx.needs_input_grad[1:], strict=True) if flag]
        computation = ctx.computation.with_matrices(Product(*ctx.saved_tensors))
        rows = computation.template.reduction == "none"
        with torch.no_grad():
            factors = cotangent.reshape(-1) if rows else None
            _, *found = LIBRARY.value_and_gradients(computation, needed, factors)
            if not rows:
                found = [x * cotangent.to(x.dtype) for x in found]
        return _once(computation, dict(zip(needed, found, strict=True)), cotangent)


class _FusedFunction(torch.autograd.Function):
    """The same for ordinary tensors: a reduced loss is computed together with its gradients."""

    @staticmethod
    def forward(ctx: Any, computation: ProductComputation, *tensors: Any) -> Any:
        """Compute the loss, and the gradients along with it where the cotangent is one number."""
        ctx.computation, ctx.along = computation, None
        ctx.save_for_backward(*tensors)
        needed = [n for n, flag in zip(MATRICES, ctx.needs_input_grad[1:], strict=True) if flag]
        computation = computation.with_matrices(Product(*tensors))
        if computation.template.reduction == "none":
            return LIBRARY.value_and_gradients(computation, ())[0]
        value, *found = LIBRARY.value_and_gradients(computation, needed)
        ctx.along = dict(zip(needed, found, strict=True))
        return value

    @staticmethod
    def backward(ctx: Any, *cotangents: Any) -> tuple[Any, ...]:
        """Return the gradients that were computed with the loss: autograd keeps them uncopied.

        A second backward pass runs a sweep of its own.
        """
        (cotangent,) = cotangents
        along, ctx.along = ctx.along, None
        if along is None:
            return _Function.backward(ctx, cotangent)
        if cotangent.item() != 1.0:
            for x in along.values():
                x.mul_(cotangent)
        return _once(ctx.computation, along, cotangent)


class _Once(torch.autograd.Function):
    """Gradients that have no derivative themselves."""

    @staticmethod
    def forward(function: str, gradient: Any, *sources: Any) -> Any:
        """Return the gradient."""
        return gradient.view_as(gradient)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        """Keep the name for the message."""
        ctx.function = inputs[0]

    @staticmethod
    def backward(ctx: Any, *cotangents: Any) -> Any:
        """Refuse."""
        requirement = "must be differentiated once"
        remedy = "Differentiate the loss of the products: features @ classifier.T."
        raise type_error(ctx.function, "the loss", requirement, "a second derivative", remedy)


def _once(
    computation: ProductComputation, found: dict[str, Any], cotangent: Any
) -> tuple[Any, ...]:
    """Return the gradients in the order of the inputs; they refuse to be differentiated."""
    if torch.is_grad_enabled():
        function, sources = computation.template.function, (*computation.matrices, cotangent)
        found = {name: _Once.apply(function, x, *sources) for name, x in found.items()}
    return (None, *(found.get(name) for name in MATRICES))


def _everywhere(computation: ProductComputation) -> ProductComputation:
    """Return the computation with distributed tensors alone, if any matrix is one.

    A classifier may lie in parts on several devices: each of them multiplies its classes. Tensors
    that every process has count as the same on all.
    """
    example = next(filter(is_distributed, computation.matrices), None)
    if example is None:
        return computation
    from lossary.backends.torch_distributed import replicated

    def everywhere(x: Any) -> Any:
        return replicated(x, example.device_mesh)

    products = {
        name: Product(*map(everywhere, product)) for name, product in computation.products.items()
    }
    request = replaced(computation.request, lambda _, x: everywhere(x))
    return assembled(computation.backend, products, request)


def _local(loss: Any, given: ProductComputation) -> Any:
    """Return a loss as the features are: an ordinary tensor where they are one."""
    plain = is_distributed(loss) and not is_distributed(given.matrices.features)
    return loss.full_tensor() if plain else loss


def _is_ordinary(computation: ProductComputation) -> bool:
    """Return whether all tensors are ordinary ones in host memory, and nothing traces."""
    arrays = [x for x in computation.template.arrays.values() if isinstance(x, torch.Tensor)]
    matrices = [x for product in computation.products.values() for x in product if x is not None]
    return computation.backend.readable(computation.template) and all(
        map(is_plain, [*arrays, *matrices])
    )


def _refuse_other_gradients(computation: ProductComputation) -> None:
    """Raise where a gradient would be needed of what is not features, classifier or bias."""
    given = {n: x for n, x in computation.template.arrays.items() if n not in computation.products}
    parts = parts_of(computation.products)
    given |= {name: x for name, x in parts.items() if name not in MATRICES}
    for name, x in given.items():
        if isinstance(x, torch.Tensor) and torch.is_grad_enabled() and x.requires_grad:
            requirement = "must not require a gradient"
            remedy = f"Only factors of the products have derivatives. Pass {name}.detach()."
            raise type_error(
                computation.template.function, name, requirement, "a tensor that does", remedy
            )


LIBRARY = TorchLibrary()
