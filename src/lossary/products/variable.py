"""Arrays that know what they were made of, and operations on embeddings with their derivatives.

The libraries that differentiate themselves follow the same operations; ``pulled_back`` is for
:func:`lossary.value_and_grad`, on every library.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from lossary.backends.base import Backend
from lossary.products.flow import Library

#: From the gradient of an array to that of one that it was made of.
Pull = Callable[[Any], Any]
_numbers = itertools.count()


@dataclass(frozen=True, eq=False)
class Variable:
    """An array, and how its gradient becomes that of the arrays that it was made of.

    Attributes
    ----------
    value : array
        The array.
    sources : tuple
        What it was made of, each with the function that turns a gradient into the source's.
    number : int
        Larger than that of any source.
    """

    value: Any
    sources: tuple[tuple[Variable, Pull], ...] = ()
    number: int = field(default_factory=lambda: next(_numbers))


def pulled_back(
    found: Iterable[tuple[Variable, Any]], wanted: Sequence[Variable]
) -> tuple[Any | None, ...]:
    """Return the gradients of some variables from those of what was made of them, added up."""
    gradients: dict[Variable, Any] = {}

    def add(variable: Variable, gradient: Any) -> None:
        known = gradients.get(variable)
        gradients[variable] = gradient if known is None else known + gradient

    for variable, gradient in found:
        add(variable, gradient)
    done: set[Variable] = set()
    while rest := gradients.keys() - done:
        latest = max(rest, key=lambda variable: variable.number)
        done.add(latest)
        for source, pull in latest.sources:
            add(source, pull(gradients[latest]))
    return tuple(gradients.get(variable) for variable in wanted)


class Operations:
    """Operations on arrays of one library.

    Parameters
    ----------
    backend : Backend
        The library.
    library : Library
        How it computes losses of products.
    dtype : str
        Dtype to compute in.
    like : array
        One of the arrays, which shows the device.
    """

    def __init__(self, backend: Backend, library: Library, dtype: str, like: Any) -> None:
        self.backend, self.xp = backend, backend.xp
        self.library, self.dtype, self.like = library, dtype, like

    def cast(self, x: Variable) -> Variable:
        """Return an array in the working dtype."""
        return Variable(self.backend.cast(x.value, self.dtype), ((x, lambda g: g),))

    def masked(self, x: Variable, mask: Any) -> Variable:
        """Return rows, those that take no part as zeros whatever they hold."""

        def taken(rows: Any) -> Any:
            return self.xp.where(self.xp.expand_dims(mask, axis=1), rows, self.zero(rows))

        return Variable(taken(x.value), ((x, taken),))

    def directions(self, x: Variable) -> Variable:
        """Return rows divided by their lengths; a row of zeros stays, with the derivative 0."""
        xp, zero = self.xp, self.zero(x.value)
        if self.backend.shape(x.value)[1] == 0:
            return x
        largest = xp.max(xp.abs(self.library.constant(x.value)), axis=1, keepdims=True)
        nothing, one = largest == 0, zero + 1
        largest = xp.where(nothing, one, largest)
        shares = x.value / largest
        squares = self.backend.sum_along(shares * shares, 1)
        length = xp.sqrt(xp.where(nothing, one, squares))
        found = xp.where(nothing, zero, shares / length)

        def pull(gradient: Any) -> Any:
            along = self.backend.sum_along(gradient * found, 1)
            return xp.where(nothing, zero, (gradient - along * found) / length / largest)

        return Variable(found, ((x, pull),))

    def placed(self, own: Variable, others: Variable | None, offset: Any) -> Variable:
        """Return the rows of others with one's own in their place, which begins at the offset."""
        if others is None:
            return own
        xp, zero = self.xp, self.zero(own.value)
        count, total = (self.backend.shape(x.value)[0] for x in (own, others))
        if isinstance(offset, int):
            before, after = slice(0, offset), slice(offset + count, total)

            def joined(x: Any, middle: Any) -> Any:
                return xp.concat([x[before, ...], middle, x[after, ...]])

            return Variable(
                joined(others.value, own.value),
                (
                    (own, lambda g: g[offset : offset + count, ...]),
                    (others, lambda g: joined(g, own.value * 0)),
                ),
            )
        if count == 0:
            return others
        places = self.places(total) - offset
        inside = (places >= 0) & (places < count)
        index = xp.clip(places, 0, count - 1)
        if own.value.ndim > 1:
            inside = xp.expand_dims(inside, axis=1)
        found = xp.where(inside, xp.take(own.value, index, axis=0), others.value)
        return Variable(
            found,
            (
                (own, lambda g: xp.take(g, self.places(count) + offset, axis=0)),
                (others, lambda g: xp.where(inside, zero, g)),
            ),
        )

    def joined(self, first: Variable, second: Variable) -> Variable:
        """Return the rows of two arrays, one after the other."""
        count = self.backend.shape(first.value)[0]
        found = self.xp.concat([first.value, second.value])
        return Variable(
            found, ((first, lambda g: g[:count, ...]), (second, lambda g: g[count:, ...]))
        )

    def times(self, x: Variable, factor: Variable) -> Variable:
        """Return an array times one number."""
        return Variable(
            x.value * factor.value,
            (
                (x, lambda g: g * factor.value),
                (factor, lambda g: self._sum(g * x.value)),
            ),
        )

    def over(self, x: Variable, divisor: Variable) -> Variable:
        """Return an array divided by one number."""
        found = x.value / divisor.value
        return Variable(
            found,
            (
                (x, lambda g: g / divisor.value),
                (divisor, lambda g: -self._sum(g * found) / divisor.value),
            ),
        )

    def repeated(self, x: Variable, count: int) -> Variable:
        """Return one number as an array."""
        return Variable(self.xp.broadcast_to(x.value, (count,)), ((x, self._sum),))

    def places(self, count: int) -> Any:
        """Return 0, 1, ... as integers of 32 bits."""
        return self.backend.arange(count, self.backend.dtype("int32"), self.like)

    def zero(self, like: Any) -> Any:
        """Return 0 in the dtype of another array."""
        return self.backend.full(0, like.dtype, like)

    def _sum(self, x: Any) -> Any:
        return self.backend.cast(self.backend.reduce("sum", x), self.dtype)
