"""The request of a product loss: what a call was given, bound to names and not yet checked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple
from weakref import WeakValueDictionary

from lossary.definition.common_arguments import COMMON_ARRAYS
from lossary.definition.request import Request

#: The arguments of every product loss, the optional last.
MATRICES = ("features", "classifier", "bias")
#: Every product loss of this process by its identity.
BY_IDENTITY: WeakValueDictionary[str, Any] = WeakValueDictionary()


class Product(NamedTuple):
    """A matrix product that is computed in tiles where it is read: features times a classifier.

    A product loss takes it in place of an array with one number per class, such as the logits of
    a teacher that a student's are compared with.

    Attributes
    ----------
    features : array, shape (..., D)
        One vector for each row.
    classifier : array, shape (C, D)
        One vector for each class.
    bias : array, shape (C,), optional
        A number for each class, added to its products.
    """

    features: Any
    classifier: Any
    bias: Any = None


class ProductRequest(NamedTuple):
    """The arguments of one call of a product loss, not yet checked.

    Attributes
    ----------
    matrices : Product
        What its logits are made of.
    rows : Request
        The call of the loss of rows, without its first argument.
    """

    matrices: Product
    rows: Request

    @property
    def products(self) -> dict[str, Product]:
        """The arguments that are products, by name: the logits, and what was given as one."""
        first, *others = self.rows.loss.arguments
        given = zip(others, self.rows.arrays[1:], strict=True)
        return {first: self.matrices, **{n: x for n, x in given if isinstance(x, Product)}}


def part_names(products: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return the names that parts of products have for users: ``bias``, and ``targets.bias``."""
    found = {name: tuple(f"{name}.{part}" for part in MATRICES) for name in products}
    return {**found, next(iter(found)): MATRICES}


def parts_of(products: Mapping[str, Product]) -> dict[str, Any]:
    """Return the arrays that products are made of, by their names."""
    names = part_names(products)
    return {
        part: x
        for name, product in products.items()
        for part, x in zip(names[name], product, strict=True)
        if x is not None
    }


def products_from(names: Iterable[str], arrays: Mapping[str, Any]) -> dict[str, Product]:
    """Return the products of these names from the arrays that they are made of."""
    return {
        name: Product(*(arrays.get(part) for part in parts))
        for name, parts in part_names(names).items()
    }


def replaced(request: Request, new: Callable[[str, Any], Any]) -> Request:
    """Return a request with other values of its arrays, parameters and denominator."""
    arguments = zip(request.loss.arguments, request.arrays, strict=True)
    parameters = zip(request.loss.parameters, request.parameters, strict=True)
    common = (*COMMON_ARRAYS, "denominator")
    return request._replace(
        arrays=tuple(new(name, x) for name, x in arguments),
        parameters=tuple(new(name, x) for name, x in parameters),
        **{name: new(name, getattr(request, name)) for name in common},
    )
