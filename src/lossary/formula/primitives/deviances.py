"""Deviances and losses whose plain formulas cancel, with derivatives of their own."""

from __future__ import annotations

import math

from lossary.formula.expression import Expression, node
from lossary.formula.special.alpha import (
    alpha_divergence,
    alpha_slope,
    alpha_slope_along_target,
    alpha_slopes,
)
from lossary.formula.special.derived import derivative_of
from lossary.formula.special.deviances import (
    gamma_deviance,
    gamma_slope,
    gamma_slope_along_target,
    gaussian_crps,
    gaussian_crps_scale_slope,
    general_robust,
    general_robust_curvature,
    general_robust_slope,
    poisson_deviance,
    poisson_deviance_of_log,
    poisson_slope,
)
from lossary.formula.special.shares import (
    jensen_shannon,
    jensen_shannon_slopes,
    log_of_share,
)
from lossary.formula.special.student_t import (
    student_t_curvatures,
    student_t_slope,
    student_t_slopes,
    student_t_tail,
)
from lossary.formula.special.tweedie import (
    tweedie_curvature,
    tweedie_deviance,
    tweedie_deviance_of_log,
    tweedie_log_curvature,
    tweedie_log_slope,
    tweedie_log_slope_along_target,
    tweedie_slope,
    tweedie_slope_along_target,
)
from lossary.formula.table import POSITIVE, REAL, composite


def _share_slopes(other: Expression) -> tuple[Expression, Expression]:
    return other, -other


