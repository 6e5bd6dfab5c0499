"""Functions along one axis of arrays: orders, neighbours, running sums and recurrences.

What runs along the axis is computed in steps of 1, 2, 4, ... places (Hillis & Steele 1986,
doi:10.1145/7902.7903): whole arrays are added to themselves, moved. A result is a sum of sums, as
in a tree, so its error grows with the logarithm of its place, and it is the same on every library.
"""

from __future__ import annotations

import math
from typing import Any


class AxisFunctions:
    """The functions, with the namespace of an array library.

    Parameters
    ----------
    xp : namespace
        The array library.
    """

    def __init__(self, xp: Any) -> None:
        self.xp = xp

    def order(self, key: Any, *, axis: int) -> Any:
        """Return the indices of the elements in ascending order; ties keep theirs, NaN is last."""
        return self.xp.argsort(key, axis=axis, stable=True)

    def taken(self, x: Any, indices: Any, *, axis: int) -> Any:
        """Return the elements at these indices."""
        return self.xp.take_along_axis(x, indices, axis=axis)

    def neighbour(
        self, x: Any, *, axis: int, fill: float, reverse: bool = False, step: int = 1
    ) -> Any:
        """Return the element some steps before each, or after; ``fill`` where there is none."""
        length = x.shape[axis]
        step = min(step, length)

        def part(first: int, last: int) -> Any:
            return x[(*(slice(None),) * axis, slice(first, last), ...)]

        if reverse:
            filled = self.xp.zeros_like(part(length - step, length)) + fill
            return self.xp.concat([part(step, length), filled], axis=axis)
        filled = self.xp.zeros_like(part(0, step)) + fill
        return self.xp.concat([filled, part(0, length - step)], axis=axis)

    def running_sum(self, x: Any, *, axis: int, reverse: bool) -> Any:
        """Return the sums of the elements up to each."""
        step = 1
        while step < x.shape[axis]:
            x = x + self.neighbour(x, axis=axis, fill=0.0, reverse=reverse, step=step)
            step *= 2
        return x

    def running_max(self, x: Any, *, axis: int, reverse: bool) -> Any:
        """Return the largest of the elements up to each."""
        step = 1
        while step < x.shape[axis]:
            earlier = self.neighbour(x, axis=axis, fill=-math.inf, reverse=reverse, step=step)
            x = self.xp.maximum(x, earlier)
            step *= 2
        return x

    def recurrence(self, x: Any, a: Any, *, axis: int, reverse: bool) -> Any:
        """Return y_k = x_k + a_k y_(k-1), where an a of 0 wins against a y that is not finite."""
        step = 1
        while step < x.shape[axis]:
            earlier = self.neighbour(x, axis=axis, fill=0.0, reverse=reverse, step=step)
            # Finite ones are not left out: the library's derivative is then that of a product.
            cut = (a == 0) & ~self.xp.isfinite(earlier)
            x = x + a * self.xp.where(cut, self.xp.zeros_like(earlier), earlier)
            a = a * self.neighbour(a, axis=axis, fill=0.0, reverse=reverse, step=step)
            step *= 2
        return x
