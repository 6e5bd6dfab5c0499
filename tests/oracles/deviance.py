"""Deviances."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath as mp

from oracles.mathematics import Number, exp


def _mean(z: Number, log_input: bool) -> tuple[Number, Number]:
    """Return the mean and its logarithm."""
    if log_input:
        return exp(z), z
    return z, mp.log(z) if z > 0 else -mp.inf


def poisson(z: Number, t: Number, log_input: bool) -> Number:
    mean, logarithm = _mean(z, log_input)
    return 2 * (mean - t + (t * (mp.log(t) - logarithm) if t > 0 else 0))


def gamma(z: Number, t: Number, log_input: bool) -> Number:
    u = mp.log(t) - _mean(z, log_input)[1]
    return 2 * (exp(u) - 1 - u)


def tweedie(z: Number, t: Number, power: float, log_input: bool) -> Number:
    p = mp.mpf(power)
    if p == 0:
        return (_mean(z, True)[0] - t) ** 2 if log_input else (z - t) ** 2
    if p == 1:
        return poisson(z, t, log_input)
    if p == 2:
        return gamma(z, t, log_input)
    logarithm = _mean(z, log_input)[1]
    own = t ** (2 - p) if t > 0 else mp.mpf(0)
    first = own / ((1 - p) * (2 - p)) - t * exp((1 - p) * logarithm) / (1 - p)
    return 2 * (first + exp((2 - p) * logarithm) / (2 - p))


# --- what is subtracted where predictions are logarithms ------------------------------------
def _poisson_difference(z: Number, t: Number, log_input: bool) -> Number:
    if not log_input:
        return mp.mpf(0)
    far = t * max(abs(mp.log(t)), abs(z)) if t > 0 and not t / 4 <= exp(z) <= 4 * t else 0
    error = mp.expm1(z) - (t - 1) if abs(z) < 1 else exp(z) - t
    return 2 * max(abs(error), far)


def _poisson_slopes(place: int, _: int, z: Number, t: Number, log_input: bool) -> Number:
    if not log_input:
        return mp.mpf(0)
    logarithm = abs(mp.log(t)) if t > 0 else mp.mpf(0)
    return 2 * (max(abs(z), logarithm) if place else max(exp(z), t))


def _gamma_difference(z: Number, t: Number, log_input: bool) -> Number:
    # An exponential of a difference: it is as exact as the logarithms that are subtracted. Next to
    # the target it is the square of their error, which may be a unit of float32.
    size = max(abs(mp.log(t)), abs(z))
    change = max(abs(mp.expm1(mp.log(t) - z)), size / 2**24)
    return 2 * change * size if log_input else mp.mpf(0)


def _gamma_slopes(place: int, _: int, z: Number, t: Number, log_input: bool) -> Number:
    if not log_input:
        return mp.mpf(0)
    size = 2 * exp(mp.log(t) - z) * max(abs(mp.log(t)), abs(z))
    return size / t if place else size


# --- derivatives in closed form -------------------------------------------------------------
def _poisson_slope(place: int, _: int, z: Number, t: Number, log_input: bool) -> Number | None:
    mean, logarithm = _mean(z, log_input)
    if place == 0:
        return 2 * (mean - t) / (1 if log_input else mean)
    return 2 * (mp.log(t) - logarithm) if t > 0 else None


def _gamma_slope(place: int, _: int, z: Number, t: Number, log_input: bool) -> Number:
    mean, logarithm = _mean(z, log_input)
    if place:
        return 2 * mp.expm1(mp.log(t) - logarithm) / t
    return -2 * mp.expm1(mp.log(t) - z) if log_input else 2 * (mean - t) / mean**2


def _tweedie_slope(
    place: int, _: int, z: Number, t: Number, power: float, log_input: bool
) -> Number | None:
    p = mp.mpf(power)
    with mp.workdps(400):
        mean, logarithm = _mean(z, log_input)
        if place == 0 and log_input:
            return 2 * (exp((2 - p) * z) - t * exp((1 - p) * z))
        if place == 0:
            return 2 * (mean - t) * exp(-p * logarithm)
        if t == 0 and p >= 1:
            return None
        if t == mean:
            return mp.mpf(0)
        own = t ** (1 - p) if t > 0 else mp.mpf(0)
        return 2 * (own - exp((1 - p) * logarithm)) / (1 - p)


def _tweedie_difference(z: Number, t: Number, power: float, log_input: bool) -> Number:
    if not log_input:
        return mp.mpf(0)
    error = mp.expm1(z) - (t - 1) if abs(z) < 1 else exp(z) - t
    return 2 * exp((1 - mp.mpf(power)) * z) * abs(error)


def _tweedie_slopes(
    place: int, _: int, z: Number, t: Number, power: float, log_input: bool
) -> Number:
    if not log_input:
        return mp.mpf(0)
    factor = 2 * exp((1 - mp.mpf(power)) * z)
    return factor if place else factor * max(exp(z), t)


ORACLES: dict[str, Callable[..., Number]] = {
    "poisson_deviance": poisson,
    "gamma_deviance": gamma,
    "tweedie_deviance": tweedie,
}
DIFFERENCES: dict[str, Callable[..., Number]] = {
    "poisson_deviance": _poisson_difference,
    "gamma_deviance": _gamma_difference,
    "tweedie_deviance": _tweedie_difference,
}
SLOPE_DIFFERENCES: dict[str, Callable[..., Number]] = {
    "poisson_deviance": _poisson_slopes,
    "gamma_deviance": _gamma_slopes,
    "tweedie_deviance": _tweedie_slopes,
}
#: Values such as exp(1e30) swamp small slopes.
SLOPES: dict[str, Callable[..., Number | None]] = {
    "poisson_deviance": _poisson_slope,
    "gamma_deviance": _gamma_slope,
    "tweedie_deviance": _tweedie_slope,
}

#: Where mean and target differ by a small factor, terms several times the result are subtracted.
LIMITS: dict[str, float] = {"tweedie_deviance": 12, "poisson_deviance": 6}

OTHER_PARAMETERS: dict[str, dict[str, Any]] = {"tweedie_deviance": {"power": 3.0}}

VECTORS: dict[str, list[Any]] = {
    "poisson_deviance": [
        ((2, 3), {}, 0.432790648649),
        ((2, 0), {}, 4),
        ((1e6, 1000001), {}, 9.99999666667e-07),
    ],
    "gamma_deviance": [
        ((2, 3), {}, 0.189069783784),
        ((2, 1e-6), {}, 27.0173164771),
        ((3, 3.0000003), {}, 9.99999933021e-15),
    ],
    "tweedie_deviance": [
        ((2, 3), {}, 0.285729163180),
        ((2, 0), {}, 5.65685424949),
        ((3, 3.0000003), {}, 1.73205072043e-14),
        ((2, 3), {"power": 3}, 0.0833333333333),
        ((2, -1), {"power": -1}, 9.33333333333),
        ((2, 3), {"power": 1.000001}, 0.432790288246),
    ],
}