TABLE = (
    composite(
        "poisson_deviance",
        (POSITIVE, POSITIVE),
        poisson_deviance,
        partials=lambda mu, t: (node("poisson_slope", mu, t), 2 * node("log_quotient", t, mu)),
        approximate=True,
    ),
    composite(
        "poisson_slope",
        (POSITIVE, POSITIVE),
        poisson_slope,
        partials=lambda mu, t: (2 * (t / mu / mu), -2 / mu),
    ),
    composite(
        "poisson_deviance_of_log",
        (REAL, POSITIVE),
        poisson_deviance_of_log,
        partials=lambda x, t: (
            2 * (node("exp", x) - t),
            2 * node("difference_or_zero", node("log", t), x),
        ),
        approximate=True,
    ),
    composite(
        "gamma_deviance",
        (POSITIVE, POSITIVE),
        gamma_deviance,
        partials=lambda mu, t: (gamma_slope(mu, t), gamma_slope_along_target(mu, t)),
        approximate=True,
    ),
    composite(
        "alpha_divergence_term",
        (REAL, REAL, REAL),
        alpha_divergence,
        partials=lambda x, t, alpha: (
            node("alpha_slope", x, t, alpha),
            alpha_slope_along_target(x, t, alpha),
            derivative_of(alpha_divergence, (x, t, alpha), 2),
        ),
        approximate=True,
    ),
    composite(
        # (exp(x) - exp(alpha t + (1 - alpha) x)) / alpha
        "alpha_slope",
        (REAL, REAL, REAL),
        alpha_slope,
        partials=lambda x, t, alpha: (
            *alpha_slopes(x, t, alpha),
            derivative_of(alpha_slope, (x, t, alpha), 2),
        ),
        approximate=True,
        text="(exp({0}) - exp({2:7} * {1:7} + (1 - {2:6}) * {0:7})) / {2:8}",
        latex=r"\frac{{e^{{{0}}} - e^{{{2:7} \, {1:7} + \left(1 - {2:6}\right) \, {0:7}}}}}{{{2}}}",
        precedence=7,
    ),
    composite(
        "jensen_shannon_term",
        (REAL, REAL),
        jensen_shannon,
        partials=jensen_shannon_slopes,
        approximate=True,
    ),
    composite(
        "log_of_share",
        (REAL, REAL),
        log_of_share,
        partials=lambda x, t: _share_slopes(node("sigmoid", node("difference_or_zero", t, x))),
        approximate=True,
        text="log(2 * sigmoid({0:5} - {1:6}))",
        latex=r"\log\left(2 \, \sigma\left({0:5} - {1:6}\right)\right)",
        latex_precedence=9,
    ),
    composite(
        "gaussian_crps",
        (REAL, POSITIVE),
        gaussian_crps,
        partials=lambda error, scale: (
            node("erf", math.sqrt(0.5) * (error / scale)),
            gaussian_crps_scale_slope(error / scale),
        ),
        approximate=True,
    ),
    composite(
        "student_t_tail",
        (REAL, POSITIVE, POSITIVE),
        student_t_tail,
        partials=student_t_slopes,
        approximate=True,
        text="({2:5} + 1) / 2 * log(1 + ({0:7} / {1:8}) ** 2 / {2:8})",
        latex=r"\frac{{{2:5} + 1}}{{2}} \, \log\left(1 + "
        r"\frac{{1}}{{{2}}} \, \left(\frac{{{0}}}{{{1}}}\right)^{{2}}\right)",
        precedence=7,
    ),
    composite(
        "student_t_slope",
        (REAL, POSITIVE, POSITIVE),
        student_t_slope,
        partials=student_t_curvatures,
        text="({2:5} + 1) * {0:7} / ({2:7} * {1:9} ** 2 + {0:9} ** 2)",
        latex=r"\frac{{\left({2:5} + 1\right) \, {0:7}}}"
        r"{{{2:7} \, {1:10}^{{2}} + {0:10}^{{2}}}}",
        precedence=7,
    ),
    composite(
        "tweedie_deviance",
        (POSITIVE, POSITIVE, REAL),
        tweedie_deviance,
        partials=lambda mu, t, p: (
            node("tweedie_slope", mu, t, p),
            tweedie_slope_along_target(mu, t, p),
            derivative_of(tweedie_deviance, (mu, t, p), 2),
        ),
        approximate=True,
    ),
    composite(
        "tweedie_slope",
        (POSITIVE, POSITIVE, REAL),
        tweedie_slope,
        partials=lambda mu, t, p: (
            tweedie_curvature(mu, t, p),
            -2 * node("power", mu, -p),
            -(node("log", mu) * node("tweedie_slope", mu, t, p)),
        ),
        text="2 * ({0:5} - {1:6}) / {0:9} ** {2:9}",
        latex=r"2 \, \frac{{{0:5} - {1:6}}}{{{0:10}^{{{2}}}}}",
        precedence=7,
    ),
    composite(
        "tweedie_deviance_of_log",
        (REAL, POSITIVE, REAL),
        tweedie_deviance_of_log,
        partials=lambda x, t, p: (
            node("tweedie_log_slope", x, t, p),
            tweedie_log_slope_along_target(x, t, p),
            derivative_of(tweedie_deviance_of_log, (x, t, p), 2),
        ),
        approximate=True,
    ),
    composite(
        "tweedie_log_slope",
        (REAL, POSITIVE, REAL),
        tweedie_log_slope,
        partials=lambda x, t, p: (
            tweedie_log_curvature(x, t, p),
            -2 * node("exp", node("scale", 1 - p, x)),
            -(x * node("tweedie_log_slope", x, t, p)),
        ),
        text="2 * (exp({0}) - {1:6}) * exp((1 - {2:6}) * {0:7})",
        latex=r"2 \, \left(e^{{{0}}} - {1:6}\right) \, e^{{\left(1 - {2:6}\right) \, {0:7}}}",
        precedence=7,
    ),
    composite(
        "general_robust",
        (REAL, REAL),
        general_robust,
        partials=lambda x, alpha: (
            node("general_robust_slope", x, alpha),
            derivative_of(general_robust, (x, alpha), 1),
        ),
        approximate=True,
    ),
    composite(
        "general_robust_slope",
        (REAL, REAL),
        general_robust_slope,
        partials=lambda x, alpha: (
            general_robust_curvature(x, alpha),
            derivative_of(general_robust_slope, (x, alpha), 1),
        ),
    ),
)
