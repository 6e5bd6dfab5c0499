"""Accuracy of the functions of lanes, in units in the last place of the exact result."""

from __future__ import annotations

import importlib.util
import math
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
import pytest
from loops import apply as apply_to
from loops import below, loop_text

from lossary.formula.special import coefficients as special
from lossary.kernels import coefficients, functions, halves, power
from lossary.kernels import compile as compiler
from lossary.kernels.lanes import Lanes

FORMATS: dict[str, Any] = {"f32": np.float32, "f64": np.float64}
# Largest error of a function in ulp, over every float32 and dense float64 samples.
BOUNDS = {
    "exp": 0.9,
    "exp_difference": 0.9,
    "exp_below": 2.3,
    "expm1": 1.4,
    "log": 1.1,
    "log1p": 1.1,
    "log1p_unit": 1.4,
    "softplus": 2.1,
    "sigmoid": 2.1,
    "tanh": 1.6,
    "log_cosh": 1.7,
    "log_cosh_conjugate": 1.7,
    "decay": 0.9,
    "log1p_ratio": 2.0,
    "power": 1.0,
}
BINARY = ("exp_difference", "exp_below", "log1p_ratio", "power")
UNARY = [name for name in BOUNDS if name not in BINARY]
INF, NAN = math.inf, math.nan
EXPONENT_OF_FLOAT64 = 0x7FF << 52

both_formats = pytest.mark.parametrize("suffix", FORMATS)


# --- oracles ----------------------------------------------------------------------------------
def numpy_softplus(x: Any) -> Any:
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def numpy_sigmoid(x: Any) -> Any:
    small = np.exp(-np.abs(x))
    return np.where(x < 0, small, 1) / (1 + small)


def numpy_log_cosh(x: Any) -> Any:
    size = np.abs(x)
    near = np.log1p(np.sinh(np.minimum(size, 1)) ** 2) / 2
    return np.where(size < 1, near, size + (np.log1p(np.exp(-2 * size)) - math.log(2)))


# In float64 these are exact to a few 2^-53, which is as good as exact for float32.
IN_FLOAT64: dict[str, Callable[..., Any]] = {
    "exp": np.exp,
    "expm1": np.expm1,
    "log": np.log,
    "log1p": np.log1p,
    "log1p_unit": np.log1p,
    "softplus": numpy_softplus,
    "sigmoid": numpy_sigmoid,
    "tanh": np.tanh,
    "log_cosh": numpy_log_cosh,
    "log_cosh_conjugate": lambda x: x * np.tanh(x) - numpy_log_cosh(x),
    "decay": lambda x: np.exp(-np.abs(x)),
}


def exact_softplus(x: mpmath.mpf) -> mpmath.mpf:
    return max(x, mpmath.mpf(0)) + mpmath.log1p(mpmath.exp(-abs(x)))


def exact_log_cosh(x: mpmath.mpf) -> mpmath.mpf:
    if abs(x) < 1:
        return mpmath.log1p(2 * mpmath.sinh(x / 2) ** 2)
    return abs(x) + mpmath.log1p(mpmath.exp(-2 * abs(x))) - mpmath.log(2)


EXACT: dict[str, Callable[..., Any]] = {
    "exp": mpmath.exp,
    "expm1": mpmath.expm1,
    "log": mpmath.log,
    "log1p": mpmath.log1p,
    "log1p_unit": mpmath.log1p,
    "softplus": exact_softplus,
    "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)),
    "tanh": mpmath.tanh,
    "log_cosh": exact_log_cosh,
    "log_cosh_conjugate": lambda x: x * mpmath.tanh(x) - exact_log_cosh(x),
    "decay": lambda x: mpmath.exp(-abs(x)),
}


# --- measuring --------------------------------------------------------------------------------
def function_of(name: str) -> Callable[..., Lanes]:
    if name == "exp_below":
        return below
    found: Callable[..., Lanes] = power.power if name == "power" else getattr(functions, name)
    return found


