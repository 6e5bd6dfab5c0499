"""Derive the polynomials of the package's own functions.

Each polynomial stands for the part of a function that is left when its leading terms are taken
off. Remez exchange in 50-digit arithmetic makes the largest relative error of the whole function
as small as it can be; the coefficients are then rounded to the format.

    python tools/minimax.py

prints the constants of ``src/lossary/kernels/coefficients.py`` and those of
``src/lossary/formula/special/coefficients.py`` (without a format in their names), with the error
of each polynomial before its coefficients are rounded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import mpmath as mp
import numpy as np

mp.mp.dps = 50
ZERO = mp.mpf(0)
LN2 = mp.log(2)
NEAR_ZERO = mp.mpf("1e-12")
# Powers of x from 0 to 1 would have coefficients that cancel; those of x - 1/2 fall off fast.
CENTER = mp.mpf(1) / 2

Function = Callable[[mp.mpf], mp.mpf]
FORMATS = {"F32": np.float32, "F64": np.float64}


@dataclass(frozen=True)
class Fit:
    """What a polynomial stands for: ``leading(x) + factor(x) p(x - center)`` is ``function(x)``.

    ``limit`` is what p tends to at x = 0, where the quotient that defines it is 0 / 0, and
    ``lengths`` the number of coefficients in each format.
    """

    name: str
    function: Function
    leading: Function
    factor: Function
    limit: mp.mpf
    low: mp.mpf
    high: mp.mpf
    lengths: dict[str, int]
    center: mp.mpf = ZERO

    def wanted(self, x: mp.mpf) -> mp.mpf:
        """Return the value that the polynomial should have."""
        if abs(x) < NEAR_ZERO:
            return self.limit
        return (self.function(x) - self.leading(x)) / self.factor(x)

    def weight(self, x: mp.mpf) -> mp.mpf:
        """Return by how much an error of the polynomial is felt, relative to the function."""
        if abs(x) < NEAR_ZERO:
            x = NEAR_ZERO
        # Where it is not felt at all it must still be bounded, or the equations are singular.
        return max(abs(self.factor(x) / self.function(x)), mp.mpf("1e-7"))


def logarithm_rest(name: str, top: mp.mpf, lengths: dict[str, int]) -> Fit:
    """Fit p in log((1 + s) / (1 - s)) = 2 s + s^3 p(s^2), as a function of z = s^2."""
    return Fit(
        name,
        lambda z: 2 * mp.atanh(mp.sqrt(z)),
        lambda z: 2 * mp.sqrt(z),
        lambda z: z * mp.sqrt(z),
        mp.mpf(2) / 3,
        mp.mpf(0),
        top,
        lengths,
    )


# The bound of r is widened, as rounding may choose the neighbouring multiple of log(2).
FITS = (
    Fit(
        "EXP",
        mp.exp,
        lambda r: 1 + r,
        lambda r: r**2,
        mp.mpf(1) / 2,
        -LN2 / 2 * mp.mpf("1.001"),
        LN2 / 2 * mp.mpf("1.001"),
        {"F32": 5, "F64": 10},
    ),
    # f = m - 1 with m in [3/4, 3/2), s = f / (2 + f).
    logarithm_rest("LOG", mp.mpf(1) / 25, {"F32": 3, "F64": 7}),
    Fit(
        "LOG1P",
        mp.log1p,
        lambda y: y,
        lambda y: y**2,
        -mp.mpf(1) / 2,
        mp.mpf(0),
        mp.mpf(1),
        {"F32": 10, "F64": 21},
        CENTER,
    ),
    # The same beyond the cubic term, for the logarithms in two parts that powers are made of.
    Fit(
        "POWER",
        lambda z: 2 * mp.atanh(mp.sqrt(z)),
        lambda z: mp.sqrt(z) * (2 + 2 * z / 3),
        lambda z: z**2 * mp.sqrt(z),
        mp.mpf(2) / 5,
        mp.mpf(0),
        mp.mpf(1) / 25,
        {"F64": 8},
    ),
    # Of z = x^2, up to the argument from which the functions use an exponential.
    Fit(
        "TANH",
        lambda z: mp.tanh(mp.sqrt(z)),
        mp.sqrt,
        lambda z: -z * mp.sqrt(z),
        mp.mpf(1) / 3,
        mp.mpf(0),
        mp.mpf("0.55") ** 2,
        {"F32": 5, "F64": 11},
    ),
    Fit(
        "LOG_COSH",
        lambda z: mp.log(mp.cosh(mp.sqrt(z))),
        lambda z: z / 2,
        lambda z: z**2,
        -mp.mpf(1) / 12,
        mp.mpf(0),
        mp.mpf(1),
        {"F32": 7, "F64": 15},
        CENTER,
    ),
    # The convex conjugate at the slope: x tanh(x) - log(cosh(x)), of z = x^2 as well.
    Fit(
        "LOG_COSH_CONJUGATE",
        lambda z: mp.sqrt(z) * mp.tanh(mp.sqrt(z)) - mp.log(mp.cosh(mp.sqrt(z))),
        lambda z: z / 2,
        lambda z: z**2,
        -mp.mpf(1) / 4,
        mp.mpf(0),
        mp.mpf(1),
        {"F32": 8, "F64": 15},
        CENTER,
    ),
)


def plain(name: str, function: Function, low: mp.mpf, high: mp.mpf, length: int) -> Fit:
    """Fit a polynomial to the whole function, in float64 alone."""
    return Fit(
        name, function, lambda x: ZERO, lambda x: mp.mpf(1), function(ZERO), low, high, {"": length}
    )


def positive(t: mp.mpf) -> mp.mpf:
    """Return x of t = (x - 2) / (x + 2), a little beside the removable singularities."""
    x = 2 * (1 + t) / (1 - t)
    return x + mp.mpf("1e-18") if min(abs(x - 1), abs(x - 2)) < mp.mpf("1e-19") else x


def beyond(derivative: int) -> Function:
    """Return what Stirling's series, or a derivative of it, has beyond its leading terms.

    It is taken as a function of z = 1 / x^2, by its own series where x is large.
    """

    def rest(z: mp.mpf) -> mp.mpf:
        terms, x = 25, 1 / mp.sqrt(z) if z else mp.inf
        if x < 12:
            leading = (
                lambda: (x - mp.mpf(1) / 2) * mp.log(x) - x + mp.log(2 * mp.pi) / 2,
                lambda: mp.log(x) - 1 / (2 * x),
                lambda: 1 / x + 1 / (2 * x**2),
            )[derivative]()
            function = mp.loggamma(x) if derivative == 0 else mp.psi(derivative - 1, x)
            return (function - leading) * x ** (derivative + 1)
        factor = (
            lambda n: 1 / mp.mpf(2 * n * (2 * n - 1)),
            lambda n: -1 / mp.mpf(2 * n),
            lambda n: mp.mpf(1),
        )[derivative]
        return sum(mp.bernoulli(2 * n) * factor(n) * z ** (n - 1) for n in range(1, terms))

    return rest


ROOT = mp.findroot(mp.digamma, mp.mpf("1.4616"))  # where digamma is 0
THIRD, SIXTEENTH = mp.mpf(1) / 3, mp.mpf(1) / 16
FITS += (
    # erf(x) = x + x p(x^2) up to 1; erfc(x) = exp(-x^2) q((2 - x) / (2 + x)) up to 6.
    Fit(
        "ERF",
        lambda z: mp.erf(mp.sqrt(z)) / mp.sqrt(z) if z else 2 / mp.sqrt(mp.pi),
        lambda z: mp.mpf(1),
        lambda z: mp.mpf(1),
        2 / mp.sqrt(mp.pi) - 1,
        ZERO,
        mp.mpf(1),
        {"": 13},
    ),
    plain(
        "ERFC",
        lambda t: mp.exp((x := 2 * (1 - t) / (1 + t)) ** 2) * mp.erfc(x),
        -mp.mpf(1) / 2,
        THIRD,
        17,
    ),
    # On [1, 4], of t = (x - 2) / (x + 2): log_gamma(x) / ((x - 1) (x - 2)); digamma(x) and
    # trigamma(x) with factors that take away their root and their poles at 0 and infinity. From 4
    # on, of 1 / x^2: what follows the leading terms of their series.
    plain(
        "LOG_GAMMA",
        lambda t: mp.loggamma(x := positive(t)) / ((x - 1) * (x - 2)),
        -THIRD,
        THIRD,
        22,
    ),
    plain(
        "DIGAMMA",
        lambda t: mp.digamma(x := positive(t)) * x / ((x - ROOT) * (x + 2)),
        -THIRD,
        THIRD,
        20,
    ),
    plain("TRIGAMMA", lambda t: mp.psi(1, x := positive(t)) * x**2 / (x + 2), -THIRD, THIRD, 16),
    plain("LOG_GAMMA_FAR", beyond(0), ZERO, SIXTEENTH, 9),
    plain("DIGAMMA_FAR", beyond(1), ZERO, SIXTEENTH, 9),
    plain("TRIGAMMA_FAR", beyond(2), ZERO, SIXTEENTH, 10),
)


def logarithm_beyond(z: mp.mpf) -> mp.mpf:
    """Return p of log((1 + s) / (1 - s)) = 2 s + s^3 p(s^2)."""
    return 2 * (mp.atanh(s := mp.sqrt(z)) - s) / s**3 if z > NEAR_ZERO else 2 * THIRD + 2 * z / 5


def half_step(x: mp.mpf) -> mp.mpf:
    """Return x times the excess of a half step of the logarithm of the gamma function."""
    return x * (mp.loggamma(x + mp.mpf(1) / 2) - mp.loggamma(x) - mp.log(x) / 2)


def half_step_beyond(z: mp.mpf) -> mp.mpf:
    """Return the same as a function of z = 1 / x^2, by its series where x is large."""
    if z and (x := 1 / mp.sqrt(z)) < 12:
        return half_step(x)
    # The excess is the sum over n of B_(n+1)(1/2) (-1)^(n+1) / (n (n + 1) x^n), less B_(n+1)(0).
    half = mp.mpf(1) / 2
    return sum(
        (mp.bernpoly(2 * n, half) - mp.bernoulli(2 * n)) / (2 * n * (2 * n - 1)) * z ** (n - 1)
        for n in range(1, 26)
    )


FITS += (
    # exp(x) = 1 + x + x^2 p(x), and log1p(x) as beside LOG, with |s| up to 1/3.
    plain(
        "EXPM1_EXCESS",
        lambda x: (mp.expm1(x) - x) / x**2 if x else mp.mpf(1) / 2,
        -mp.mpf(1),
        mp.mpf(1),
        14,
    ),
    plain("LOG1P_EXCESS", logarithm_beyond, ZERO, mp.mpf(1) / 9, 10),
    # sin(pi u) = u p(u^2) up to 1/2; arctan(s) = s + s^3 p(s^2) up to tan(pi / 8).
    plain(
        "SIN_PI",
        lambda z: mp.sin(mp.pi * (u := mp.sqrt(z))) / u if z else +mp.pi,
        ZERO,
        mp.mpf(1) / 4,
        9,
    ),
    plain(
        "ARCTAN",
        lambda z: (mp.atan(s := mp.sqrt(z)) - s) / s**3 if z > NEAR_ZERO else z / 5 - THIRD,
        ZERO,
        mp.tan(mp.pi / 8) ** 2,
        12,
    ),
    # log_gamma(x + 1/2) - log_gamma(x) - log(x) / 2: on [1, 4] times x, from 4 on as above.
    plain("HALF_STEP", lambda t: half_step(positive(t)), -THIRD, THIRD, 20),
    plain("HALF_STEP_FAR", half_step_beyond, ZERO, SIXTEENTH, 12),
)


def chebyshev(low: mp.mpf, high: mp.mpf, count: int, shift: mp.mpf = 0) -> list[mp.mpf]:
    """Return points of an interval, dense towards its ends."""
    middle, radius = (low + high) / 2, (high - low) / 2
    scale = mp.pi / (count - 1 + 2 * shift)
    return [middle - radius * mp.cos(scale * (k + shift)) for k in range(count)]


def remez(fit: Fit, length: int) -> tuple[list[mp.mpf], mp.mpf]:
    """Return the coefficients, lowest degree first, and the largest relative error."""
    points = chebyshev(fit.low, fit.high, length + 1)
    grid = [
        (x, fit.wanted(x), fit.weight(x)) for x in chebyshev(fit.low, fit.high, 600, mp.mpf("0.5"))
    ]
    for _ in range(20):
        coefficients, level = levelled(fit, points, length)
        errors = [
            (x, weight * (evaluate(coefficients, x - fit.center) - y)) for x, y, weight in grid
        ]
        largest = max(abs(error) for _, error in errors)
        peaks = alternation(errors)
        if largest < abs(level) * mp.mpf("1.001") or len(peaks) <= length:
            break
        while len(peaks) > length + 1:
            peaks.pop(0 if abs(peaks[0][1]) < abs(peaks[-1][1]) else -1)
        points = [x for x, _ in peaks]
    return coefficients, largest


def levelled(fit: Fit, points: list[mp.mpf], length: int) -> tuple[list[mp.mpf], mp.mpf]:
    """Solve for the polynomial whose weighted error at the points has one size, signs in turn."""
    matrix, values = mp.matrix(length + 1, length + 1), mp.matrix(length + 1, 1)
    for row, x in enumerate(points):
        for column in range(length):
            matrix[row, column] = (x - fit.center) ** column
        matrix[row, length] = (-1) ** row / fit.weight(x)
        values[row] = fit.wanted(x)
    *coefficients, level = mp.lu_solve(matrix, values)
    return coefficients, level


def alternation(errors: list[tuple[mp.mpf, mp.mpf]]) -> list[tuple[mp.mpf, mp.mpf]]:
    """Return the point of the largest error between each two changes of sign."""
    peaks = [errors[0]]
    for x, error in errors:
        if (error > 0) != (peaks[-1][1] > 0):
            peaks.append((x, error))
        elif abs(error) > abs(peaks[-1][1]):
            peaks[-1] = (x, error)
    return peaks


def evaluate(coefficients: list[mp.mpf], x: mp.mpf) -> mp.mpf:
    """Return the value of a polynomial."""
    return mp.polyval(coefficients[::-1], x)


def split_of_log2(kind: str) -> list[mp.mpf]:
    """Return log(2) in two parts, the first so short that its products with exponents are exact."""
    bits = {"F32": 12, "F64": 40}[kind]
    high = mp.nint(LN2 * 2**bits) / 2**bits
    return [high, LN2 - high]


def split_of_root() -> list[float]:
    """Return the root of digamma in three parts, the first exact in float32 too."""
    high = float(np.float32(float(ROOT)))
    low = float(ROOT - mp.mpf(high))
    return [high, low, float(ROOT - mp.mpf(high) - mp.mpf(low))]


def constants() -> Iterator[tuple[str, list[float], mp.mpf | None]]:
    """Yield name, values rounded to the format, and error of each constant."""
    for kind, real in FORMATS.items():
        yield f"LN2_{kind}", rounded(split_of_log2(kind), real), None
        for fit in FITS:
            if kind in fit.lengths:
                coefficients, error = remez(fit, fit.lengths[kind])
                yield f"{fit.name}_{kind}", rounded(coefficients, real), error
    yield "DIGAMMA_ROOT", split_of_root(), None
    for fit in FITS:
        if "" in fit.lengths:
            coefficients, error = remez(fit, fit.lengths[""])
            yield fit.name, rounded(coefficients, np.float64), error


def rounded(values: list[mp.mpf], real: type) -> list[float]:
    """Return the shortest decimals that read back as the same numbers of the format."""
    return [float(str(real(mp.nstr(value, 40)))) for value in values]


if __name__ == "__main__":
    for name, values, error in constants():
        note = "" if error is None else f"  # 2^{float(mp.log(error, 2)):.1f}"
        print(f"{name} = ({', '.join(map(repr, values))}){note}")
