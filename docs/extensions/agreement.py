"""Whether two formulas are the same function, found by evaluating both at random numbers.

A loss that is computed by one form near a point and by another far from it is one function: both
forms are right everywhere, and a textbook prints one of them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from lossary.backends.axis_functions import AxisFunctions
from lossary.formula.evaluate import tape
from lossary.formula.expression import Expression, walk
from lossary.formula.rewrite import expand, expand_all

_ROWS, _CLASSES = 16, 3
#: Forms that differ by cancellation alone agree to this relative error.
_WITHIN = 1e-6
#: Values of both forms that are needed to tell.
_ENOUGH = 8


def agree(a: Expression, b: Expression) -> bool:
    """Return whether two expressions have the same values wherever both are finite.

    Examples
    --------
    >>> from lossary.formula.expression import argument, node
    >>> x = argument("x")
    >>> agree(node("log1p", x), node("log", 1 + x)), agree(x, abs(x))
    (True, False)
    """
    outputs = expand_all(expand(a), expand(b))
    rng = np.random.default_rng(0)
    values = {
        str(item.value): _symbol(rng, item.operation)
        for item in walk(*outputs)
        if item.operation in {"argument", "parameter", "label"}
    }
    with np.errstate(all="ignore"):
        found = tape(*outputs).run(values, _Arrays())
    left, right = np.broadcast_arrays(*map(np.asarray, found))
    usable = np.isfinite(left) & np.isfinite(right)
    close = np.isclose(left, right, rtol=_WITHIN, atol=_WITHIN)
    return int(usable.sum()) >= min(_ENOUGH, left.size) and bool(close[usable].all())


def _symbol(rng: np.random.Generator, kind: str) -> Any:
    """Return random values of both signs, small and large."""
    if kind == "label":
        return rng.integers(0, _CLASSES, (_ROWS, 1)).astype(float)
    if kind == "parameter":
        return np.float64(rng.uniform(0.1, 0.9))
    return rng.normal(size=(_ROWS, _CLASSES)) * rng.choice([0.3, 1.0, 4.0], (_ROWS, _CLASSES))


class _Arrays:
    """The machine that primitives are computed with: NumPy, with classes along the last axis."""

    native: dict[str, Any] = {}  # noqa: RUF012

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)

    @staticmethod
    def stop(x: Any) -> Any:
        return x

    @staticmethod
    def number(value: float) -> Any:
        return np.float64(value)

    @staticmethod
    def index() -> Any:
        return np.arange(_CLASSES, dtype=float)[None, :]

    @staticmethod
    def class_count() -> Any:
        return np.float64(_CLASSES)

    @staticmethod
    def sum_classes(x: Any) -> Any:
        return np.broadcast_to(x, (_ROWS, _CLASSES)).sum(axis=1, keepdims=True)

    @staticmethod
    def max_classes(x: Any) -> Any:
        return np.broadcast_to(x, (_ROWS, _CLASSES)).max(axis=1, keepdims=True)

    def at_label(self, x: Any, labels: Any) -> Any:
        return self.sum_classes(np.where(self.index() == labels, x, 0.0))

    def sorted_by(self, x: Any, key: Any) -> Any:
        return _along("taken", x, _along("order", key))

    def unsorted_by(self, x: Any, key: Any) -> Any:
        return _along("taken", x, _along("order", _along("order", key)))

    def neighbour(self, x: Any, fill: float, reverse: bool) -> Any:
        return _along("neighbour", x, fill=fill, reverse=reverse)

    def running_sum(self, x: Any, reverse: bool) -> Any:
        return _along("running_sum", x, reverse=reverse)

    def running_max(self, x: Any, reverse: bool) -> Any:
        return _along("running_max", x, reverse=reverse)

    def recurrence(self, x: Any, a: Any, reverse: bool) -> Any:
        return _along("recurrence", x, a, reverse=reverse)


def _along(name: str, *arrays: Any, **options: Any) -> Any:
    """Apply a function along the last axis of full arrays."""
    full = [np.broadcast_to(x, (_ROWS, _CLASSES)) for x in arrays]
    return getattr(AxisFunctions(np), name)(*full, axis=1, **options)
