"""Numbers of 60 digits, and the functions of them that several oracles share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial, wraps
from typing import Any, TypeVar

import mpmath as mp

mp.mp.dps = 60

Number = mp.mpf
Row = Sequence[Number]


Result = TypeVar("Result")
_REMEMBERED = 8


def remembered(function: Callable[..., Result]) -> Callable[..., Result]:
    """Remember what was computed last: every derivative of a row begins with the same sums.

    Rows are compared by identity, since nothing changes them; results are not to be changed.
    """
    table: dict[tuple[Any, ...], tuple[tuple[Any, ...], Result]] = {}

    @wraps(function)
    def found(*given: Any) -> Result:
        key = (mp.mp.prec, *(id(x) if isinstance(x, list) else x for x in given))
        if key not in table:
            if len(table) >= _REMEMBERED:
                del table[next(iter(table))]
            table[key] = given, function(*given)  # while they are kept, no other has their identity
        return table[key][1]

    return found


def exp(x: Number) -> Number:
    # What is beyond every dtype is not worth its digits: it goes on as a straight line.
    if x > _FAR:
        return mp.exp(_FAR) * (1 + x - _FAR)
    return mp.exp(x) if x > -_FAR else mp.mpf(0)


def log1p(x: Number) -> Number:
    # Infinities are given as numbers beyond every dtype. Their logarithms are within.
    return mp.log1p(x) if x < _BEYOND else _BEYOND


_BEYOND = mp.mpf(10) ** 900
_FAR = mp.mpf(100_000)


def softplus(z: Number) -> Number:
    return max(z, mp.mpf(0)) + mp.log1p(exp(-abs(z)))


def log_cosh(r: Number) -> Number:
    # cosh r - 1 = 2 sinh(r/2)^2 keeps its digits where r is tiny, whatever the precision.
    if r < 1:
        return mp.log1p(2 * mp.sinh(r / 2) ** 2)
    return r + mp.log1p(exp(-2 * r)) - mp.log(2)


@remembered
def negative_log_softmax(z: Row) -> list[Number]:
    top = max(z)
    others = list(z)
    others.remove(top)
    total = mp.log1p(mp.fsum(exp(x - top) for x in others))
    return [total - (x - top) for x in z]


# --- constants of derivatives -----------------------------------------------------------------
_Source = Callable[[Number], Number]
_SOURCE: list[_Source] = []


def constant(x: Number) -> Number:
    """Return a value that derivatives take for a constant."""
    return _SOURCE[-1](x) if _SOURCE else x


class Around:
    """An oracle around a point: the value there, and others, for which constants stay the point's.

    All have the precision that the point was evaluated with, or less.
    """

    def __init__(self, oracle: Callable[..., Number], *point: Any) -> None:
        self.digits = mp.mp.dps
        self._oracle = oracle
        self._constants: list[Number] = []
        self.value = _evaluated(self._keep, oracle, *point)

    def __call__(self, *moved: Any) -> Number:
        """Return the value at another point."""
        if not self._constants:
            return self._oracle(*moved)
        return _evaluated(partial(_next_of, iter(self._constants)), self._oracle, *moved)

    def _keep(self, x: Number) -> Number:
        self._constants.append(x)
        return x


def _next_of(found: Iterator[Number], _: Number) -> Number:
    return next(found)


def _evaluated(source: _Source, oracle: Callable[..., Number], *arguments: Any) -> Number:
    _SOURCE.append(source)
    try:
        return oracle(*arguments)
    finally:
        _SOURCE.pop()
