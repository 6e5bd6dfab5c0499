"""From sums to means: the denominator, the division, and what gradients are multiplied by.

A reduction is data (``computation.reduction`` and ``computation.denominator``); this is how it is
carried out with the operations of an array library, inside its compiler too.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from lossary.definition.computation import Computation


class Arithmetic(Protocol):
    """What a reduction asks of a backend."""

    xp: Any

    def size(self, computation: Computation) -> Any:
        """Return the number of elements."""

    def full(self, value: float, dtype: Any, like: Any) -> Any:
        """Return a 0-d array."""

    def cast(self, x: Any, name: str) -> Any:
        """Return x in another dtype."""

    def dtype_name(self, x: Any) -> str:
        """Return the name of a dtype."""

    def scalar(self, x: Any) -> Any:
        """Return a 0-d array as a number where that costs nothing."""


def reduced(backend: Arithmetic, computation: Computation, results: Mapping[str, Any]) -> Any:
    """Return the unreduced loss, or the sum or mean from the sums of a run."""
    if computation.reduction != "mean":
        return results["value"]
    return divide(
        backend, computation, results["value"], denominator(backend, computation, results)
    )


def denominator(backend: Arithmetic, computation: Computation, results: Mapping[str, Any]) -> Any:
    """Return the number to divide the sum by: 1 unless the reduction is a mean."""
    if computation.reduction != "mean":
        return 1.0
    given = computation.denominator
    if not isinstance(given, str):
        return given
    return results["denominator"] if "denominator" in results else backend.size(computation)


def divide(backend: Arithmetic, computation: Computation, sum_: Any, denominator: Any) -> Any:
    """Divide by a denominator; 0 by 0 is 0 unless the array itself is empty."""
    with np.errstate(all="ignore"):
        size = backend.size(computation) if isinstance(computation.denominator, str) else 1.0
        if not isinstance(size, float):
            nothing_given = backend.full(math.nan, sum_.dtype, sum_)
            sum_ = backend.xp.where(size == 0, nothing_given, sum_)
        elif size == 0:
            return sum_ * math.nan
        if isinstance(denominator, (int, float)) and denominator != 0:
            return sum_ / denominator
        nothing = denominator == 0
        safe = sum_ / (denominator + _like(backend, nothing, sum_))
        # A constant infinity, as the derivative of a quotient by 0 would be NaN.
        limit = backend.full(math.inf, sum_.dtype, sum_)
        signed = backend.xp.where(sum_ > 0, limit, backend.xp.where(sum_ < 0, -limit, sum_))
        return backend.xp.where(nothing, signed, safe)


def inverse(backend: Arithmetic, denominator: Any) -> Any:
    """Return what gradients are multiplied by: 1 / denominator, and 0 for a mean of nothing."""
    denominator = backend.scalar(denominator)
    if isinstance(denominator, (int, float)):
        return 1.0 / denominator if denominator != 0 else 0.0
    nothing = denominator == 0
    inverted = 1.0 / (denominator + _like(backend, nothing, denominator))
    return inverted * (1.0 - _like(backend, nothing, inverted))


def _like(backend: Arithmetic, x: Any, like: Any) -> Any:
    return backend.cast(x, backend.dtype_name(like))
