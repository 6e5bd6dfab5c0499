"""The flow of a call of a product loss: checks, the sweep of its library, the reduction."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache
from typing import Any

from lossary.backends.base import Backend
from lossary.call.evaluation import Wanted
from lossary.definition.outputs import denominator_outputs
from lossary.definition.reduction import denominator, inverse, reduced
from lossary.errors import type_error
from lossary.products.computation import ProductComputation, checked
from lossary.products.request import ProductRequest
from lossary.products.sweep import Sweep

_FOLDER = "lossary.products.libraries"


def value_of(request: ProductRequest) -> Any:
    """Compute a product loss."""
    computation = checked(request)
    return library(computation).value(computation)


def gradients_of(request: ProductRequest, wanted: Wanted) -> tuple[Any, ...]:
    """Compute a product loss and its gradients with respect to some of its matrices."""
    computation = checked(request)
    for name in wanted.names:
        if getattr(computation.matrices, name) is None:
            function = computation.template.function
            raise type_error(function, name, "must be given to be differentiated", "None")
    return library(computation).value_and_gradients(computation, wanted.names)


class Library:
    """How product losses are computed with an array library: as its sweep does, at once."""

    kind: type[Sweep] = Sweep

    def sweep(self, computation: ProductComputation, wanted: Sequence[str]) -> Sweep:
        """Return the sweep over the rows of a call."""
        return self.kind(computation, wanted)

    def value(self, computation: ProductComputation) -> Any:
        """Compute the loss, with a derivative attached where the library differentiates."""
        return self.value_and_gradients(computation, ())[0]

    def value_and_gradients(
        self, computation: ProductComputation, wanted: Sequence[str], cotangents: Any = None
    ) -> tuple[Any, ...]:
        """Compute the loss, and the gradients of what it is reduced to.

        Without reduction they are those of the sum, each row times its cotangent if these are
        given.
        """
        backend, template = computation.backend, computation.template
        unknown = denominator_outputs(template)
        sums = backend.run(template, unknown) if unknown else {}
        losses, gradients = self.sweep(computation, wanted).run(cotangents)
        if template.reduction == "none":
            value = backend.xp.reshape(losses, template.unreduced_shape)
        else:
            value = reduced(backend, template, {"value": backend.reduce("sum", losses), **sums})
        scale = inverse(backend, denominator(backend, template, sums))
        return (
            backend.cast(value, template.dtype),
            *(self.delivered(computation, name, gradients[name], scale) for name in wanted),
        )

    def delivered(self, computation: ProductComputation, name: str, x: Any, scale: Any) -> Any:
        """Return a gradient as its matrix is: scaled, in its shape and dtype."""
        backend = computation.backend
        given = getattr(computation.matrices, name)
        dtype = backend.dtype_name(given)
        dtype = dtype if "float" in dtype else computation.template.dtype
        if backend.dtype_name(x) != dtype:
            x = backend.cast(x, computation.template.compute)
        x = self.scaled(x, scale)
        return backend.xp.reshape(backend.cast(x, dtype), backend.shape(given))

    def constant(self, x: Any) -> Any:
        """Return the same array, a constant for the library's own derivative."""
        return x

    def without_history(self) -> AbstractContextManager[Any]:
        """Return a context in which the library records nothing to be differentiated."""
        return nullcontext()

    def scaled(self, x: Any, scale: Any) -> Any:
        """Return a gradient times what the reduction multiplies it by."""
        return x if isinstance(scale, float) and scale == 1.0 else x * scale


def library(computation: ProductComputation) -> Library:
    """Return what computes product losses with the arrays of a computation."""
    return library_of(computation.backend)


def library_of(backend: Backend) -> Library:
    """Return what computes product losses with the arrays of a backend."""
    return _library(type(backend).__module__.rpartition(".")[2])


@lru_cache(maxsize=16)
def _library(root: str) -> Library:
    if importlib.util.find_spec(f"{_FOLDER}.{root}") is None:
        return Library()
    found: Library = importlib.import_module(f"{_FOLDER}.{root}").LIBRARY
    return found