def apply(name: str, *arrays: Any) -> Any:
    return apply_to(function_of(name), *arrays)


def float32_errors(got: Any, exact: Any) -> Any:
    """Return errors in ulp of float32; infinite where NaN or a zero's sign is wrong."""
    # Infinity counts as the first number that is too large.
    limit = 2.0**128
    capped = np.clip(exact, -limit, limit)
    binade = (capped.view(np.int64) & EXPONENT_OF_FLOAT64).view(np.float64)
    unit = np.clip(binade, 2.0**-126, 2.0**127) * 2.0**-23
    errors = np.abs(np.clip(got.astype(np.float64), -limit, limit) - capped) / unit
    missing = np.isnan(exact)
    errors[missing] = 0
    wrong = (missing != np.isnan(got)) | ((exact == 0) & (np.signbit(got) != np.signbit(exact)))
    errors[wrong | ((exact == 0) & (got != 0))] = INF
    return errors


def float64_error(got: float, exact: mpmath.mpf) -> float:
    """Return the error in ulp of float64 of a finite value."""
    limit = mpmath.mpf(2) ** 1024
    exact = max(min(exact, limit), -limit)
    value = limit if got == INF else -limit if got == -INF else mpmath.mpf(got)
    exponent = max(min(mpmath.frexp(exact)[1], 1024), -1021)
    return float(abs(value - exact) / mpmath.mpf(2) ** (exponent - 53))


def samples(name: str, size: int, dtype: Any) -> Any:
    """Return arguments of every kind: ordinary, near 0, near 1, at the ends, random bits."""
    random = np.random.default_rng(20)
    limit = 104 if dtype == np.float32 else 746
    tenths = 44 if dtype == np.float32 else 323
    words = np.uint32 if dtype == np.float32 else np.uint64
    parts = [
        random.uniform(-3, 3, size),
        random.uniform(-limit, limit, size),
        10 ** random.uniform(-tenths, 3, size) * random.choice([-1, 1], size),
        random.choice([-1, 1], size) * (1 + random.normal(size=size) * 10.0 ** -random.integers(8)),
        random.integers(0, np.iinfo(words).max, size, words, endpoint=True).view(dtype),
    ]
    with np.errstate(all="ignore"):
        x = np.concatenate([part.astype(dtype) for part in parts])
    return x[in_domain(name, x)]


def in_domain(name: str, x: Any) -> Any:
    """Tell where a function is defined, or says by NaN that it is not."""
    bounds = {"log1p_unit": (0, 1), "log_cosh_conjugate": (-1, 1)}.get(name)
    return np.full(x.shape, True) if bounds is None else (x >= bounds[0]) & (x <= bounds[1])


# --- accuracy ---------------------------------------------------------------------------------
@pytest.mark.parametrize("name", UNARY)
def test_float32_is_accurate(name: str) -> None:
    x = samples(name, 50_000, np.float32)
    with np.errstate(all="ignore"):
        errors = float32_errors(apply(name, x), IN_FLOAT64[name](x.astype(np.float64)))
    worst = errors.argmax()
    assert errors[worst] <= BOUNDS[name], f"{name} ({x[worst]!r}): {errors[worst]} ulp"


@pytest.mark.parametrize("name", UNARY)
def test_float64_is_accurate(name: str) -> None:
    assert_accurate_in_float64(name, 400)


def assert_accurate_in_float64(name: str, size: int) -> float:
    """Compare with 50-digit arithmetic where the result is real; return the largest error."""
    x = samples(name, size, np.float64)
    lowest = {"log": 0, "log1p": -1}.get(name, -INF)
    x = x[np.isfinite(x) & (x > lowest)]
    got = apply(name, x)
    with mpmath.workdps(50):
        # Exponentials of huge arguments have exponents that 50-digit arithmetic takes long for.
        near = [min(max(float(value), -1e4), 1e4) if name in EXPONENTIAL else value for value in x]
        pairs = zip(got, near, strict=True)
        errors = [float64_error(value, EXACT[name](mpmath.mpf(arg))) for value, arg in pairs]
    worst = int(np.argmax(errors))
    assert errors[worst] <= BOUNDS[name], f"{name} ({x[worst]!r}): {errors[worst]} ulp"
    return errors[worst]


