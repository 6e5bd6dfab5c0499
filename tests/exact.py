"""Expressions evaluated in 60 digits: the array spelling of every primitive, over mpmath numbers.

Values are object arrays: elements of shape (rows, classes), row values of shape (rows, 1).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import mpmath as mp
import numpy as np

from lossary.formula.evaluate import tape
from lossary.formula.expression import Expression
from lossary.formula.rewrite import expand

mp.mp.dps = 60

Array = np.ndarray


def exact(values: Any) -> Array:
    """Return an object array of exact numbers."""
    with np.errstate(all="ignore"):
        return np.asarray(_EXACT(np.asarray(values, dtype=object)), dtype=object)


def _real(x: Any) -> mp.mpf:
    """Return a number as a real one; a power of a negative number may be none."""
    if isinstance(x, mp.mpc):
        raise mp.libmp.ComplexResult
    return x if isinstance(x, mp.mpf) else mp.mpf(x)


_EXACT = np.frompyfunc(_real, 1, 1)
_KEPT = np.frompyfunc(lambda x: x if isinstance(x, mp.mpc) else _real(x), 1, 1)


def evaluate(expression: Expression, values: Mapping[str, Any], classes: int = 1) -> Array:
    """Evaluate an expression; ``values`` holds arguments, labels and parameters by name."""
    # NumPy reads the processor's flags after its loops, which mpmath's conversions raise.
    with np.errstate(all="ignore"):
        (result,) = tape(expand(expression)).run(values, ExactOperations(classes))
    return np.asarray(result)


def _lifted(function: Any) -> Any:
    lifted = np.frompyfunc(lambda x: function(_real(x)), 1, 1)
    return staticmethod(lambda x: lifted(np.asarray(x, dtype=object)))


def _log(x: Any) -> Any:
    if mp.isnan(x) or x < 0:
        return mp.nan
    return mp.log(x) if x else -mp.inf


def _either_nan(choose: Any) -> Any:
    lifted = np.frompyfunc(lambda a, b: mp.nan if a != a or b != b else choose(a, b), 2, 1)
    return staticmethod(lambda a, b: lifted(exact(a), exact(b)))


class ExactOperations:
    """The namespace that array spellings are evaluated with."""

    native: ClassVar[dict[str, Any]] = {}

    def __init__(self, classes: int) -> None:
        self.classes = classes

    exp = _lifted(mp.exp)
    expm1 = _lifted(mp.expm1)
    log = _lifted(_log)
    log1p = _lifted(lambda x: _log(1 + x))
    sqrt = _lifted(lambda x: mp.sqrt(x) if x >= 0 else mp.nan)
    tanh = _lifted(mp.tanh)
    abs = _lifted(abs)
    sign = _lifted(mp.sign)
    floor = _lifted(mp.floor)
    sin = _lifted(mp.sin)
    cos = _lifted(mp.cos)
    maximum = _either_nan(max)
    minimum = _either_nan(min)

    @staticmethod
    def isfinite(x: Any) -> Any:
        return np.asarray(np.frompyfunc(mp.isfinite, 1, 1)(x), dtype=bool)

    @staticmethod
    def where(condition: Any, a: Any, b: Any) -> Any:
        # What is not chosen, here or further out, may be no real number.
        return np.where(condition, _KEPT(np.asarray(a, object)), _KEPT(np.asarray(b, object)))

    @staticmethod
    def stop(x: Any) -> Any:
        return x

    @staticmethod
    def number(value: float) -> Any:
        return exact(value)

    def index(self) -> Any:
        return exact(np.arange(self.classes))[None, :]

    def class_count(self) -> Any:
        return mp.mpf(self.classes)

    def sum_classes(self, x: Any) -> Any:
        return self._full(x).sum(axis=1, keepdims=True)

    def at_label(self, x: Any, labels: Any) -> Any:
        return self.sum_classes(self.where(self.index() == labels, x, 0.0))

    def max_classes(self, x: Any) -> Any:
        return self._full(x).max(axis=1, keepdims=True)

    def sorted_by(self, x: Any, key: Any) -> Any:
        full, order = np.broadcast_arrays(self._full(x), self._order(key))
        return np.take_along_axis(full, order, axis=1)

    def unsorted_by(self, x: Any, key: Any) -> Any:
        full, order = np.broadcast_arrays(self._full(x), self._order(key))
        found = np.empty_like(full)
        np.put_along_axis(found, order, full, axis=1)
        return found

    def _order(self, key: Any) -> Any:
        rows = [[(mp.isnan(v), v) for v in row] for row in self._full(key)]
        return np.array([sorted(range(self.classes), key=row.__getitem__) for row in rows])

    def neighbour(self, x: Any, fill: float, reverse: bool) -> Any:
        found = np.roll(self._full(x), -1 if reverse else 1, axis=1)
        found[:, -1 if reverse else 0] = exact(fill)[()]
        return found

    def running_sum(self, x: Any, reverse: bool) -> Any:
        return self._along(lambda y, v: y + v, reverse, mp.mpf(0), x)

    def running_max(self, x: Any, reverse: bool) -> Any:
        def larger(y: Any, v: Any) -> Any:
            return mp.nan if mp.isnan(y) or mp.isnan(v) else max(y, v)

        return self._along(larger, reverse, -mp.inf, x)

    def recurrence(self, x: Any, a: Any, reverse: bool) -> Any:
        return self._along(lambda y, v, a: v + (a * y if a else 0), reverse, mp.mpf(0), x, a)

    def _along(self, step: Any, reverse: bool, start: Any, *arrays: Any) -> Any:
        """Go along each row: from the last result and the elements to the next result."""
        direction = -1 if reverse else 1
        full = np.broadcast_arrays(*[self._full(exact(x))[:, ::direction] for x in arrays])
        found = np.empty(full[0].shape, dtype=object)
        for row, result in zip(np.stack(full, axis=-1), found, strict=True):
            last = start
            for place, elements in enumerate(row):
                result[place] = last = step(last, *elements)
        return found[:, ::direction]

    def _full(self, x: Any) -> Any:
        rows = np.atleast_2d(x)
        return np.broadcast_to(rows, (len(rows), self.classes))
