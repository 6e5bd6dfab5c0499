"""What the functions mean that are computed by series, where their plain formulas cancel."""

from __future__ import annotations

import math
from collections.abc import Callable

from lossary.formula.expression import Expression, literal, node, number


def _log(x: Expression) -> Expression:
    return node("log", x)


def _log_gamma(x: Expression) -> Expression:
    return literal(0) if number(x) == 1.0 else node("log_gamma", x)


def _power(base: Expression, exponent: Expression) -> Expression:
    return node("power", base, exponent)


def _box_cox(d: Expression, exponent: Expression) -> Expression:
    return (_power(1 + d, exponent) - 1) / exponent


def _power_gap(d: Expression, q: Expression) -> Expression:
    return (_power(1 + d, q) - 1 - q * d) / (q * (q - 1))


def _log_rising_excess(r: Expression, t: Expression) -> Expression:
    rest = literal(0) if number(r) == 1.0 else t * _log(r)
    return _log_gamma(r + t) - _log_gamma(r) - rest


def _poisson(mean: Expression, target: Expression) -> Expression:
    return 2 * (target * _log(target / mean) - target + mean)


def _gamma(mean: Expression, target: Expression) -> Expression:
    return 2 * (_log(mean / target) + target / mean - 1)


def _tweedie(mean: Expression, target: Expression, p: Expression) -> Expression:
    return 2 * (
        _power(target, 2 - p) / ((1 - p) * (2 - p))
        - target * _power(mean, 1 - p) / (1 - p)
        + _power(mean, 2 - p) / (2 - p)
    )


def _alpha_divergence(x: Expression, t: Expression, alpha: Expression) -> Expression:
    first, second = node("exp", x), node("exp", t)
    both = node("exp", alpha * t + (1 - alpha) * x)
    return (both - alpha * second - (1 - alpha) * first) / (alpha * (alpha - 1))


def _crps(error: Expression, scale: Expression) -> Expression:
    u = error / scale
    bell = math.sqrt(2) * node("exp", -0.5 * _power(u, literal(2))) - 1
    return error * node("erf", u / math.sqrt(2)) + scale * bell / math.sqrt(math.pi)


def _student_t(error: Expression, scale: Expression, df: Expression) -> Expression:
    return (df + 1) / 2 * _log(1 + _power(error / scale, literal(2)) / df)


#: From the names of functions to their definitions.
SERIES: dict[str, Callable[..., Expression]] = {
    "expm1_excess": lambda x: node("exp", x) - 1 - x,
    "log1mexp": lambda x: _log(1 - node("exp", x)),
    "log_quotient": lambda a, b: _log(a / b),
    "box_cox": _box_cox,
    "power_gap": _power_gap,
    "log_gamma_half_step": lambda x: _log_gamma(x + 0.5) - _log_gamma(x) - 0.5 * _log(x),
    "log_rising_excess": _log_rising_excess,
    "poisson_deviance": _poisson,
    "poisson_deviance_of_log": lambda x, t: 2 * (t * (_log(t) - x) - t + node("exp", x)),
    "gamma_deviance": _gamma,
    "student_t_tail": _student_t,
    "tweedie_deviance": _tweedie,
    "tweedie_deviance_of_log": lambda x, t, p: _tweedie(node("exp", x), t, p),
    "alpha_divergence_term": _alpha_divergence,
    "gaussian_crps": _crps,
}
