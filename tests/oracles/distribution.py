"""Losses of distributions."""

from __future__ import annotations

from collections.abc import Callable

import mpmath as mp

from oracles.mathematics import Number, Row, exp


def kl(z: Row, t: Row) -> Number:
    return mp.fsum(exp(q) * (q - p) for p, q in zip(z, t, strict=True))


def _kl_slopes(place: int, index: int, z: Row, t: Row) -> Number:
    return exp(t[index]) * (abs(t[index]) + abs(z[index]) + 1) if place else 0


def _kl_slope(place: int, index: int, z: Row, t: Row) -> Number:
    return exp(t[index]) * (t[index] - z[index] + 1 if place else -1)


ORACLES: dict[str, Callable[..., Number]] = {
    "nll_loss": lambda z, t: -z[t],
    "kl_div_loss": kl,
}
DIFFERENCES: dict[str, Callable[..., Number]] = {
    "kl_div_loss": lambda z, t: sum(
        exp(q) * max(abs(p), abs(q)) for p, q in zip(z, t, strict=True)
    ),
}
SLOPE_DIFFERENCES: dict[str, Callable[..., Number]] = {"kl_div_loss": _kl_slopes}
SLOPES: dict[str, Callable[..., Number]] = {
    "nll_loss": lambda place, index, z, t: mp.mpf(-1 if index == t else 0),
    "kl_div_loss": _kl_slope,
}
