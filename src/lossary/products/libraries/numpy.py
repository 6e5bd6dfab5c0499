"""NumPy: products by its matrix product into one tile; halves are computed in float32."""

from __future__ import annotations

from typing import Any

import numpy as np

from lossary.products.host import HostClassifier, HostLibrary, HostSweep


class NumpyClassifier(HostClassifier):
    """A classifier in NumPy's memory."""

    _term: Any = None

    def product_dtype(self, dtype: str) -> str:
        """Return float32 for halves, which NumPy multiplies one by one."""
        return "float32" if dtype.endswith("float16") else dtype

    def empty(self, shape: tuple[int, ...], dtype: str) -> Any:
        """Return memory that is not filled."""
        return np.empty(shape, dtype)

    def write_product(self, out: Any, a: Any, b: Any) -> None:
        """Write a matrix product."""
        np.matmul(a, b, out=out)

    def add_product(self, total: Any, a: Any, b: Any) -> None:
        """Add a matrix product, which is computed into memory that is there."""
        if self._term is None or self._term.shape[0] < len(total):
            self._term = np.empty(total.shape, total.dtype)
        term = self._term[: len(total)]
        np.matmul(a, b, out=term)
        total += term


class NumpySweep(HostSweep):
    """A sweep over NumPy's arrays."""

    kind = NumpyClassifier


class NumpyLibrary(HostLibrary):
    """Product losses of NumPy's arrays."""

    kind = NumpySweep


LIBRARY = NumpyLibrary()