EXPONENTIAL = {"exp", "expm1", "sigmoid", "tanh", "decay"}


@both_formats
def test_exp_difference_makes_up_for_the_rounding_of_the_difference(suffix: str) -> None:
    dtype = FORMATS[suffix]
    random = np.random.default_rng(21)
    limit = 110 if suffix == "f32" else 760
    b = random.uniform(-limit, limit, 3000).astype(dtype)
    a = (b + random.uniform(-limit, limit, 3000)).astype(dtype)
    got = apply("exp_difference", a, b)
    if suffix == "f32":
        with np.errstate(all="ignore"):
            errors = float32_errors(got, np.exp(a.astype(np.float64) - b.astype(np.float64)))
    else:
        with mpmath.workdps(50):
            exact = [mpmath.exp(mpmath.mpf(p) - mpmath.mpf(q)) for p, q in zip(a, b, strict=True)]
            errors = [float64_error(v, e) for v, e in zip(got, exact, strict=True)]
    assert np.max(errors) <= BOUNDS["exp_difference"]


@both_formats
def test_whether_an_exponential_is_finite_is_known_from_its_argument(suffix: str) -> None:
    dtype = FORMATS[suffix]
    last = dtype(np.log(np.finfo(dtype).max))
    near = last * (1 + np.arange(-50, 50) * np.finfo(dtype).eps).astype(dtype)
    x = np.concatenate([near, [-INF, -1, 0, 1, 88, 709, 1e4, INF, NAN]]).astype(dtype)
    found = apply_to(lambda x: functions.exp_is_finite(x).select(x.code.constant(1, x.type), 0), x)
    finite = apply("exp", x) < INF
    assert 0 < np.count_nonzero(finite[: near.size]) < near.size
    assert (found == finite).all()


@both_formats
def test_exp_below_is_accurate_wherever_the_largest_value_lies(suffix: str) -> None:
    dtype = FORMATS[suffix]
    random = np.random.default_rng(22)
    limit = 104 if suffix == "f32" else 746
    ends = 2 * limit + np.array([-2, -1, 0, 1, 2, 50, 51, 52, 53, 54, 100], dtype)
    tops = [random.normal(scale=5, size=200), random.uniform(-4 * limit, 4 * limit, 200)]
    tops = [*tops, ends, -ends, [1e5, -1e5, 1e30, -1e30, np.finfo(dtype).max, -np.finfo(dtype).max]]
    top = np.repeat(np.concatenate(tops).astype(dtype), 8)
    below = np.abs(random.standard_cauchy(top.size)) * random.choice([0, 1e-6, 1, 26], top.size)
    x = np.minimum(np.maximum(top - below.astype(dtype), np.finfo(dtype).min), top)
    got = apply("exp_below", x, top)
    with mpmath.workdps(50):
        exact = [mpmath.exp(mpmath.mpf(float(p)) - float(q)) for p, q in zip(x, top, strict=True)]
        if suffix == "f32":
            errors = float32_errors(got, np.array([float(e) for e in exact]))
        else:
            errors = [float64_error(v, e) for v, e in zip(got, exact, strict=True)]
    worst = int(np.argmax(errors))
    assert errors[worst] <= BOUNDS["exp_below"], (x[worst], top[worst], errors[worst])


