"""Numbers of 60 digits, and the functions of them that several oracles share."""

from __future__ import annotations

from collections.abc import Sequence

import mpmath as mp

mp.mp.dps = 60

Number = mp.mpf
Row = Sequence[Number]


def exp(x: Number) -> Number:
    # What is beyond every dtype is not worth its digits.
    return mp.exp(x) if x > -100_000 else mp.mpf(0)


def softplus(z: Number) -> Number:
    return max(z, mp.mpf(0)) + mp.log1p(exp(-abs(z)))


def log_cosh(r: Number) -> Number:
    # cosh r - 1 = 2 sinh(r/2)^2 keeps its digits where r is tiny, whatever the precision.
    if r < 1:
        return mp.log1p(2 * mp.sinh(r / 2) ** 2)
    return r + mp.log1p(exp(-2 * r)) - mp.log(2)


def negative_log_softmax(z: Row) -> list[Number]:
    top = max(z)
    others = list(z)
    others.remove(top)
    total = mp.log1p(mp.fsum(exp(x - top) for x in others))
    return [total - (x - top) for x in z]
