"""Regression losses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath as mp

from oracles.mathematics import Number, log_cosh


def huber(z: Number, t: Number, delta: float) -> Number:
    r = abs(z - t)
    return r * r / 2 if r <= delta else delta * (r - mp.mpf(delta) / 2)


def smooth_l1(z: Number, t: Number, beta: float) -> Number:
    r = abs(z - t)
    return r * r / 2 / beta if r < beta else r - mp.mpf(beta) / 2


def gaussian(z: Number, t: Number, v: Number, full: bool, eps: float) -> Number:
    v = max(v, mp.mpf(eps))
    return (mp.log(v) + (z - t) ** 2 / v) / 2 + (mp.log(2 * mp.pi) / 2 if full else 0)


def _gaussian_terms(z: Number, t: Number, v: Number, full: bool, eps: float) -> Number:
    v = max(v, mp.mpf(eps))
    return (abs(mp.log(v)) + (z - t) ** 2 / v) / 2 + 1


def _gaussian_slopes(
    place: int, _: int, z: Number, t: Number, v: Number, full: bool, eps: float
) -> Number:
    return 0 if place < 2 or v <= eps else (1 / v + ((z - t) / v) ** 2) / 2


ORACLES: dict[str, Callable[..., Number]] = {
    "huber_loss": huber,
    "smooth_l1_loss": smooth_l1,
    "log_cosh_loss": lambda z, t: log_cosh(abs(z - t)),
    "l1_loss": lambda z, t: abs(z - t),
    "mse_loss": lambda z, t: (z - t) ** 2,
    "gaussian_nll_loss": gaussian,
}
DIFFERENCES: dict[str, Callable[..., Number]] = {"gaussian_nll_loss": _gaussian_terms}
SLOPE_DIFFERENCES: dict[str, Callable[..., Number]] = {"gaussian_nll_loss": _gaussian_slopes}

VECTORS: dict[str, list[Any]] = {
    "huber_loss": [((0.5, 0), {}, 0.125), ((3, 0), {}, 2.5), ((3, 0), {"delta": 2.0}, 4)],
    "log_cosh_loss": [((1, 0), {}, 0.433780830483), ((1e-4, 0), {}, 4.99999999167e-09)],
}