def powers(dtype: Any, size: int) -> tuple[Any, Any]:
    """Return bases near 1 and far from it, and exponents that make results of every size."""
    random = np.random.default_rng(23)
    least, most = (-104, 89) if dtype == np.float32 else (-745, 710)
    a = np.exp(random.normal(size=size) * random.choice([1e-3, 0.1, 1, 20], size)).astype(dtype)
    a[a == 1] = 2
    b = (random.uniform(least, most, size) / np.log(a.astype(float))).astype(dtype)
    small = random.choice([-3, -2, -1, -0.5, 0.5, 1, 1.5, 2, 3, 4.25], size).astype(dtype)
    return a, np.where(random.random(size) < 0.5, b, small)


@both_formats
def test_powers_are_accurate(suffix: str) -> None:
    dtype = FORMATS[suffix]
    a, b = powers(dtype, 3000)
    got = apply("power", a, b)
    with mpmath.workdps(50):
        exact = [mpmath.mpf(float(p)) ** mpmath.mpf(float(q)) for p, q in zip(a, b, strict=True)]
        if suffix == "f32":
            errors = float32_errors(got, np.array([float(e) for e in exact]))
        else:
            errors = [float64_error(v, e) for v, e in zip(got, exact, strict=True)]
    worst = int(np.argmax(errors))
    assert errors[worst] <= BOUNDS["power"], (a[worst], b[worst], errors[worst])


