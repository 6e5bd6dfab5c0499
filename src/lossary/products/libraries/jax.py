"""JAX: a scan over blocks of rows under ``jax.jit``, with a derivative by ``custom_vjp``."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from lossary.backends.jax import BACKEND, TYPE_OF
from lossary.bounded_cache import BoundedCache
from lossary.definition.request import Request
from lossary.errors import type_error
from lossary.options import tile_bytes
from lossary.products.classifier import Classifier
from lossary.products.computation import ProductComputation, assembled
from lossary.products.flow import Library
from lossary.products.request import MATRICES, parts_of, products_from, replaced
from lossary.products.sweep import FACTORS, Sweep

Arrays = dict[str, Any]
#: Elements of the classifier's gradient that are added at a time.
_PART = 2**18


class JaxClassifier(Classifier):
    """A classifier whose vectors may lie on several devices, which keep their parts.

    Where a mesh has explicit axes the parts of a product are said; elsewhere XLA finds the same.
    """

    def multiply(self, a: Any, b: Any) -> Any:
        """Return a matrix product that lies as its factors do."""
        if TYPE_OF is None:
            return jnp.matmul(a, b)
        left, right = (TYPE_OF(x).sharding.spec for x in (a, b))
        if not any((*left, *right)):
            return jnp.matmul(a, b)
        return jnp.matmul(a, b, out_sharding=jax.sharding.PartitionSpec(left[0], right[1]))

    def add_gradient(self, total: Any, slopes: Any, features: Any) -> Any:
        """Return the gradient of the vectors, that of some rows added.

        Part by part, as XLA would keep a whole array of terms beside the sum; on several devices
        parts might have to be gathered.
        """
        count, length = self.vectors.shape
        each = max(1, _PART // max(1, length))
        if total is None or count < 2 * each or jax.device_count() > 1:
            return super().add_gradient(total, slopes, features)
        features = self.backend.cast(features, self.dtype)

        def added(index: Any, total: Any) -> Any:
            start = jnp.minimum(index * each, count - each)
            part = jax.lax.dynamic_slice_in_dim(slopes, start, each, axis=1)
            # The last part begins within the one before it, whose rows it must not add again.
            new = (start + jnp.arange(each)) >= index * each
            term = jnp.where(new[:, None], self.multiply(part.T, features).astype(self.wide), 0)
            known = jax.lax.dynamic_slice_in_dim(total, start, each)
            return jax.lax.dynamic_update_slice_in_dim(total, known + term, start, axis=0)

        return jax.lax.fori_loop(0, -(-count // each), added, total)


class JaxSweep(Sweep):
    """A sweep whose blocks are the steps of a scan; XLA writes a gradient over its tile."""

    kind = JaxClassifier
    copies = 1

    def run(self, factors: Any = None) -> tuple[Any, Arrays]:
        """Return the losses of all rows, and the gradients of their sum: see the base."""
        count = self.computation.count
        if not isinstance(count, int):  # a trace that leaves it open
            return super().run(factors)
        length = max(self.lengths(count))
        blocks = count // length if length else 0
        if blocks < 2:
            return super().run(factors)
        arrays = self.rows.arrays if factors is None else {**self.rows.arrays, FACTORS: factors}
        inner = blocks * length
        stacked = {n: x[:inner].reshape(blocks, length, *x.shape[1:]) for n, x in arrays.items()}
        sums, (losses, slopes) = jax.lax.scan(self._step, self._zeros(), stacked)
        found = [losses.reshape(inner)]
        features = [None if slopes is None else slopes.reshape(inner, -1)]
        if inner < count:
            sums, (rest, slope) = self._step(sums, {n: x[inner:] for n, x in arrays.items()})
            found.append(rest)
            features.append(slope)
        if "features" in self.wanted:
            sums["features"] = self.joined(features)
        return self.joined(found), sums

    def _step(self, sums: Arrays, block: Arrays) -> tuple[Arrays, Any]:
        value, slope, sums = self.step(dict(block), sums)
        return sums, (value, slope)

    def _zeros(self) -> Arrays:
        wide, product = self.classifier.wide, self.computation.matrices
        return {
            name: jnp.zeros_like(getattr(product, name), dtype=wide)
            for name in self.wanted
            if name != "features"
        }


class JaxLibrary(Library):
    """Product losses of JAX's arrays."""

    kind = JaxSweep

    def constant(self, x: Any) -> Any:
        """Return an array whose derivative is 0."""
        return jax.lax.stop_gradient(x)

    def value(self, computation: ProductComputation) -> Any:
        """Compute the loss as one compiled function, with a derivative attached."""
        static, arrays = _split(computation)
        return _compiled(static)(arrays)

    def value_and_gradients(
        self, computation: ProductComputation, wanted: Sequence[str], cotangents: Any = None
    ) -> tuple[Any, ...]:
        """Compute the loss and gradients as one compiled function."""
        static, arrays = _split(computation)
        results: tuple[Any, ...] = _compiled(static, tuple(wanted))(arrays, cotangents)
        return results

    def within(
        self, computation: ProductComputation, wanted: Sequence[str], cotangents: Any = None
    ) -> tuple[Any, ...]:
        """Compute the loss and gradients in a trace."""
        return super().value_and_gradients(computation, wanted, cotangents)


