"""The classifier of a product: rows of products from features, and gradients from theirs.

The base does it with any library's matrix product; arrays are not written into.
"""

from __future__ import annotations

from typing import Any

from lossary.backends.base import Backend
from lossary.products.request import Product


class Classifier:
    """Vectors of the classes and their bias, with the sums of their gradients.

    Parameters
    ----------
    backend : Backend
        The array library.
    product : Product
        The matrices.
    dtype : str
        Dtype of the products.
    wide : str
        Dtype that gradients are summed in, float32 or float64.
    """

    def __init__(self, backend: Backend, product: Product, dtype: str, wide: str) -> None:
        self.backend, self.xp = backend, backend.xp
        self.dtype, self.wide = dtype, wide
        self.vectors = backend.cast(product.classifier, dtype)
        self.bias = None if product.bias is None else backend.cast(product.bias, dtype)

    def multiply(self, a: Any, b: Any) -> Any:
        """Return a matrix product."""
        return self.xp.matmul(a, b)

    def logits(self, features: Any) -> Any:
        """Return the products of some rows, shape (B, C)."""
        features = self.backend.cast(features, self.dtype)
        found = self.multiply(features, self.xp.permute_dims(self.vectors, (1, 0)))
        return found if self.bias is None else found + self.bias

    def features_gradient(self, slopes: Any) -> Any:
        """Return the gradient of features from that of their logits."""
        return self.multiply(slopes, self.vectors)

    def add_gradient(self, total: Any, slopes: Any, features: Any) -> Any:
        """Return the gradient of the vectors, that of some rows added; ``total`` may be None."""
        features = self.backend.cast(features, self.dtype)
        found = self.multiply(self.xp.permute_dims(slopes, (1, 0)), features)
        found = self.backend.cast(found, self.wide)
        return found if total is None else total + found

    def add_bias_gradient(self, total: Any, slopes: Any, factors: Any) -> Any:
        """Return the gradient of the bias, that of some rows added, each times its factor."""
        slopes = self.backend.cast(slopes, self.wide)
        if factors is not None:
            slopes = slopes * self.xp.expand_dims(factors, axis=1)
        found = self.xp.sum(slopes, axis=0)
        return found if total is None else total + found
