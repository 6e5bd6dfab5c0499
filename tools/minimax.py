"""Derive the polynomial coefficients of the host kernels' vector mathematics.

Each function is interpolated at Chebyshev nodes in 60-digit arithmetic, which comes within a
small factor of the best approximation. Prints the coefficients (lowest degree first) and the
largest relative error of what they are used for.

    python tools/minimax.py
"""

from __future__ import annotations

from collections.abc import Callable

import mpmath as mp

mp.mp.dps = 60
LN2 = mp.log(2)
ROOT = mp.sqrt(mp.mpf(1) / 2)


def interpolate(function: Callable, low: mp.mpf, high: mp.mpf, degree: int) -> list[mp.mpf]:
    """Return the polynomial through the function's values at the Chebyshev nodes."""
    count = degree + 1
    nodes = [
        (low + high) / 2 + (high - low) / 2 * mp.cos(mp.pi * (2 * k + 1) / (2 * count))
        for k in range(count)
    ]
    matrix = mp.matrix(count, count)
    values = mp.matrix(count, 1)
    for row, node in enumerate(nodes):
        values[row] = function(node)
        for column in range(count):
            matrix[row, column] = node**column
    return list(mp.lu_solve(matrix, values))


def exponential(degree: int) -> None:
    """Fit q in exp(r) = 1 + r + r^2 q(r), |r| <= log(2)/2."""
    bound = LN2 / 2 * mp.mpf("1.001")

    def rest(r: mp.mpf) -> mp.mpf:
        if abs(r) < mp.mpf("1e-30"):
            return mp.mpf(1) / 2
        return (mp.expm1(r) - r) / r**2

    report(
        f"exp, degree {degree}",
        interpolate(rest, -bound, bound, degree),
        lambda r, q: 1 + r + r * r * q(r),
        mp.exp,
        -bound,
        bound,
    )


def logarithm(degree: int, largest: mp.mpf) -> None:
    """Fit q in log((1+s)/(1-s)) = 2 s + s^3 q(s^2), with (1+s)/(1-s) from 1 to the largest."""
    top = ((largest - 1) / (largest + 1)) ** 2 * mp.mpf("1.001")

    def rest(z: mp.mpf) -> mp.mpf:
        s = mp.sqrt(z)
        return (2 * mp.atanh(s) - 2 * s) / s**3 if z else mp.mpf(2) / 3

    report(
        f"log up to {mp.nstr(largest, 3)}, degree {degree}",
        interpolate(rest, mp.mpf(0), top, degree),
        lambda s, q: 2 * s + s**3 * q(s * s),
        lambda s: 2 * mp.atanh(s),
        mp.sqrt(top) / 1000,
        mp.sqrt(top),
    )


def report(
    title: str,
    coefficients: list[mp.mpf],
    used: Callable,
    exact: Callable,
    low: mp.mpf,
    high: mp.mpf,
) -> None:
    """Print coefficients and the largest relative error over a dense grid."""

    def polynomial(x: mp.mpf) -> mp.mpf:
        return mp.polyval(coefficients[::-1], x)

    points = [low + (high - low) * k / 2000 for k in range(2001)]
    worst = max(abs(used(x, polynomial) / exact(x) - 1) for x in points if x)
    print(f"{title}: worst relative error {mp.nstr(worst, 3)} = 2^{mp.nstr(mp.log(worst, 2), 4)}")
    for coefficient in coefficients:
        print(f"    {mp.nstr(coefficient, 20)},")


if __name__ == "__main__":
    exponential(4)
    exponential(9)
    logarithm(2, 1 / ROOT)
    logarithm(6, 1 / ROOT)
    logarithm(3, mp.mpf(2))
    logarithm(9, mp.mpf(2))