@both_formats
def test_ratios_are_accurate(suffix: str) -> None:
    """Of a class that is the likeliest (d = 0) or not, beside the sum s of the others' shares."""
    dtype = FORMATS[suffix]
    random = np.random.default_rng(24)
    size = 3000
    d = -np.abs(random.standard_cauchy(size)).astype(dtype)
    s = (10.0 ** random.uniform(0, 3, size)).astype(dtype)
    s[::2], d[::2] = 10.0 ** random.uniform(-30, 3, size // 2), 0
    got = apply("log1p_ratio", s, d)
    with mpmath.workdps(50):
        pairs = [(mpmath.mpf(float(p)), mpmath.mpf(float(q))) for p, q in zip(s, d, strict=True)]
        exact = [mpmath.log1p(p + mpmath.expm1(q)) - q for p, q in pairs]
        if suffix == "f32":
            errors = float32_errors(got, np.array([float(e) for e in exact]))
        else:
            errors = [float64_error(v, e) for v, e in zip(got, exact, strict=True)]
    worst = int(np.argmax(errors))
    assert errors[worst] <= BOUNDS["log1p_ratio"], (s[worst], d[worst], errors[worst])


# --- exact values -----------------------------------------------------------------------------
SPECIAL = [
    ("exp", [(0, 1), (-0.0, 1), (INF, INF), (-INF, 0), (1e30, INF), (-1e30, 0)]),
    ("expm1", [(0, 0), (-0.0, -0.0), (INF, INF), (-INF, -1), (1e30, INF), (-1e30, -1)]),
    ("log", [(1, 0), (0, -INF), (-0.0, -INF), (INF, INF), (-1, NAN), (-INF, NAN)]),
    ("log1p", [(0, 0), (-0.0, -0.0), (-1, -INF), (INF, INF), (-2, NAN), (-INF, NAN)]),
    ("log1p_unit", [(0, 0)]),
    ("softplus", [(INF, INF), (-INF, 0), (1e30, 1e30), (-1e30, 0)]),
    ("sigmoid", [(0, 0.5), (-0.0, 0.5), (INF, 1), (-INF, 0), (1e30, 1), (-1e30, 0)]),
    ("tanh", [(0, 0), (-0.0, -0.0), (INF, 1), (-INF, -1), (1e30, 1), (-1e30, -1)]),
    ("log_cosh", [(0, 0), (-0.0, 0), (INF, INF), (-INF, INF), (-1e30, 1e30)]),
    ("decay", [(0, 1), (-0.0, 1), (INF, 0), (-INF, 0), (1e30, 0), (-1e30, 0)]),
]
DIFFERENCES = [
    (-INF, 0, 0),
    (-INF, 1e30, 0),
    (0, -INF, INF),
    (INF, 0, INF),
    (0, INF, 0),
    (3.7, 3.7, 1),
    (1e30, 1e30, 1),
    (1e30, -1e30, INF),
    (-3e38, 3e38, 0),
    (INF, INF, NAN),
    (-INF, -INF, NAN),
    (NAN, 0, NAN),
    (0, NAN, NAN),
    (-INF, NAN, NAN),
]


def same(got: Any, expected: Any) -> Any:
    """Tell where two arrays are equal, NaN equal to NaN, -0 different from 0."""
    equal = (got == expected) & (np.signbit(got) == np.signbit(expected))
    return equal | (np.isnan(got) & np.isnan(expected))


@both_formats
@pytest.mark.parametrize(("name", "pairs"), SPECIAL, ids=[name for name, _ in SPECIAL])
def test_special_values(name: str, pairs: list[tuple[float, float]], suffix: str) -> None:
    x, expected = np.array([*pairs, (NAN, NAN)], FORMATS[suffix]).T
    # Many times over, so that the vectorised part of the loop is what is tested.
    got = apply(name, np.tile(x, 64)).reshape(64, -1)
    assert same(got, expected).all(), dict(zip(x.tolist(), got[0].tolist(), strict=True))


@both_formats
def test_special_differences(suffix: str) -> None:
    a, b, expected = np.array(DIFFERENCES, FORMATS[suffix]).T
    got = apply("exp_difference", np.tile(a, 64), np.tile(b, 64)).reshape(64, -1)
    assert same(got, expected).all(), list(zip(a, b, got[0], strict=True))


@both_formats
def test_special_shares(suffix: str) -> None:
    """What lies below an infinity has no share beside it; no number is far below everything."""
    largest = np.finfo(FORMATS[suffix]).max
    rows = [(INF, INF, 1), (0, INF, 0), (largest, INF, 0), (-INF, INF, 0), (-INF, -INF, 1)]
    rows += [(-INF, top, 0) for top in (0, 1, -1, largest, -largest)]
    rows += [(x, x, 1) for x in (0, 1e5, -1e5, largest, -largest)]
    rows += [(-largest, largest, 0), (NAN, NAN, NAN), (0, NAN, NAN)]
    x, top, expected = np.array(rows, FORMATS[suffix]).T
    got = apply("exp_below", np.tile(x, 64), np.tile(top, 64)).reshape(64, -1)
    assert same(got, expected).all(), list(zip(x, top, got[0], strict=True))


@both_formats
def test_special_powers(suffix: str) -> None:
    """Zeros, infinities, NaN, 1, whole and other exponents of negative bases, as in IEEE 754."""
    dtype = FORMATS[suffix]
    finfo = np.finfo(dtype)
    large = 2.0**finfo.nmant
    values = [0, 0.5, 1, 1.5, 2, 3, 4, 256, large - 1, large + 1, 2 * large, INF]
    values += [finfo.smallest_subnormal, finfo.tiny, finfo.max]
    values = [*values, *(-value for value in values), NAN]
    a, b = (grid.ravel() for grid in np.meshgrid(np.array(values, dtype), np.array(values, dtype)))
    with np.errstate(all="ignore"):
        expected = np.power(a, b)
    got = apply("power", a, b)
    ordinary = (expected != 0) & np.isfinite(expected) & (np.abs(expected) != 1)
    wrong = ~same(got, expected) & ~ordinary
    assert not wrong.any(), list(zip(a[wrong], b[wrong], got[wrong], expected[wrong], strict=True))
    np.testing.assert_array_equal(np.signbit(got[ordinary]), np.signbit(expected[ordinary]))
    np.testing.assert_array_max_ulp(got[ordinary], expected[ordinary], 1)


@both_formats
@pytest.mark.parametrize("name", ["expm1", "log1p", "tanh"])
def test_tiny_arguments_come_back(name: str, suffix: str) -> None:
    finfo = np.finfo(FORMATS[suffix])
    x = np.array([finfo.smallest_subnormal, finfo.tiny * 0.75, finfo.tiny], FORMATS[suffix])
    x = np.concatenate([x, -x])
    assert same(apply(name, x), x).all()


@both_formats
def test_parity(suffix: str) -> None:
    x = samples("tanh", 1000, FORMATS[suffix])
    assert same(apply("tanh", -x), -apply("tanh", x)).all()
    assert same(apply("log_cosh", -x), apply("log_cosh", x)).all()


@both_formats
@pytest.mark.parametrize("name", BOUNDS)
def test_a_result_does_not_depend_on_its_place(name: str, suffix: str) -> None:
    """The vectorised part of a loop and the rest of it give the same bits."""
    x = samples(name, 200, FORMATS[suffix])
    x = x[: x.size // 2 * 2]
    arrays = np.sort(x.reshape(2, -1), axis=0) if name in BINARY else x[np.newaxis]
    together = apply(name, *arrays)
    alone = [apply(name, *arrays[:, i : i + 1])[0] for i in range(arrays.shape[1])]
    assert same(together, np.array(alone, x.dtype)).all()


# --- half precisions --------------------------------------------------------------------------
def ties(dtype: Any, digits: int) -> Any:
    """Return numbers at, just below and just above the middle of two with fewer digits."""
    random = np.random.default_rng(25)
    short = random.integers(2**digits, 2 ** (digits + 1), 2000) + 0.5
    middle = np.ldexp(short, random.integers(-30 - digits, 14 - digits, 2000)).astype(dtype)
    middle = middle * random.choice([-1, 1], 2000).astype(dtype)
    return np.concatenate([middle, np.nextafter(middle, 0), np.nextafter(middle, middle * 2)])


def all_kinds(dtype: Any) -> Any:
    finfo = np.finfo(dtype)
    edges = [0, 65504, 65519.99, 65520, 2.0**-24, 2.0**-25, 1e-45, 1e-40, 3.38e38, 3.4e38, INF]
    edges += [finfo.max, finfo.tiny, finfo.smallest_subnormal, np.nextafter(dtype(2.0**-25), 1)]
    with np.errstate(over="ignore"):
        ends = np.array(edges).astype(dtype)
    parts = [samples("", 2000, dtype), ends, -ends, ties(dtype, 10), ties(dtype, 7), [NAN]]
    with np.errstate(invalid="ignore"):  # signalling NaN
        return np.concatenate(parts).astype(dtype)


@both_formats
def test_float16_is_rounded_once(suffix: str) -> None:
    x = all_kinds(FORMATS[suffix])
    with np.errstate(all="ignore"):
        expected = x.astype(np.float16)
    assert same(apply_to(halves.half, x, result="f16"), expected).all()


@both_formats
def test_bfloat16_is_rounded_once(suffix: str) -> None:
    x = all_kinds(FORMATS[suffix])
    got = apply_to(halves.narrowed, x, result="i16")
    assert same(apply_to(halves.widened, got, result="f32"), nearest_bfloat16(x)).all()


def nearest_bfloat16(x: Any) -> Any:
    """Round exact multiples of the last place of 8 digits, ties to even."""
    _, exponent = np.frexp(np.where(np.isfinite(x), x, 0))
    unit = np.maximum(exponent - 8, -133)
    with np.errstate(all="ignore"):
        value = np.ldexp(np.rint(np.ldexp(x.astype(np.longdouble), -unit)), unit)
        value = np.where(np.isfinite(x), value, x)
        value[np.abs(value) >= 2.0**128] *= INF
        return value.astype(np.float32)


def test_every_bfloat16_goes_there_and_back() -> None:
    bits = np.arange(1 << 16, dtype=np.uint16)
    wide = apply_to(halves.widened, bits, result="f32")
    np.testing.assert_array_equal(wide.view(np.uint32), bits.astype(np.uint32) << 16)
    back = apply_to(halves.narrowed, wide, result="i16")
    np.testing.assert_array_equal(back, np.where(np.isnan(wide), bits | 0x40, bits))


# --- polynomials ------------------------------------------------------------------------------
@both_formats
@pytest.mark.parametrize("length", [2, 3, 4, 5, 8, 11])
def test_polynomial(length: int, suffix: str) -> None:
    coefficients = [(-1) ** k * (k + 2) for k in range(length)]
    # Whole numbers, so that every order of evaluation is exact.
    x = np.array([-2, -1, 0, 1, 2] * 8, FORMATS[suffix])
    got = apply_to(lambda lanes: functions.polynomial(lanes, coefficients), x)
    np.testing.assert_array_equal(got, np.polyval(coefficients[::-1], x))


# --- how they are compiled --------------------------------------------------------------------
PROCESSORS = [
    ("x86-64-v3", "", "x86_64-unknown-linux-gnu"),
    ("x86-64-v4", "", "x86_64-unknown-linux-gnu"),
    ("generic", "", "aarch64-unknown-linux-gnu"),
]


@pytest.mark.parametrize("target", PROCESSORS, ids=[cpu for cpu, *_ in PROCESSORS])
@both_formats
@pytest.mark.parametrize("name", BOUNDS)
def test_nothing_is_called(name: str, suffix: str, target: tuple[str, ...]) -> None:
    """Each processor has instructions for all of it, so no library's rounding gets in."""
    types = (suffix,) * (2 if name in BINARY else 1)
    text = compiler.assembly(loop_text(function_of(name), types, suffix), *target)
    assert re.search(r"\t(vfn?m|fml)[a-z0-9]+\t", text), "no fused multiply-add"
    assert not re.search(r"\t(call|bl)[a-z]*\t", text)


def test_constants_are_those_of_the_derivation() -> None:
    path = Path(__file__).parents[2] / "tools" / "minimax.py"
    if not path.exists():
        pytest.skip("the source tree's tools are not here")
    spec = importlib.util.spec_from_file_location("minimax", path)
    assert spec is not None
    assert spec.loader is not None
    minimax = sys.modules["minimax"] = importlib.util.module_from_spec(spec)
    digits = mpmath.mp.dps
    try:
        spec.loader.exec_module(minimax)
        for name, values, error in minimax.constants():
            module = coefficients if name.endswith(("_F32", "_F64")) else special
            assert getattr(module, name) == tuple(values), name
            if error is not None:
                # What series leave over is below 1/64 of the value that it is added to.
                bits = {"POWER_F64": 69, "DIGAMMA_FAR": 47, "TRIGAMMA_FAR": 47}.get(name)
                bits = bits or (28 if name.endswith("F32") else 51)
                assert error < 2.0**-bits, name
    finally:
        mpmath.mp.dps = digits
        del sys.modules["minimax"]


# --- everything -------------------------------------------------------------------------------
def all_float32(size: int = 1 << 15) -> Iterator[Any]:
    for start in range(0, 1 << 32, size):
        yield np.arange(start, start + size, dtype=np.uint64).astype(np.uint32).view(np.float32)


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", UNARY)
def test_every_float32(name: str) -> None:
    largest, argument = 0.0, 0.0
    for chunk in all_float32():
        x = chunk[in_domain(name, chunk)]
        if x.size == 0:
            continue
        with np.errstate(all="ignore"):
            errors = float32_errors(apply(name, x), IN_FLOAT64[name](x.astype(np.float64)))
        worst = errors.argmax()
        if errors[worst] > largest:
            largest, argument = errors[worst], x[worst]
    print(f"{name} in float32: {largest:.3f} ulp at {argument!r}")
    assert largest <= BOUNDS[name]


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", UNARY)
def test_many_float64(name: str) -> None:
    print(f"{name} in float64: {assert_accurate_in_float64(name, 200_000):.3f} ulp")