def _loss(static: _Static, arrays: Arrays) -> Any:
    """Compute the loss in a trace; its gradients come from the sweep that computes it."""
    template = static.computation(arrays).template
    rest = {name: x for name, x in arrays.items() if name not in MATRICES}
    matrices = {name: x for name, x in arrays.items() if name in MATRICES}
    rows = template.reduction == "none"

    def run(given: Arrays, rest: Arrays, wanted: Sequence[str], *cotangents: Any) -> Any:
        return LIBRARY.within(static.computation({**given, **rest}), wanted, *cotangents)

    @jax.custom_vjp
    def value(given: Arrays, rest: Arrays) -> Any:
        return run(given, rest, ())[0]

    def forward(given: Arrays, rest: Arrays) -> Any:
        moved = [name for name, x in rest.items() if x.perturbed]
        if moved:
            _refuse(template.function, moved[0])
        wanted = tuple(name for name, x in given.items() if x.perturbed)
        given, rest = ({name: x.value for name, x in part.items()} for part in (given, rest))
        if rows:
            return value(given, rest), (given, rest, dict.fromkeys(wanted))
        loss, *found = run(given, rest, wanted)
        return loss, (None, None, dict(zip(wanted, found, strict=True)))

    def backward(kept: Any, cotangent: Any) -> Any:
        given, rest, found = kept
        if given is not None:
            factors = cotangent.reshape(-1).astype(template.compute)
            gradients = run(given, rest, tuple(found), factors)[1:]
            found = dict(zip(found, gradients, strict=True))
        else:
            found = {name: (x * cotangent).astype(x.dtype) for name, x in found.items()}
        return {name: found.get(name) for name in matrices}, None

    value.defvjp(forward, backward, symbolic_zeros=True)
    return value(matrices, rest)


def _refuse(function: str, name: str) -> None:
    requirement = "must not be differentiated"
    remedy = f"Only factors of the products have derivatives. Pass jax.lax.stop_gradient({name})."
    raise type_error(function, name, requirement, "an argument that is", remedy)


class _Static(NamedTuple):
    """All of a call but its arrays.

    Attributes
    ----------
    products : tuple of str
        The arguments that are products.
    request : Request
        The call of the loss of rows, with None for arrays.
    kinds : tuple of type
        The types of its parameters, as True, 1 and 1.0 are equal.
    """

    products: tuple[str, ...]
    request: Request
    kinds: tuple[type, ...]

    def computation(self, arrays: Arrays) -> ProductComputation:
        """Return the computation of arrays, which may be tracers."""
        products = products_from(self.products, arrays)
        given = replaced(self.request, lambda name, x: arrays.get(name, x))
        return assembled(BACKEND, products, given)


def _split(computation: ProductComputation) -> tuple[_Static, Arrays]:
    """Return the fixed part of a call, and its arrays by name."""
    arrays: Arrays = parts_of(computation.products)

    def taken(name: str, x: Any) -> Any:
        if not isinstance(x, jax.Array):
            return x
        arrays[name] = x

    request = replaced(computation.request, taken)
    kinds = tuple(map(type, (*request.parameters, *request.arrays)))
    return _Static(tuple(computation.products), request, kinds), arrays


#: Compiled functions by what is fixed in them.
_functions = BoundedCache(256)


def _compiled(static: _Static, *how: Any) -> Any:
    """Return the compiled function for calls like this one: of the loss, or with gradients."""
    key = (static, how, tile_bytes())
    found = _functions.find(key)
    if found is not None:
        return found
    run = partial(_loss, static) if not how else partial(_gradients, static, *how)
    return _functions.keep(key, jax.jit(run))


def _gradients(static: _Static, wanted: tuple[str, ...], arrays: Arrays, cotangents: Any) -> Any:
    return LIBRARY.within(static.computation(arrays), wanted, cotangents)


LIBRARY = JaxLibrary()
