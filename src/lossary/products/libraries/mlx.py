"""MLX: a lazy sweep whose blocks wait for one another, with a derivative by ``custom_function``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import mlx.core as mx

from lossary.products.computation import ProductComputation
from lossary.products.flow import Library
from lossary.products.request import Product
from lossary.products.sweep import Sweep


class MlxSweep(Sweep):
    """A sweep that keeps one tile at a time: a block starts when the one before it is done."""

    def __init__(self, computation: ProductComputation, wanted: Sequence[str] = ()) -> None:
        super().__init__(computation, wanted)
        self._done: list[Any] = []

    def step(self, block: dict[str, Any], sums: dict[str, Any]) -> tuple[Any, Any, dict[str, Any]]:
        """Return the losses of a block, the gradient of its features, and the sums of the rest."""
        if self._done:
            # MLX hands cotangents on to what is waited for: a second derivative would have them.
            waited = [mx.stop_gradient(x) for x in self._done]
            (block[self.first],) = mx.depends([block[self.first]], waited)
        value, slope, sums = super().step(block, sums)
        self._done = [value, *(x for x in (slope, *sums.values()) if x is not None)]
        return value, slope, sums


class MlxLibrary(Library):
    """Product losses of MLX's arrays."""

    kind = MlxSweep

    def constant(self, x: Any) -> Any:
        """Return an array whose derivative is 0."""
        return mx.stop_gradient(x)

    def value(self, computation: ProductComputation) -> Any:
        """Compute the loss, with a derivative attached."""
        given = {n: x for n, x in computation.matrices._asdict().items() if x is not None}

        def of(matrices: Sequence[Any]) -> ProductComputation:
            return computation.with_matrices(Product(**dict(zip(given, matrices, strict=True))))

        @mx.custom_function
        def value(*matrices: Any) -> Any:
            return self.value_and_gradients(of(matrices), ())[0]

        @value.vjp
        def backward(primals: Any, cotangent: Any, loss: Any) -> Any:
            inner = of(primals)
            rows = inner.template.reduction == "none"
            factors = cotangent.reshape(-1).astype(mx.float32) if rows else None
            _, *found = self.value_and_gradients(inner, tuple(given), factors)
            return tuple(found if rows else ((x * cotangent).astype(x.dtype) for x in found))

        return value(*given.values())


LIBRARY = MlxLibrary()
