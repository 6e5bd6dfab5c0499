"""The sweep in host memory: one tile that is written anew for each block, sums in place.

Rows that take no part, by a mask or their label, cost nothing: their products are not computed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from lossary.backends.host import HostBackend
from lossary.call.checks import prepare
from lossary.definition.computation import Computation
from lossary.definition.outputs import derivative_outputs, stored
from lossary.formula.plan import Output
from lossary.options import options
from lossary.products.classifier import Classifier
from lossary.products.computation import ProductComputation
from lossary.products.flow import Library
from lossary.products.sweep import FACTORS, Sweep

#: Elements of the classifier, or of its gradient, that are converted or added at a time.
_PART = 2**21


class HostClassifier(Classifier):
    """A classifier whose products are written into memory that is there.

    A classifier of another dtype than the products is converted part by part.
    """

    #: Classes whose products with a block of rows are one product; None if ``_PART`` says it.
    classes_at_once: int | None = None

    def __init__(self, backend: Any, product: Any, dtype: str, wide: str) -> None:
        self.backend, self.xp = backend, backend.xp
        self.dtype, self.wide = self.product_dtype(dtype), wide
        #: Dtype of the first block's gradient of the vectors: that of its products if it is all.
        self.sum_dtype = wide
        self.vectors, self.bias = product.classifier, product.bias
        self._tile: Any = None

    def product_dtype(self, dtype: str) -> str:
        """Return the dtype that products of this dtype are computed in."""
        return dtype

    def empty(self, shape: tuple[int, ...], dtype: str) -> Any:
        """Return memory that is not filled."""
        raise NotImplementedError

    def write_product(self, out: Any, a: Any, b: Any) -> None:
        """Write a matrix product into memory of the same or of a wider dtype."""
        raise NotImplementedError

    def add_product(self, total: Any, a: Any, b: Any) -> None:
        """Add a matrix product."""
        raise NotImplementedError

    def logits(self, features: Any) -> Any:
        """Return the products of some rows, in memory that the next call writes into."""
        features = self.backend.cast(features, self.dtype)
        if self._tile is None or len(self._tile) < len(features):
            self._tile = self.empty((len(features), len(self.vectors)), self.dtype)
        tile = self._tile[: len(features)]
        # Part by part: for all classes at once, some BLAS take tens of MiB of memory to work in.
        for part in self._parts(self.classes_at_once):
            vectors = self.backend.cast(self.vectors[part], self.dtype)
            self.write_product(tile[:, part], features, vectors.T)
        if self.bias is not None:
            tile += self.backend.cast(self.bias, self.dtype)
        return tile

    def features_gradient(self, slopes: Any) -> Any:
        """Return the gradient of features from that of their logits."""
        found = None
        for part, vectors in self._converted():
            term = self.empty((len(slopes), vectors.shape[1]), self.dtype)
            self.write_product(term, slopes[:, part], vectors)
            found = term if found is None else found + term
        return found

    def add_gradient(self, total: Any, slopes: Any, features: Any) -> Any:
        """Add what some rows have to the gradient of the vectors, part by part.

        Products of the first rows are written, not added to zeros: this saves two passes over
        the gradient.
        """
        features = self.backend.cast(features, self.dtype)
        collect: Callable[[Any, Any, Any], None] = self.add_product
        if total is None:
            total, collect = (
                self.empty(tuple(self.vectors.shape), self.sum_dtype),
                self.write_product,
            )
        for part in self._parts():
            collect(total[part], slopes[:, part].T, features)
        return total

    def _converted(self) -> Iterator[tuple[slice, Any]]:
        if self.backend.dtype_name(self.vectors) == self.dtype:
            yield slice(0, len(self.vectors)), self.vectors
            return
        for part in self._parts():
            yield part, self.backend.cast(self.vectors[part], self.dtype)

    def _parts(self, each: int | None = None) -> Iterator[slice]:
        count, length = self.vectors.shape
        each = each or max(1, _PART // max(1, length))
        return (slice(start, min(start + each, count)) for start in range(0, count, each))


class HostSweep(Sweep):
    """A sweep that skips rows and writes gradients where they belong."""

    kind = HostClassifier
    copies = 1
    classifier: HostClassifier
    backend: HostBackend

    def __init__(self, computation: ProductComputation, wanted: Sequence[str] = ()) -> None:
        super().__init__(computation, wanted)
        self.separate = bool(wanted) and not self._overwrites()

    def _overwrites(self) -> bool:
        """Return whether gradients of logits are written over them."""
        rows = replace(self.computation.template, reduction="none")
        return self.backend.may_overwrite(rows, self._outputs(rows), self.first)

    def _outputs(self, rows: Computation) -> tuple[Output, ...]:
        return derivative_outputs(rows, (self.first,), second=False)

    def losses(self, block: Mapping[str, Any]) -> tuple[Any, ...]:
        """Return the losses of a block and, where gradients are wanted, that of its logits."""
        if self.separate or not self.wanted:
            return super().losses(block)
        with options(domain="ignore"):
            rows = prepare(self.block_request(block), self.backend).with_numbers(cotangent=1.0)
        found = self.backend.run_over(rows, self._outputs(rows), self.first)
        return found["value"], rows.arrays[self.first]

    def run(self, factors: Any = None) -> tuple[Any, dict[str, Any]]:
        """Return the losses of all rows, and the gradients of their sum: see the base."""
        computation, count = self.computation, self.computation.count
        chosen = participants(computation)
        arrays = self.rows.arrays if factors is None else {**self.rows.arrays, FACTORS: factors}
        losses = self.zeros((count,), computation.template.compute)
        sums: dict[str, Any] = {}
        if "features" in self.wanted:
            sums["features"] = self.features_sum(filled=chosen is not None)
        start, lengths = 0, self.lengths(count if chosen is None else len(chosen))
        if len(lengths) == 1:  # nothing is summed, so nothing is lost
            self.classifier.sum_dtype = self.classifier.dtype
        for length in lengths:
            rows = (
                slice(start, start + length) if chosen is None else chosen[start : start + length]
            )
            start += length
            block = {name: x[rows] for name, x in arrays.items()}
            losses[rows], slope, sums = self.step(block, sums)
            if slope is not None:
                sums["features"][rows] = slope
        return losses, sums

    def features_sum(self, filled: bool) -> Any:
        """Return memory for the gradient of the features, with 0 where rows are left out."""
        shape = (self.computation.count, self.computation.matrices.features.shape[-1])
        return (self.zeros if filled else self.classifier.empty)(shape, self.classifier.wide)

    def zeros(self, shape: tuple[int, ...], dtype: str) -> Any:
        """Return memory filled with 0."""
        found = self.classifier.empty(shape, dtype)
        found[...] = 0.0
        return found


class HostLibrary(Library):
    """Product losses in host memory."""

    kind: type[Sweep] = HostSweep

    def scaled(self, x: Any, scale: Any) -> Any:
        """Multiply a gradient where it is."""
        if not isinstance(scale, float) or scale != 1.0:
            x *= scale
        return x


def participants(computation: ProductComputation) -> Any:
    """Return the rows that take part as NumPy's indices; None if all do, or none can be read."""
    backend, template = computation.backend, computation.template
    mask = template.expressions.mask
    if mask is None or not backend.has_kernels(template):
        return None
    found = backend.run(template, (stored("mask", mask),))["mask"]
    taking = backend.to_numpy(found).reshape(-1) != 0
    return None if taking.all() else np.flatnonzero(taking)
