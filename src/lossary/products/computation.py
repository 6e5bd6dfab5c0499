"""The checks of a product loss, and the computation that they return."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from lossary.backends.base import Backend
from lossary.call.array_library import find_backend
from lossary.call.checks import prepare
from lossary.call.dtypes import kind_of
from lossary.definition.computation import Computation
from lossary.definition.definition import Definition
from lossary.definition.outputs import VIOLATIONS
from lossary.definition.request import Request
from lossary.errors import type_error, value_error
from lossary.products.request import (
    Product,
    ProductRequest,
    part_names,
    parts_of,
    products_from,
)


@dataclass(frozen=True, slots=True)
class ProductComputation:
    """A checked call of a product loss.

    Attributes
    ----------
    backend : Backend
        The array library.
    products : dict
        The products by the names of the arguments that they are: the first is differentiated.
    dtype : str
        Dtype of the products.
    request : Request
        The call of the loss of rows, with arrays of the library and None for products.
    template : Computation
        The same, checked, with constants of their shape in the place of products.
    """

    backend: Backend
    products: dict[str, Product]
    dtype: str
    request: Request
    template: Computation

    @property
    def matrices(self) -> Product:
        """Features, classifier and bias."""
        return next(iter(self.products.values()))

    def with_matrices(self, matrices: Product) -> ProductComputation:
        """Return the same computation of other features, classifier and bias."""
        first = next(iter(self.products))
        return replace(self, products={**self.products, first: matrices})

    @property
    def count(self) -> Any:
        """Number of rows."""
        return math.prod(self.template.unreduced_shape)

    @property
    def classes(self) -> Any:
        """Number of classes."""
        return self.template.shape[-1]


def checked(given: ProductRequest) -> ProductComputation:
    """Check a request: one library, dtypes, shapes, and all that the loss of rows checks."""
    computation = assembled(*_in_one_library(given))
    _check_domains(computation)
    return replace(computation, template=replace(computation.template, check=None))


def assembled(backend: Backend, products: dict[str, Product], rows: Request) -> ProductComputation:
    """Check arrays of one library; their values are not looked at."""
    names = part_names(products)
    for name, product in products.items():
        _check_shapes(rows, backend, names[name], product)
    first = next(iter(products.values()))
    dtype = _dtype(backend, first)
    count = backend.shape(first.classifier)[0]
    constants = {}
    for name, product in products.items():
        shape = (*backend.shape(product.features)[:-1], count)
        zero = backend.full(0.0, backend.dtype(dtype), product.features)
        constants[name] = backend.xp.broadcast_to(zero, shape)
    named = zip(rows.loss.arguments, rows.arrays, strict=True)
    arrays = tuple(constants.get(name, x) for name, x in named)
    template = prepare(rows._replace(arrays=arrays), backend)
    return ProductComputation(backend, products, dtype, rows, template)


def _in_one_library(given: ProductRequest) -> tuple[Backend, dict[str, Product], Request]:
    """Return the library that all arrays belong to, with the products and the request of rows."""
    rows, products = given.rows, given.products
    for name, parts in part_names(products).items():
        for part, x in zip(parts[:2], products[name][:2], strict=True):
            if x is None:
                raise type_error(rows.function, part, "must be an array", "None")
    others = [
        (name, x)
        for name, x in zip(rows.loss.arguments, rows.arrays, strict=True)
        if name not in products
    ]
    names, arrays = zip(*parts_of(products).items(), *others, strict=True)
    whole = rows._replace(loss=with_arguments(rows.loss, names), arrays=arrays)
    backend, whole = find_backend(whole)
    found = {name: backend.asarray(x, whole.function, name) for name, x in whole.named_arrays()}
    for name, x in found.items():
        kind_of(whole, name, backend.dtype_name(x))
    products = products_from(products, found)
    arrays = tuple(found.get(name) for name in rows.loss.arguments)
    return backend, products, whole._replace(loss=rows.loss, arrays=arrays)


@lru_cache(maxsize=256)
def with_arguments(loss: Definition, names: tuple[str, ...]) -> Definition:
    """Return a definition for messages about a call's arrays, by the names that users know."""
    return replace(loss, arguments=names, identity=f"{loss.identity} {' '.join(names)}")


def _check_shapes(
    rows: Request, backend: Backend, names: tuple[str, ...], product: Product
) -> None:
    features, classifier, bias = (() if x is None else backend.shape(x) for x in product)
    function, (features_name, classifier_name, bias_name) = rows.function, names
    if not features:
        requirement = "must have the shape (..., D)"
        raise value_error(function, features_name, requirement, "a 0-d array")
    if len(classifier) != 2 or classifier[1] != features[-1]:
        requirement = f"must have the shape (C, D) with D = {features[-1]}, as features have"
        transposed = len(classifier) == 2 and classifier[0] == features[-1]
        remedy = "Pass its transpose." if transposed else ""
        raise value_error(function, classifier_name, requirement, f"shape {classifier}", remedy)
    if product.bias is not None and bias != classifier[:1]:
        requirement = f"must have the shape (C,) with C = {classifier[0]}, as the classifier has"
        raise value_error(function, bias_name, requirement, f"shape {bias}")


def _dtype(backend: Backend, product: Product) -> str:
    """Return the dtype of a product: as the library promotes its parts, or its default float."""
    given = [x for x in product if x is not None]
    floats = [x for x in given if "float" in backend.dtype_name(x)]
    return backend.promote(floats)


def _check_domains(computation: ProductComputation) -> None:
    """Report values outside their domains of all that is given as an array."""
    backend, template = computation.backend, computation.template
    if template.check is None:
        return
    left_out = {f"{VIOLATIONS}{name}" for name in computation.products}
    outputs = tuple(o for o in template.check.outputs if o.name not in left_out)
    results = backend.run(template, outputs) if outputs else {}
    counts = [int(results.get(output.name, 0)) for output in template.check.outputs]
    template.check.report(template, counts, backend)
