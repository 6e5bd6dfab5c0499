"""Words of formulas that are composites, as :mod:`test_words` measures them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import mpmath as mp
import numpy as np

from lossary import formula as f

SOME = 60

Meaning = Callable[..., Any]


class Word(NamedTuple):
    """A word of one or two operands: where it is measured, its exact value and derivatives.

    ``bounds`` has the largest errors of value, derivative and second derivative in units in the
    last place, for NumPy's functions; a bound may depend on the operands.
    """

    function: Callable[..., Any]
    samples: Callable[[np.random.Generator], tuple[np.ndarray, ...]]
    meanings: tuple[Meaning, Meaning, Meaning]
    bounds: tuple[Any, Any, Any]


def spread(rng: np.random.Generator, low: float, high: float, count: int = SOME) -> np.ndarray:
    """Return numbers of both signs with exponents between two."""
    return 10 ** rng.uniform(low, high, count) * rng.choice([-1, 1], count)


def around_0(rng: np.random.Generator, low: float, high: float) -> np.ndarray:
    return np.concatenate([spread(rng, low, 0), rng.uniform(-2, 2, SOME), spread(rng, 0, high)])


def above_minus_1(rng: np.random.Generator) -> np.ndarray:
    x = around_0(rng, -7, 12)
    return np.concatenate([x[x > -1], -1 + 10 ** rng.uniform(-7, 0, SOME)])


def _hypot_samples(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    b = spread(rng, -15, 15, 3 * SOME)
    a = np.where(
        rng.random(b.size) < 0.5, b * rng.uniform(-3, 3, b.size), spread(rng, -15, 15, b.size)
    )
    return a, b


def _hypot_excess(a: Any, b: Any) -> Any:
    return a * a / (mp.sqrt(a * a + b * b) + abs(b))


def _power_samples(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    d = above_minus_1(rng)
    special = [-1, -0.5, -1e-7, 0, 1e-9, 1e-3, 0.3, 0.5, 0.99, 1, 1 + 1e-6, 1.01, 1.5, 2, 3]
    q = rng.choice(special, d.size)
    return d, np.where(rng.random(d.size) < 0.3, rng.uniform(-3, 4, d.size), q)


def _log_samples(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    x = rng.uniform(-30, 3, 3 * SOME)
    nearby = x + spread(rng, -5, 0.5, x.size)
    return x, np.where(rng.random(x.size) < 0.5, nearby, rng.uniform(-30, 3, x.size))


def _of_mean(x: Any, t: Any) -> Any:
    return -mp.exp(x) * mp.log((1 + mp.exp(t - x)) / 2)


def _alpha_samples(rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    x, t = _log_samples(rng)
    special = [-1, -0.5, 0, 1e-9, 0.01, 0.3, 0.5, 0.75, 1 - 1e-7, 1, 1 + 1e-6, 1.5, 2, 3]
    return x, t, np.where(rng.random(x.size) < 0.2, rng.uniform(0, 1, x.size),
                          rng.choice(special, x.size))  # fmt: skip


def _alpha(x: Any, t: Any, alpha: Any) -> Any:
    if alpha in {0, 1}:
        x, t = (x, t) if alpha else (t, x)
        return mp.exp(t) * (t - x) - mp.exp(t) + mp.exp(x)
    rest = alpha * mp.exp(t) + (1 - alpha) * mp.exp(x)
    return (mp.exp(alpha * t + (1 - alpha) * x) - rest) / (alpha * (alpha - 1))


def _alpha_slope(x: Any, t: Any, alpha: Any) -> Any:
    if alpha == 0:
        return mp.exp(x) * (x - t)
    return (mp.exp(x) - mp.exp(alpha * t + (1 - alpha) * x)) / alpha


def _alpha_curvature(x: Any, t: Any, alpha: Any) -> Any:
    return _alpha_slope(x, t, alpha) + mp.exp(alpha * t + (1 - alpha) * x)


def _of_alpha(bound: float) -> Callable[..., Any]:
    """Bound the error where an exponent is rounded: it counts as often as it is large."""
    return lambda x, t, alpha: (
        bound + 2 * np.abs(x - t) * np.maximum(np.abs(alpha), np.abs(1 - alpha))
    )


def _box_cox(d: Any, q: Any) -> Any:
    return ((1 + d) ** q - 1) / q if q else mp.log1p(d)


def _power_gap(d: Any, q: Any) -> Any:
    if q in {0, 1}:
        return (1 + d) * mp.log1p(d) - d if q else d - mp.log1p(d)
    return ((1 + d) ** q - 1 - q * d) / (q * (q - 1))


def _rounded_exponent(bound: float) -> Callable[[Any, Any], Any]:
    """Bound the error where an exponent is rounded: each error counts log(1 + d) times."""
    return lambda d, q: bound + 2 * abs(q - 2) * np.abs(np.log1p(d))


def positive(rng: np.random.Generator) -> tuple[np.ndarray]:
    x = np.abs(around_0(rng, -4, 10))
    return (np.concatenate([x, rng.uniform(0, 6, SOME)]),)


def _rising_samples(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    (r,) = positive(rng)
    t = rng.choice([1e-3, 0.5, 1.5, 2, 3, 7, 100, 1e4], r.size)
    return r, np.where(rng.random(r.size) < 0.3, 10 ** rng.uniform(-4, 5, r.size), t)


def _relative_to(scale: Meaning, meaning: Meaning, bound: float) -> Callable[..., Any]:
    """Bound an error by that of a term of this size, where the result is smaller."""

    def allowed(*operands: Any) -> Any:
        with mp.workdps(60):
            rows = [[mp.mpf(float(x)) for x in row] for row in zip(*operands, strict=True)]
            ratios = [abs(scale(*row)) / abs(meaning(*row)) for row in rows]
        return bound * np.array([max(1.0, float(ratio)) for ratio in ratios])

    return allowed


def _rising(r: Any, t: Any) -> Any:
    return mp.loggamma(r + t) - mp.loggamma(r) - t * mp.log(r)


def _rising_along_r(r: Any, t: Any) -> Any:
    return mp.digamma(r + t) - mp.digamma(r) - t / r


def _rising_along_t(t: Any, r: Any) -> Any:
    return mp.digamma(r + t) - mp.log(r)


def _half_step(order: int) -> Meaning:
    half = mp.mpf(1) / 2
    leading = (lambda x: mp.log(x) / 2, lambda x: 1 / (2 * x), lambda x: -1 / (2 * x * x))[order]
    function = mp.loggamma if order == 0 else lambda x: mp.psi(order - 1, x)
    return lambda x: function(x + half) - function(x) - leading(x)


def _tweedie_samples(rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    mean = np.concatenate([10 ** rng.uniform(-3, 3, SOME), rng.uniform(0.5, 3, SOME)])
    ratio = np.concatenate([10 ** rng.uniform(-6, 6, SOME), 1 + spread(rng, -6, -0.3)])
    special = [-1, 0, 1, 1 + 1e-9, 1 + 1e-6, 1.1, 1.5, 1.9, 1.999, 2, 2.5, 3]
    return mean, mean * ratio, rng.choice(special, mean.size)


def _tweedie(mean: Any, t: Any, p: Any) -> Any:
    if p == 1:
        return 2 * (t * mp.log(t / mean) - t + mean)
    if p == 2:
        return 2 * (t / mean - 1 - mp.log(t / mean))
    q = 2 - p
    return 2 * (t**q / ((1 - p) * q) - t * mean ** (1 - p) / (1 - p) + mean**q / q)


def _tweedie_curvature(mean: Any, t: Any, p: Any) -> Any:
    return 2 * ((1 - p) * mean + p * t) * mean ** (-p - 1)


def _tweedie_along_target(t: Any, mean: Any, p: Any) -> Any:
    return 2 * mp.log(t / mean) if p == 1 else 2 * (t ** (1 - p) - mean ** (1 - p)) / (1 - p)


def _of_rounded_power(bound: float, meaning: Meaning, scale: Meaning) -> Callable[..., Any]:
    """Bound the error where an exponent is rounded: it counts log(mean) times."""
    relative = _relative_to(scale, meaning, bound)
    return lambda mean, t, p: relative(mean, t, p) * (1 + np.abs(np.log(mean)))


def _student_samples(rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    scale, df = 10 ** rng.uniform(-5, 5, 3 * SOME), 10 ** rng.uniform(-8, 20, 3 * SOME)
    near = scale * np.sqrt(df) * spread(rng, -6, 4, df.size)
    error = np.where(rng.random(df.size) < 0.5, near, scale * spread(rng, -4, 4, df.size))
    return error, scale, df


def _student(error: Any, scale: Any, df: Any) -> Any:
    return (df + 1) / 2 * mp.log1p((error / scale) ** 2 / df)


def _student_slope(error: Any, scale: Any, df: Any) -> Any:
    return (df + 1) * error / (df * scale * scale + error * error)


def _student_curvature(error: Any, scale: Any, df: Any) -> Any:
    spread, square = df * scale * scale, error * error
    return (df + 1) * (spread - square) / (spread + square) ** 2


def _student_curvature_size(error: Any, scale: Any, df: Any) -> Any:
    return (df + 1) / (df * scale * scale + error * error)


def _student_along_scale(scale: Any, error: Any, df: Any) -> Any:
    return -error / scale * _student_slope(error, scale, df)


def _student_along_df(df: Any, error: Any, scale: Any) -> Any:
    ratio = (error / scale) ** 2 / df
    return (mp.log1p(ratio) - (1 + 1 / df) * ratio / (1 + ratio)) / 2


def _student_along_df_size(df: Any, error: Any, scale: Any) -> Any:
    ratio = (error / scale) ** 2 / df
    return (mp.log1p(ratio) - ratio / (1 + ratio) + ratio / (1 + ratio) / df) / 2


def _robust_samples(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    x = around_0(rng, -6, 10)
    special = [
        -math.inf,
        -1e8,
        -100,
        -2,
        -1,
        -1e-9,
        0,
        1e-9,
        0.5,
        1,
        1.5,
        2 - 1e-14,
        2,
        2 + 1e-9,
        2.5,
        3,
    ]
    return x, rng.choice(special, x.size)


def _robust(x: Any, alpha: Any) -> Any:
    if mp.isinf(alpha):
        return -mp.expm1(-x * x / 2)
    b = abs(alpha - 2)
    if b == 0:
        return x * x / 2
    return b / alpha * ((1 + x * x / b) ** (alpha / 2) - 1) if alpha else mp.log1p(x * x / 2)


def _robust_slope(x: Any, alpha: Any) -> Any:
    if mp.isinf(alpha):
        return x * mp.exp(-x * x / 2)
    b = abs(alpha - 2)
    return x * (1 + x * x / b) ** ((alpha - 2) / 2) if b else x


def _robust_curvature(x: Any, alpha: Any) -> Any:
    if mp.isinf(alpha):
        return (1 - x * x) * mp.exp(-x * x / 2)
    b = abs(alpha - 2)
    return (1 + (alpha - 1) * x * x / b) * (1 + x * x / b) ** ((alpha - 4) / 2) if b else mp.mpf(1)


def _robust_exponent(bound: float) -> Callable[[Any, Any], Any]:
    """Bound the error where those of a root or a logarithm count as often as the exponent says."""

    def allowed(x: Any, alpha: Any) -> Any:
        times = np.where(np.isinf(alpha), 0, np.abs(alpha - 2))
        y = np.abs(x) / np.sqrt(np.maximum(times, 1e-300))
        exponent = times * np.minimum(3, 2 * np.log1p(y * np.minimum(y, 1)))
        return bound + np.where(np.isinf(alpha), x * x, exponent)

    return allowed


def _share_samples(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    part, rest = (abs(spread(rng, -12, 12, 3 * SOME)) for _ in range(2))
    return part, np.where(rng.random(part.size) < 0.3, 0, rest)


WORDS = {
    "share": Word(
        f.share,
        _share_samples,
        (
            lambda part, rest: part / (part + rest),
            lambda part, rest: rest / (part + rest) ** 2,
            lambda part, rest: -2 * rest / (part + rest) ** 3,
        ),
        (2, 3, 4),
    ),
    "share, along the rest": Word(
        lambda rest, part: f.share(part, rest),
        lambda rng: _share_samples(rng)[::-1],
        (
            lambda rest, part: part / (part + rest),
            lambda rest, part: -part / (part + rest) ** 2,
            lambda rest, part: 2 * part / (part + rest) ** 3,
        ),
        (2, 3, 4),
    ),
    "hypot": Word(
        f.hypot,
        _hypot_samples,
        (
            lambda a, b: mp.sqrt(a * a + b * b),
            lambda a, b: a / mp.sqrt(a * a + b * b),
            lambda a, b: b * b / mp.sqrt(a * a + b * b) ** 3,
        ),
        (2, 2, 6),
    ),
    "hypot_excess": Word(
        f.hypot_excess,
        _hypot_samples,
        (
            _hypot_excess,
            lambda a, b: a / mp.sqrt(a * a + b * b),
            lambda a, b: b * b / mp.sqrt(a * a + b * b) ** 3,
        ),
        (4, 2, 6),
    ),
    "hypot_excess, along the second": Word(
        lambda b, a: f.hypot_excess(a, b),
        lambda rng: _hypot_samples(rng)[::-1],
        (
            lambda b, a: _hypot_excess(a, b),
            lambda b, a: -mp.sign(b) * _hypot_excess(a, b) / mp.sqrt(a * a + b * b),
            lambda b, a: a * a / mp.sqrt(a * a + b * b) ** 3,
        ),
        (4, 4, math.inf),
    ),
    "log1p_excess": Word(
        f.log1p_excess,
        lambda rng: (above_minus_1(rng),),
        (lambda x: x - mp.log1p(x), lambda x: x / (1 + x), lambda x: 1 / (1 + x) ** 2),
        (4, 2, 4),
    ),
    "expm1_excess": Word(
        f.expm1_excess,
        lambda rng: (around_0(rng, -8, 1.9),),
        (lambda x: mp.expm1(x) - x, mp.expm1, mp.exp),
        (4, 2, 2),
    ),
    "log1mexp": Word(
        f.log1mexp,
        lambda rng: (-np.abs(around_0(rng, -8, 1.9)),),
        (
            lambda x: mp.log(-mp.expm1(x)),
            lambda x: mp.exp(x) / mp.expm1(x),
            lambda x: -mp.exp(x) / mp.expm1(x) ** 2,
        ),
        (4, 4, 8),
    ),
    "log1p_square": Word(
        f.log1p_square,
        lambda rng: (around_0(rng, -12, 15),),
        (
            lambda x: mp.log1p(x * x),
            lambda x: 2 * x / (1 + x * x),
            lambda x: 2 * (1 - x * x) / (1 + x * x) ** 2,
        ),
        # The curvature is a difference near its zeros.
        (2, 2, lambda x: 8 / np.minimum(1, np.abs(1 - np.abs(x)))),
    ),
    "box_cox": Word(
        f.box_cox,
        _power_samples,
        (
            _box_cox,
            lambda d, q: (1 + d) ** (q - 1),
            lambda d, q: (q - 1) * (1 + d) ** (q - 2),
        ),
        (4, _rounded_exponent(4), _rounded_exponent(8)),
    ),
    "power_gap": Word(
        f.power_gap,
        _power_samples,
        (_power_gap, lambda d, q: _box_cox(d, q - 1), lambda d, q: (1 + d) ** (q - 2)),
        (8, _rounded_exponent(8), _rounded_exponent(8)),
    ),
    "alpha_divergence_term": Word(
        f.alpha_divergence_term,
        _alpha_samples,
        (_alpha, _alpha_slope, _alpha_curvature),
        (_of_alpha(6), _of_alpha(4), math.inf),
    ),
    "jensen_shannon_term": Word(
        f.jensen_shannon_term,
        _log_samples,
        (
            lambda x, t: (_of_mean(x, t) + _of_mean(t, x)) / 2,
            lambda x, t: _of_mean(x, t) / 2,
            lambda x, t: (_of_mean(x, t) + mp.exp(x + t) / (mp.exp(x) + mp.exp(t))) / 2,
        ),
        # The curvature has terms of both signs where x is below t.
        (7, 5, math.inf),
    ),
    "digamma": Word(
        f.digamma,
        positive,
        (mp.digamma, lambda x: mp.psi(1, x), lambda x: mp.psi(2, x)),
        (_relative_to(lambda x: mp.mpf(1) / 4, mp.digamma, 4), 4, 16),
    ),
    "trigamma": Word(
        f.trigamma,
        positive,
        (lambda x: mp.psi(1, x), lambda x: mp.psi(2, x), lambda x: mp.psi(3, x)),
        (4, 16, 1e4),
    ),
    "log_gamma_half_step": Word(
        f.log_gamma_half_step, positive, tuple(map(_half_step, range(3))), (4, 16, 2000)
    ),
    "log_rising_excess": Word(
        f.log_rising_excess,
        _rising_samples,
        (_rising, _rising_along_r, lambda r, t: mp.psi(1, r + t) - mp.psi(1, r) + t / r**2),
        (
            _relative_to(lambda r, t: t * mp.log1p(1 / r), _rising, 5),
            _relative_to(lambda r, t: t / r**2, _rising_along_r, 64),
            math.inf,
        ),
    ),
    "log_rising_excess, along t": Word(
        lambda t, r: f.log_rising_excess(r, t),
        lambda rng: _rising_samples(rng)[::-1],
        (lambda t, r: _rising(r, t), _rising_along_t, lambda t, r: mp.psi(1, r + t)),
        (
            _relative_to(lambda t, r: t * mp.log1p(1 / r), lambda t, r: _rising(r, t), 5),
            _relative_to(lambda t, r: 1 / (2 * r), _rising_along_t, 8),
            64,
        ),
    ),
    "sin_pi": Word(
        f.sin_pi,
        lambda rng: (around_0(rng, -7, 7),),
        (mp.sinpi, lambda x: mp.pi * mp.cospi(x), lambda x: -(mp.pi**2) * mp.sinpi(x)),
        (4, 4, 4),
    ),
    "cos_pi": Word(
        f.cos_pi,
        lambda rng: (around_0(rng, -7, 7),),
        (mp.cospi, lambda x: -mp.pi * mp.sinpi(x), lambda x: -(mp.pi**2) * mp.cospi(x)),
        (4, 4, 4),
    ),
    "arctan": Word(
        f.arctan,
        lambda rng: (around_0(rng, -9, 9),),
        (mp.atan, lambda x: 1 / (1 + x * x), lambda x: -2 * x / (1 + x * x) ** 2),
        (2, 2, 4),
    ),
    "student_t_tail": Word(
        f.student_t_tail,
        _student_samples,
        (_student, _student_slope, _student_curvature),
        (4, 4, _relative_to(_student_curvature_size, _student_curvature, 6)),
    ),
    "student_t_tail, along the scale": Word(
        lambda scale, error, df: f.student_t_tail(error, scale, df),
        lambda rng: tuple(_student_samples(rng)[which] for which in (1, 0, 2)),
        (lambda scale, error, df: _student(error, scale, df), _student_along_scale, _student),
        (4, 4, math.inf),
    ),
    "student_t_tail, along the degrees of freedom": Word(
        lambda df, error, scale: f.student_t_tail(error, scale, df),
        lambda rng: tuple(_student_samples(rng)[which] for which in (2, 0, 1)),
        (lambda df, error, scale: _student(error, scale, df), _student_along_df, _student),
        (4, _relative_to(_student_along_df_size, _student_along_df, 4), math.inf),
    ),
    "tweedie_deviance": Word(
        f.tweedie_deviance,
        _tweedie_samples,
        (_tweedie, lambda mean, t, p: 2 * (mean - t) * mean**-p, _tweedie_curvature),
        (
            8,
            4,
            _of_rounded_power(4, _tweedie_curvature, lambda mean, t, p: 2 * t * mean ** (-p - 1)),
        ),
    ),
    "tweedie_deviance, along the target": Word(
        lambda t, mean, p: f.tweedie_deviance(mean, t, p),
        lambda rng: tuple(_tweedie_samples(rng)[which] for which in (1, 0, 2)),
        (
            lambda t, mean, p: _tweedie(mean, t, p),
            _tweedie_along_target,
            lambda t, mean, p: 2 * t**-p,
        ),
        (8, 8, 64),
    ),
    "general_robust": Word(
        f.general_robust,
        _robust_samples,
        (_robust, _robust_slope, _robust_curvature),
        (8, _robust_exponent(8), math.inf),
    ),
}
