"""Robust losses."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import mpmath as mp

from oracles.mathematics import Number, exp, log1p


def pseudo_huber(z: Number, t: Number, delta: float) -> Number:
    delta = mp.mpf(delta)
    return delta * delta * (mp.sqrt(1 + ((z - t) / delta) ** 2) - 1)


def cauchy(z: Number, t: Number, scale: float) -> Number:
    scale = mp.mpf(scale)
    return scale * scale * log1p(((z - t) / scale) ** 2) / 2


def geman_mcclure(z: Number, t: Number, scale: float) -> Number:
    r = z - t
    return r * r / (1 + (r / mp.mpf(scale)) ** 2) / 2


def welsch(z: Number, t: Number, scale: float) -> Number:
    scale = mp.mpf(scale)
    return scale * scale * (1 - exp(-(((z - t) / scale) ** 2))) / 2


def _welsch_tail(_: int, __: int, z: Number, t: Number, scale: float) -> Number:
    # The exponent is rounded: an error of as many units as it is large.
    square = ((z - t) / mp.mpf(scale)) ** 2
    return (1 + square) * abs(z - t) * exp(-square)


def tukey_biweight(z: Number, t: Number, scale: float) -> Number:
    scale = mp.mpf(scale)
    square = min(((z - t) / scale) ** 2, mp.mpf(1))
    return scale * scale / 6 * (1 - (1 - square) ** 3)


def _tukey_slope(_: int, __: int, z: Number, t: Number, scale: float) -> Number:
    # Near the scale the slope is a power of the rest up to it, which the rounded residual changes.
    square = min(((z - t) / mp.mpf(scale)) ** 2, mp.mpf(1))
    return abs(z - t) * (1 - square) * (1 + 3 * square)


def general_robust(z: Number, t: Number, alpha: float, scale: float) -> Number:
    square = ((z - t) / mp.mpf(scale)) ** 2
    if math.isinf(alpha):
        return mp.expm1(square / 2) if alpha > 0 else -mp.expm1(-square / 2)
    b = abs(mp.mpf(alpha) - 2)
    if b == 0:
        return square / 2
    if alpha == 0:
        return log1p(square / 2)
    return b / alpha * ((1 + square / b) ** (mp.mpf(alpha) / 2) - 1)


def wing(z: Number, t: Number, width: float, curvature: float) -> Number:
    r, w, e = abs(z - t), mp.mpf(width), mp.mpf(curvature)
    return w * mp.log(1 + r / e) if r < w else r - w + w * mp.log(1 + w / e)


def fair(z: Number, t: Number, scale: float) -> Number:
    x = abs(z - t) / mp.mpf(scale)
    return mp.mpf(scale) ** 2 * (x - mp.log(1 + x))


ORACLES: dict[str, Callable[..., Number]] = {
    "pseudo_huber_loss": pseudo_huber,
    "cauchy_loss": cauchy,
    "geman_mcclure_loss": geman_mcclure,
    "welsch_loss": welsch,
    "tukey_biweight_loss": tukey_biweight,
    "general_robust_loss": general_robust,
    "wing_loss": wing,
    "fair_loss": fair,
}

SLOPE_DIFFERENCES: dict[str, Callable[..., Number]] = {
    "welsch_loss": _welsch_tail,
    "tukey_biweight_loss": _tukey_slope,
}
EDGES: dict[str, Callable[..., Number]] = {
    "wing_loss": lambda z, t, width, _: abs(z - t) / width - 1,
}
LIMITS: dict[str, float] = {
    # The square of a tiny quotient is subnormal, and then multiplied by scale² / 6.
    "tukey_biweight_loss": 6,
    # A subnormal residual loses a bit when it is divided by the curvature, and is multiplied by 10.
    "wing_loss": 6,
}
# A product of four quotients by a root.
SLOPE_LIMITS: dict[str, float] = {"geman_mcclure_loss": 10}
OTHER_PARAMETERS: dict[str, dict[str, Any]] = {
    "welsch_loss": {"scale": 1.0},
    "tukey_biweight_loss": {"scale": 1.5},
    "general_robust_loss": {"alpha": -2.0, "scale": 0.5},
    "wing_loss": {"width": 0.7, "curvature": 0.5},
}

VECTORS: dict[str, list[Any]] = {
    "pseudo_huber_loss": [
        ((3, 1), {}, 1.23606797750),
        ((1, 1.001), {}, 4.99999875e-07),
        ((1e200, 0), {"delta": 2.0}, 2e200),
    ],
    "cauchy_loss": [
        ((3, 1), {}, 0.804718956217),
        ((1, 1.5), {"scale": 2.0}, 0.121249243633),
        ((1e200, 0), {}, 460.517018599),
    ],
    "geman_mcclure_loss": [
        ((3, 1), {}, 0.4),
        ((1, 1.5), {"scale": 2.0}, 0.117647058824),
        ((1e200, 0), {}, 0.5),
    ],
    "welsch_loss": [
        ((3, 1), {"scale": 1.0}, 0.490842180556),
        ((1, 1.5), {"scale": 2.0}, 0.121173874373),
        ((1e200, 0), {}, 4.45391858),
    ],
    "tukey_biweight_loss": [
        ((3, 1), {}, 1.65766308750),
        ((5.5, 1), {}, 3.65650684937),
        ((9, 1), {}, 3.65820416667),
    ],
    "general_robust_loss": [
        ((2, 0), {"alpha": 1.0}, 1.23606797750),
        ((2, 0), {"alpha": 0.0}, 1.09861228867),
        ((2, 0), {"alpha": -2.0}, 1),
        ((2, 0), {"alpha": 1e-9}, 1.09861228875),
        ((2, 0), {"alpha": 2 - 1e-9}, 1.99999997889),
        ((2, 0), {"alpha": -math.inf}, 0.864664716763),
        ((2, 0), {"alpha": math.inf}, 6.38905609893),
        ((0.001, 0), {"alpha": 1.5, "scale": 0.5}, 1.99999800001e-06),
        ((1e10, 0), {"alpha": 0.5}, 271077.601083),
    ],
    "wing_loss": [
        ((3, 1), {}, 6.93147180560),
        ((1, 1.001), {}, 0.00499875041651),
        ((20, 0), {}, 27.9175946923),
    ],
    "fair_loss": [
        ((2, 0), {}, 0.901387711332),
        ((1e-4, 0), {}, 4.99966669167e-09),
        ((50, 0), {"scale": 2.0}, 86.9676138479),
    ],
}
