"""The sweep over blocks of rows: logits of a block, its losses, its gradients, then the next.

``Rows`` has the arguments of the loss of rows, to be cut into blocks; a tile has memory for one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from lossary.backends.base import PYTHON
from lossary.call.evaluation import VALUE, Wanted
from lossary.call.flow import results_of
from lossary.definition.common_arguments import COMMON_ARRAYS
from lossary.definition.request import Request
from lossary.options import options, tile_bytes
from lossary.products.classifier import Classifier
from lossary.products.computation import ProductComputation

#: The name of the factors of rows, among the arrays of a block.
FACTORS = " factors"
_BYTES = {"float16": 2, "bfloat16": 2, "float32": 4, "float64": 8}


class Rows:
    """The arguments of the loss of rows, cut into rows.

    Attributes
    ----------
    arrays : dict
        Every array that has one number, or one for each class, for each row: shape (N,) or (N, C).
        Features of products have the shape (N, D).
    """

    def __init__(self, computation: ProductComputation) -> None:
        backend, template = computation.backend, computation.template
        self._request = computation.request
        lead = template.unreduced_shape
        self.arrays: dict[str, Any] = {}
        self._fixed: dict[str, Any] = {}
        given = {n: x for n, x in template.arrays.items() if n not in template.loss.prepare}
        for name, x in given.items():
            if name in computation.products:
                features = computation.products[name].features
                shape = (computation.count, backend.shape(features)[-1])
                self.arrays[name] = backend.xp.reshape(features, shape)
            elif name == "class_weights" or (
                backend.shape(x) == () and (lead or name not in template.loss.arguments)
            ):
                self._fixed[name] = x
            elif template.spans_classes(name):
                shape = (computation.count, computation.classes)
                self.arrays[name] = backend.xp.reshape(x, shape)
            else:
                full = backend.xp.broadcast_to(_array(computation, x), lead)
                self.arrays[name] = backend.xp.reshape(full, (computation.count,))

    def request(self, block: Mapping[str, Any]) -> Request:
        """Return the call of the loss of rows for a block, its products in place."""
        request, known = self._request, {**self._fixed, **block}
        common: dict[str, Any] = {name: known.get(name) for name in COMMON_ARRAYS}
        parameters = zip(request.loss.parameters, request.parameters, strict=True)
        return request._replace(
            arrays=tuple(known[name] for name in request.loss.arguments),
            parameters=tuple(known.get(name, x) for name, x in parameters),
            axis=-1,
            reduction="none",
            denominator="count",
            dtype=None,
            **common,
        )


def _array(computation: ProductComputation, x: Any) -> Any:
    """Return a Python number as an array beside the features."""
    if type(x) not in PYTHON:
        return x
    backend = computation.backend
    dtype = "int32" if isinstance(x, int) else computation.template.compute
    return backend.full(x, backend.dtype(dtype), computation.matrices.features)


class Sweep:
    """A sweep with arrays that are not written into, for any library.

    Parameters
    ----------
    computation : ProductComputation
        The checked call.
    wanted : sequence of str
        The matrices whose gradients are wanted.
    """

    kind: type[Classifier] = Classifier
    #: How many times the memory of a tile a library takes for a loss of its rows.
    copies = 7
    #: Whether the gradient of the first product has memory of its own.
    separate = True

    def __init__(self, computation: ProductComputation, wanted: Sequence[str] = ()) -> None:
        self.computation, self.wanted = computation, wanted
        self.backend = computation.backend
        self.rows = Rows(computation)
        self.classifiers = {
            name: self.kind(self.backend, product, computation.dtype, computation.template.compute)
            for name, product in computation.products.items()
        }
        self.first, self.classifier = next(iter(self.classifiers.items()))

    def run(self, factors: Any = None) -> tuple[Any, dict[str, Any]]:
        """Return the losses of all rows, shape (N,), and the gradients of their sum.

        The gradient of the features has the shape (N, D). Each row counts with its factor, if they
        are given.
        """
        arrays = self.rows.arrays if factors is None else {**self.rows.arrays, FACTORS: factors}
        losses, slopes, start = [], [], 0
        sums: dict[str, Any] = {}
        for length in self.lengths(self.computation.count):
            block = {name: x[start : start + length, ...] for name, x in arrays.items()}
            value, slope, sums = self.step(block, sums)
            losses.append(value)
            slopes.append(slope)
            start += length
        if "features" in self.wanted:
            sums["features"] = self.joined(slopes)
        return self.joined(losses), sums

    def lengths(self, count: int) -> list[int]:
        """Return how many rows each block has, about equally many, so that a tile fits its memory.

        A row of a tile has its products and, where that is separate, the gradient of the first.
        All rows are one block where a trace leaves their number open.
        """
        if not isinstance(count, int):
            return [count]
        computation = self.computation
        copies = self.copies * (len(self.classifiers) + self.separate)
        width = computation.classes * _BYTES[computation.dtype] * copies
        blocks = max(1, math.ceil(count / max(1, tile_bytes() // max(1, width))))
        each, more = divmod(count, blocks)
        return [each + (i < more) for i in range(blocks)]

    def step(self, block: dict[str, Any], sums: dict[str, Any]) -> tuple[Any, Any, dict[str, Any]]:
        """Return the losses of a block, the gradient of its features, and the sums of the rest."""
        factors = block.pop(FACTORS, None)
        results = self.losses(block)
        if not self.wanted:
            return results[0], None, sums
        value, slopes = results
        features, found, sums = block[self.first], None, dict(sums)
        if "features" in self.wanted:
            found = self.weighed(self.classifier.features_gradient(slopes), factors)
        if "classifier" in self.wanted:
            features = self.weighed(features, factors)
            sums["classifier"] = self.classifier.add_gradient(
                sums.get("classifier"), slopes, features
            )
        if "bias" in self.wanted:
            sums["bias"] = self.classifier.add_bias_gradient(sums.get("bias"), slopes, factors)
        return value, found, sums

    def losses(self, block: Mapping[str, Any]) -> tuple[Any, ...]:
        """Return the losses of a block and, where gradients are wanted, that of its logits."""
        request = self.block_request(block)
        with options(domain="ignore"):
            return results_of(request, Wanted((self.first,)) if self.wanted else VALUE)

    def block_request(self, block: Mapping[str, Any]) -> Request:
        """Return the call of the loss of rows for a block, with its products."""
        tiles = {name: one.logits(block[name]) for name, one in self.classifiers.items()}
        return self.rows.request({**block, **tiles})

    def weighed(self, x: Any, factors: Any) -> Any:
        """Return rows times their factors, in the dtype that gradients are summed in."""
        if factors is None:
            return x
        wide = self.backend.cast(x, self.classifier.wide)
        return wide * self.backend.xp.expand_dims(factors, axis=1)

    def joined(self, blocks: list[Any]) -> Any:
        """Join the results of blocks along their rows."""
        return blocks[0] if len(blocks) == 1 else self.backend.xp.concat(blocks)
