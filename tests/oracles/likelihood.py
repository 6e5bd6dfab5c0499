"""Likelihoods and scores."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import mpmath as mp
import numpy as np

from oracles.mathematics import Number, exp, log1p


def _clamped(x: Number, eps: float) -> Number:
    return max(x, mp.mpf(eps))


def _log_factorial(t: Number, full: bool) -> Number:
    return mp.loggamma(t + 1) if full else mp.mpf(0)


# --- Poisson --------------------------------------------------------------------------------
def _poisson_terms(x: Number, t: Number, log_input: bool, full: bool, eps: float) -> list[Number]:
    mean, logarithm = (exp(x), x) if log_input else (x, mp.log(x + mp.mpf(eps)))
    return [mean, -t * logarithm, _log_factorial(t, full)]


def _poisson_slopes(
    place: int, _: int, x: Number, t: Number, log_input: bool, full: bool, eps: float
) -> Number:
    if place == 0:
        return max(exp(x), t) if log_input else max(mp.mpf(1), t / (x + mp.mpf(eps)))
    logarithm = x if log_input else mp.log(x + mp.mpf(eps))
    # The digamma function near its zero is a difference too.
    return max(abs(logarithm), abs(mp.digamma(t + 1)), mp.mpf(1) / 2) if full else mp.mpf(0)


def _poisson_slope(
    place: int, _: int, x: Number, t: Number, log_input: bool, full: bool, eps: float
) -> Number:
    if place == 0:
        return exp(x) - t if log_input else 1 - t / (x + mp.mpf(eps))
    logarithm = x if log_input else mp.log(x + mp.mpf(eps))
    return (mp.digamma(t + 1) if full else 0) - logarithm


# --- negative binomial ----------------------------------------------------------------------
def _binomial_parts(
    x: Number, r: Number, log_input: bool, eps: float
) -> tuple[Number, Number, Number]:
    """Return the mean, its logarithm, and the concentration."""
    mean, logarithm = (exp(x), x) if log_input else (x, mp.log(_clamped(x, eps)))
    return mean, logarithm, _clamped(r, eps)


def _binomial_terms(
    x: Number, t: Number, r: Number, log_input: bool, full: bool, eps: float
) -> list[Number]:
    mean, logarithm, r = _binomial_parts(x, r, log_input, eps)
    growth = mp.log1p(mean / r)
    with mp.workdps(100):
        excess = mp.loggamma(r + t) - mp.loggamma(r) - t * mp.log(r)
    return [r * growth, t * growth, -t * logarithm, -excess, _log_factorial(t, full)]


def _binomial_slopes(
    place: int, _: int, x: Number, t: Number, r: Number, log_input: bool, full: bool, eps: float
) -> Number:
    return max(map(abs, _binomial_slope_terms(place, x, t, r, log_input, full, eps)))


def _binomial_slope(
    place: int, _: int, x: Number, t: Number, r: Number, log_input: bool, full: bool, eps: float
) -> Number:
    return mp.fsum(_binomial_slope_terms(place, x, t, r, log_input, full, eps))


def _binomial_slope_terms(
    place: int, x: Number, t: Number, r: Number, log_input: bool, full: bool, eps: float
) -> list[Number]:
    mean, logarithm, clamped = _binomial_parts(x, r, log_input, eps)
    share = mean / (clamped + mean)
    if place == 0 and log_input:
        return [clamped * share, t * share, -t]
    if place == 0:
        return [(clamped + t) / (clamped + mean), -t / x if x > mp.mpf(eps) else mp.mpf(0)]
    growth = mp.log1p(mean / clamped)
    if place == 1:
        found = [growth, -logarithm, -(mp.digamma(clamped + t) - mp.log(clamped))]
        return [*found, mp.digamma(t + 1) if full else mp.mpf(0)]
    if r < mp.mpf(eps):
        return [mp.mpf(0)]
    risen = mp.digamma(r + t) - mp.digamma(r)
    return [growth, -share, -t * share / r, -risen, t / r]


# --- Laplace, Gauss -------------------------------------------------------------------------
def _laplace_terms(z: Number, t: Number, scale: Number, full: bool, eps: float) -> list[Number]:
    b = _clamped(scale, eps)
    return [mp.log(b), abs(z - t) / b, mp.log(2) if full else mp.mpf(0)]


def _laplace_slopes(
    place: int, _: int, z: Number, t: Number, scale: Number, full: bool, eps: float
) -> Number:
    b = _clamped(scale, eps)
    return max(1 / b, abs(z - t) / b**2) if place == 2 and scale > mp.mpf(eps) else mp.mpf(0)


def gaussian_crps(z: Number, t: Number, scale: Number, eps: float) -> Number:
    s = _clamped(scale, eps)
    u = (t - z) / s
    if abs(u) > 100:  # what is left of the tails is below exp(-5000)
        return abs(t - z) - s / mp.sqrt(mp.pi)
    density = mp.exp(-u * u / 2) / mp.sqrt(2 * mp.pi)
    return s * (u * mp.erf(u / mp.sqrt(2)) + 2 * density - 1 / mp.sqrt(mp.pi))


def _crps_slopes(place: int, _: int, z: Number, t: Number, scale: Number, eps: float) -> Number:
    is_free = place == 2 and scale > mp.mpf(eps)
    return 1 / mp.sqrt(mp.pi) if is_free else mp.mpf(0)


def _digits(df: Number) -> int:
    """Return the digits in which differences of terms of many degrees of freedom do not cancel."""
    return 200 + 3 * max(0, int(mp.mag(df) * 0.302))


@functools.lru_cache(maxsize=1000)
def _half_step(df: Number, slope: bool) -> Number:
    """Return log_gamma((df + 1) / 2) - log_gamma(df / 2) - log(df / 2) / 2, or its derivative.

    In as many digits as it takes, and no more: those of infinite residuals take seconds.
    """
    with mp.workdps(_digits(df)):
        if slope:
            return (mp.digamma((df + 1) / 2) - mp.digamma(df / 2) - 1 / df) / 2
        return mp.loggamma((df + 1) / 2) - mp.loggamma(df / 2) - mp.log(df / 2) / 2


def _student_t_terms(
    z: Number, t: Number, scale: Number, df: Number, full: bool, eps: float
) -> list[Number]:
    s = _clamped(scale, eps)
    distance = ((z - t) / s) ** 2
    half = _half_step(df, False)
    constant = mp.log(2 * mp.pi) / 2 if full else mp.mpf(0)
    return [mp.log(s), (df + 1) / 2 * log1p(distance / df), -half, constant]


def _student_t_slope_terms(
    place: int, _: int, z: Number, t: Number, scale: Number, df: Number, full: bool, eps: float
) -> list[Number]:
    s, r = _clamped(scale, eps), z - t
    pull = (df + 1) * r / (s * s * df + r * r)
    if place < 2:
        return [pull if place == 0 else -pull]
    if place == 2:
        return [1 / s, -pull * r / s] if scale > mp.mpf(eps) else [mp.mpf(0)]
    tail = log1p((r / s) ** 2 / df) / 2
    return [tail, -pull * r / (2 * df), -_half_step(df, True)]


def _student_t_slopes(place: int, *given: Any) -> Number:
    if place < 2:
        return mp.mpf(0)
    largest, df = max(map(abs, _student_t_slope_terms(place, *given))), given[4]
    # Up to 8 the half step is a polynomial, whose derivative is exact beside that of a logarithm.
    return max(largest, 1 / (2 * df)) if place == 3 and df <= 8 else largest


def _student_t_slope(*given: Any) -> Number:
    with mp.workdps(_digits(given[5])):
        return mp.fsum(_student_t_slope_terms(*given))


def _hard_student_t(rng: np.random.Generator, dtype: str, size: int, _: int) -> list[np.ndarray]:
    """Return residuals, scales and degrees of freedom of all magnitudes, none of them subnormal."""
    most, least = (30, 1e-45) if dtype == "float32" else (300, 5e-324)
    known = [0.0, 1.0, -2.5, 87.0, 1e8, least, -np.inf, np.inf]
    targets = rng.choice([0.0, 0.0, 1.0, -2.5, 1e-30, 1e4], 3 * size)
    near = targets[:size] + rng.normal(size=size) * 10.0 ** rng.uniform(-8, 3, size)
    far = rng.choice([-1, 1], size) * 10.0 ** rng.uniform(-most, most, size)
    scales = np.exp(rng.normal(size=3 * size))
    scales[::3] = 10.0 ** rng.uniform(-most, most, size)
    scales[1::12] = 0.0
    df = 10.0 ** rng.uniform(-2, 3, 3 * size)
    df[::4] = 10.0 ** rng.uniform(-most, most, len(df[::4]))
    df[1::8] = rng.choice([1.0, 2.0, 3.0, 0.5, 8.0, 1e8, 1e10], len(df[1::8]))
    inputs = np.concatenate([near, far, rng.choice(known, size)])
    return [inputs, targets, scales, df]


def _sum(terms: Callable[..., list[Number]]) -> Callable[..., Number]:
    return lambda *given: mp.fsum(terms(*given))


def _largest(terms: Callable[..., list[Number]]) -> Callable[..., Number]:
    return lambda *given: max(map(abs, terms(*given)))


_TERMS = {
    "poisson_nll_loss": _poisson_terms,
    "laplace_nll_loss": _laplace_terms,
    "negative_binomial_nll_loss": _binomial_terms,
    "student_t_nll_loss": _student_t_terms,
}

ORACLES: dict[str, Callable[..., Number]] = {
    **{name: _sum(terms) for name, terms in _TERMS.items()},
    "gaussian_crps_loss": gaussian_crps,
}
DIFFERENCES: dict[str, Callable[..., Number]] = {
    name: _largest(terms) for name, terms in _TERMS.items()
}
SLOPE_DIFFERENCES: dict[str, Callable[..., Number]] = {
    "poisson_nll_loss": _poisson_slopes,
    "laplace_nll_loss": _laplace_slopes,
    "gaussian_crps_loss": _crps_slopes,
    "negative_binomial_nll_loss": _binomial_slopes,
    "student_t_nll_loss": _student_t_slopes,
}
#: Differences of logarithms of the gamma function take long; exp(1e30) swamps small slopes.
SLOPES: dict[str, Callable[..., Number | None]] = {
    "poisson_nll_loss": _poisson_slope,
    "negative_binomial_nll_loss": _binomial_slope,
    "student_t_nll_loss": _student_t_slope,
}


def _hard_binomial(rng: np.random.Generator, dtype: str, points: int, _: int) -> list[np.ndarray]:
    """Return means, or logarithms, from 1e-12 to 80, counts up to 1e10, and concentrations."""
    x = np.exp(rng.uniform(-27, 4.3, points))
    t = np.where(rng.random(points) < 0.3, rng.integers(0, 5, points), 10 ** rng.uniform(0, 10))
    r = 10.0 ** rng.uniform(-7, 12, points)
    return [x, np.round(t), r]


HARD_ARGUMENTS: dict[str, Callable[..., Any]] = {
    "negative_binomial_nll_loss": _hard_binomial,
    "student_t_nll_loss": _hard_student_t,
}

#: Sums of up to five terms, each rounded.
LIMITS: dict[str, float] = {"negative_binomial_nll_loss": 6, "gaussian_crps_loss": 5,
                            "poisson_nll_loss": 5}  # fmt: skip
SLOPE_LIMITS: dict[str, float] = {"negative_binomial_nll_loss": 10}
LENGTHS: dict[str, int] = {"negative_binomial_nll_loss": 320}

VECTORS: dict[str, list[Any]] = {
    "negative_binomial_nll_loss": [
        ((3, 2, 1.5), {}, 1.13709280924),
        ((3, 2, 1.5), {"full": True}, 1.83023998980),
        ((3, 0, 1.5), {}, 1.64791843300),
        ((3, 4, 1e8), {"full": True}, 1.78360469068),
        ((1, 2, 1.5), {"log_input": True}, 1.10804413206),
    ],
    "poisson_nll_loss": [
        ((0.5, 3), {}, 0.148721270700),
        ((2, 3), {"log_input": False}, -0.0794415566798),
        ((0.5, 2), {"full": True}, 1.34186845126),
    ],
    "laplace_nll_loss": [
        ((1, 3, 0.5), {}, 3.30685281944),
        ((1, 3, 0.5), {"full": True}, 4),
        ((1, 1, 0), {}, -13.8155105580),
    ],
    "gaussian_crps_loss": [
        ((1, 3, 0.5), {}, 1.71791235348),
        ((1, 1, 2), {}, 0.467389954510),
        ((0, 100, 1), {}, 99.4358104165),
    ],
    "student_t_nll_loss": [
        ((1, 3, 0.5, 4), {}, 3.39233832033),
        ((1, 3, 0.5, 4), {"full": True}, 4.31127685354),
        ((1, 1, 1, 1), {"full": True}, 1.14472988585),
        ((1, 3, 0.5, 1e10), {}, 7.30685281387),
        ((0, 1e200, 1, 3), {}, 1839.95280013),
    ],
}
