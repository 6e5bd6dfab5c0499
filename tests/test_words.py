"""Words of formulas that are composites: values and derivatives to the last places.

Every word is measured in kernels (NumPy's arrays) and in its array spelling with NumPy's functions
(``array_api_strict``); its value in the array spelling with those of PyTorch, JAX and MLX too.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import mpmath as mp
import numpy as np
import pytest
from assertions import assert_close
from libraries import BY_NAME
from words import WORDS

import lossary
from lossary import formula as f

LIBRARIES = ["numpy", "strict"]
#: The other libraries, and how many times NumPy's bound theirs is: exponentials of MLX have errors
#: of up to 30 units.
OTHERS = {"torch": 2, "jax": 3, "mlx": 10}
INF, NAN = math.inf, math.nan


@lru_cache
def case(name: str, dtype: str) -> tuple[tuple[np.ndarray, ...], tuple[list[Any], ...]]:
    """Return the operands of a word, and its exact value and derivatives."""
    word = WORDS[name]
    operands = tuple(x.astype(dtype) for x in word.samples(np.random.default_rng(0)))
    with mp.workdps(60):
        exact = [[mp.mpf(float(one)) for one in x] for x in operands]
        found = tuple(
            [meaning(*one) for one in zip(*exact, strict=True)] for meaning in word.meanings
        )
    return operands, found


def loss_of(function: Callable[..., Any], count: int) -> Callable[..., Any]:
    if count == 3:

        @lossary.loss
        def ternary_loss(inputs: Any, targets: Any, others: Any) -> Any:
            return function(inputs, targets, others)

        return ternary_loss

    @lossary.loss
    def word_loss(inputs: Any, targets: Any) -> Any:
        return function(inputs, targets) if count == 2 else function(inputs - targets)

    return word_loss


def arrays_of(operands: tuple[np.ndarray, ...], library: str) -> list[Any]:
    given = BY_NAME[library]
    arrays = [given.array(x) for x in operands]
    return arrays if arrays[1:] else [*arrays, given.array(np.zeros_like(operands[0]))]


def value_and_derivatives(
    function: Callable[..., Any], operands: tuple[np.ndarray, ...], library: str
) -> list[np.ndarray]:
    compute = lossary.value_grad_hess(loss_of(function, len(operands)))
    return [BY_NAME[library].numpy(x) for x in compute(*arrays_of(operands, library))]


def units(found: np.ndarray, right: list[Any]) -> np.ndarray:
    """Return errors in units in the last place; 0 beside a result beyond the normal range."""
    real = found.dtype.type
    errors = np.zeros(found.shape)
    with mp.workdps(60), np.errstate(over="ignore"):
        for place, (got, exact) in enumerate(zip(found, right, strict=True)):
            unit = np.spacing(abs(real(float(exact))))
            if np.isfinite(unit) and abs(float(exact)) >= np.finfo(real).tiny:
                errors[place] = float(abs(mp.mpf(float(got)) - exact) / mp.mpf(float(unit)))
    return errors


def assert_within(
    found: np.ndarray,
    right: list[Any],
    operands: tuple[np.ndarray, ...],
    bound: Any,
    factor: float = 1,
) -> None:
    limit = factor * (bound(*(x.astype(float) for x in operands)) if callable(bound) else bound)
    errors = units(found, right)
    worst = int(np.argmax(errors - limit))
    assert (errors <= limit).all(), (errors[worst], [float(x[worst]) for x in operands])


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", WORDS)
def test_words_are_accurate(name: str, dtype: str, library: str) -> None:
    operands, right = case(name, dtype)
    found = value_and_derivatives(WORDS[name].function, operands, library)
    for got, exact, bound in zip(found, right, WORDS[name].bounds, strict=True):
        assert_within(got, exact, operands, bound)


@pytest.mark.parametrize("library", OTHERS)
@pytest.mark.parametrize("name", WORDS)
def test_values_in_other_libraries(name: str, library: str) -> None:
    operands, (right, *_) = case(name, "float32")
    arrays = arrays_of(operands, library)
    compute = loss_of(WORDS[name].function, len(operands))
    if library == "torch":
        import torch

        compute = torch.func.vmap(compute)
    elif library == "jax":
        import jax

        compute = jax.jit(compute)
    found = BY_NAME[library].numpy(compute(*arrays))
    assert_within(found, right, operands, WORDS[name].bounds[0], OTHERS[library])


TINY = 2.0**-1074
LARGEST = 1.7976931348623157e308

# A word, its operands, and its value, derivative and second derivative, None where not stated.
EDGES = [
    (f.share, (0, 0), (0, 0, 0)),
    (f.share, (0, 4), (0, 1 / 4, -1 / 8)),
    (f.share, (4, 0), (1, 0, 0)),
    (f.share, (1e-300, 2), (5e-301, 0.5, -0.5)),
    (f.share, (NAN, 1), (NAN, NAN, NAN)),
    (f.share, (1, NAN), (NAN, NAN, NAN)),
    (f.hypot, (0, 0), (0, 0, 0)),
    (f.hypot, (0, -3), (3, 0, 1 / 3)),
    (f.hypot, (TINY, TINY), (TINY, math.sqrt(0.5), None)),
    (f.hypot, (1e-300, 0), (1e-300, 1, 0)),
    (f.hypot, (1e300, -1e300), (math.sqrt(2) * 1e300, math.sqrt(0.5), None)),
    (f.hypot, (INF, 5), (INF, 1, 0)),
    (f.hypot, (-INF, INF), (INF, -math.sqrt(0.5), 0)),
    (f.hypot, (2, INF), (INF, 0, 0)),
    (f.hypot, (NAN, INF), (NAN, NAN, NAN)),
    (f.hypot, (1, NAN), (NAN, NAN, NAN)),
    (f.hypot_excess, (0, 0), (0, 0, 0)),
    (f.hypot_excess, (0, -3), (0, 0, 1 / 3)),
    (f.hypot_excess, (1e-200, 1e-100), (5e-301, 1e-100, None)),
    (f.hypot_excess, (1e300, -1e300), ((math.sqrt(2) - 1) * 1e300, math.sqrt(0.5), None)),
    (f.hypot_excess, (-INF, 5), (INF, -1, 0)),
    (f.hypot_excess, (2, INF), (0, 0, 0)),
    (f.hypot_excess, (NAN, 1), (NAN, NAN, NAN)),
    (f.log1p_excess, (0,), (0, 0, 1)),
    (f.log1p_excess, (-1,), (INF, -INF, INF)),
    (f.log1p_excess, (-1.5,), (NAN, None, None)),
    (f.log1p_excess, (INF,), (INF, 1, 0)),
    (f.log1p_excess, (LARGEST,), (LARGEST, 1, 0)),
    (f.log1p_excess, (TINY,), (0, TINY, 1)),
    (f.log1p_excess, (NAN,), (NAN, NAN, NAN)),
    (f.expm1_excess, (0,), (0, 0, 1)),
    (f.expm1_excess, (-INF,), (INF, -1, 0)),
    (f.expm1_excess, (INF,), (INF, INF, INF)),
    (f.expm1_excess, (800,), (INF, INF, INF)),
    (f.expm1_excess, (-TINY,), (0, -TINY, 1)),
    (f.expm1_excess, (NAN,), (NAN, NAN, NAN)),
    (f.log1mexp, (0,), (-INF, None, None)),
    (f.log1mexp, (-INF,), (0, 0, 0)),
    (f.log1mexp, (-TINY,), (math.log(TINY), -INF, None)),
    (f.log1mexp, (0.5,), (NAN, None, None)),
    (f.log1mexp, (NAN,), (NAN, NAN, NAN)),
    (f.log1p_square, (0,), (0, 0, 2)),
    (f.log1p_square, (-INF,), (INF, 0, 0)),
    (f.log1p_square, (LARGEST,), (2 * math.log(LARGEST), 2 / LARGEST, 0)),
    (f.log1p_square, (-TINY,), (0, -2 * TINY, 2)),
    (f.log1p_square, (NAN,), (NAN, NAN, NAN)),
    (f.box_cox, (-1, 0.5), (-2, INF, None)),
    (f.box_cox, (-1, 2), (-0.5, 0, 1)),
    (f.box_cox, (-1, 0), (-INF, INF, -INF)),
    (f.box_cox, (-1, -1), (-INF, INF, -INF)),
    (f.box_cox, (0, 5), (0, 1, 4)),
    (f.box_cox, (7, 1), (7, 1, 0)),
    (f.box_cox, (INF, 0.5), (INF, 0, 0)),
    (f.box_cox, (INF, 0), (INF, 0, 0)),
    (f.box_cox, (INF, -2), (0.5, 0, 0)),
    (f.box_cox, (TINY, 3), (TINY, 1, 2)),
    (f.box_cox, (NAN, 0), (NAN, NAN, NAN)),
    (f.box_cox, (NAN, 2), (NAN, NAN, None)),
    (f.box_cox, (2, NAN), (NAN, NAN, NAN)),
    (f.power_gap, (-1, 2), (0.5, -1, 1)),
    (f.power_gap, (-1, 1), (1, -INF, INF)),
    (f.power_gap, (-1, 0.5), (2, -INF, INF)),
    (f.power_gap, (-1, 0), (INF, -INF, INF)),
    (f.power_gap, (-1, -1), (INF, -INF, INF)),
    (f.power_gap, (0, 7), (0, 0, 1)),
    (f.power_gap, (INF, 2), (INF, INF, 1)),
    (f.power_gap, (INF, 0), (INF, 1, 0)),
    (f.power_gap, (INF, 1), (INF, INF, 0)),
    (f.power_gap, (INF, 0.5), (INF, 2, 0)),
    (f.power_gap, (1e-200, 0.3), (0, 1e-200, 1)),
    (f.digamma, (0,), (-INF, INF, -INF)),
    (f.digamma, (INF,), (INF, 0, 0)),
    (f.digamma, (-0.5,), (NAN, NAN, None)),
    (f.digamma, (NAN,), (NAN, NAN, NAN)),
    (f.trigamma, (0,), (INF, -INF, INF)),
    (f.trigamma, (INF,), (0, 0, 0)),
    (f.trigamma, (-0.5,), (NAN, None, None)),
    (f.trigamma, (NAN,), (NAN, NAN, NAN)),
    (f.log_gamma_half_step, (0,), (-INF, INF, -INF)),
    (f.log_gamma_half_step, (INF,), (0, 0, 0)),
    (f.log_gamma_half_step, (-1,), (NAN, None, None)),
    (f.log_gamma_half_step, (NAN,), (NAN, NAN, NAN)),
    (f.log_gamma_half_step, (1e-300,), (0.5 * math.log(math.pi * 1e-300), 5e299, None)),
    (f.log_rising_excess, (5, 0), (0, 0, 0)),
    (f.log_rising_excess, (0.5, 0), (0, 0, 0)),
    (f.log_rising_excess, (INF, 3), (0, 0, 0)),
    (f.log_rising_excess, (1e100, 3), (3e-100, -3e-200, None)),
    (f.log_rising_excess, (2, INF), (INF, None, None)),
    (f.log_rising_excess, (NAN, 1), (NAN, NAN, NAN)),
    (f.log_rising_excess, (1, NAN), (NAN, NAN, NAN)),
    (f.sin_pi, (1,), (0, -math.pi, 0)),
    (f.sin_pi, (-0.5,), (-1, 0, math.pi**2)),
    (f.sin_pi, (LARGEST,), (0, math.pi, 0)),
    (f.sin_pi, (2.0**52 + 1,), (0, -math.pi, 0)),
    (f.sin_pi, (TINY,), (3 * TINY, math.pi, None)),
    (f.sin_pi, (INF,), (NAN, NAN, NAN)),
    (f.sin_pi, (NAN,), (NAN, NAN, NAN)),
    (f.cos_pi, (-1,), (-1, 0, math.pi**2)),
    (f.cos_pi, (1.5,), (0, math.pi, 0)),
    (f.cos_pi, (TINY,), (1, None, -(math.pi**2))),
    (f.cos_pi, (-INF,), (NAN, NAN, NAN)),
    (f.cos_pi, (NAN,), (NAN, NAN, NAN)),
    (f.arctan, (0,), (0, 1, 0)),
    (f.arctan, (-1,), (-math.pi / 4, 0.5, 0.5)),
    (f.arctan, (INF,), (math.pi / 2, 0, 0)),
    (f.arctan, (-LARGEST,), (-math.pi / 2, 0, 0)),
    (f.arctan, (TINY,), (TINY, 1, None)),
    (f.arctan, (NAN,), (NAN, NAN, NAN)),
    (f.power_gap, (NAN, 1), (NAN, NAN, NAN)),
    (f.tweedie_deviance, (2, 0, 1.5), (4 * math.sqrt(2), math.sqrt(2), None)),
    (f.tweedie_deviance, (2, 0, 1), (4, 2, 0)),
    (f.tweedie_deviance, (2, 0, 0), (4, 4, 2)),
    (f.tweedie_deviance, (2, -1, -1), (28 / 3, 12, 10)),
    (f.tweedie_deviance, (2, -1, 0), (9, 6, 2)),
    (f.tweedie_deviance, (2, 0, 2), (INF, 1, -0.5)),
    (f.tweedie_deviance, (3, 3, 1.7), (0, 0, None)),
    (f.tweedie_deviance, (1e-300, 1, 1), (2 * (300 * math.log(10) - 1), -2e300, None)),
    (f.tweedie_deviance, (NAN, 1, 1.5), (NAN, NAN, NAN)),
    (f.tweedie_deviance, (1, NAN, 1.5), (NAN, NAN, NAN)),
    (f.tweedie_deviance_of_log, (0, 0, 1.5), (4, 2, 1)),
    (f.tweedie_deviance_of_log, (0, 1, 1.2), (0, 0, 2)),
    (f.tweedie_deviance_of_log, (50, 0, 2), (INF, 2, 0)),
    (f.tweedie_deviance_of_log, (NAN, 1, 1.5), (NAN, NAN, NAN)),
    (f.general_robust, (0, -1), (0, 0, 1)),
    (f.general_robust, (-2, 1), (math.sqrt(5) - 1, -2 / math.sqrt(5), 5**-1.5)),
    (f.general_robust, (2, -2), (1, 0.5, -0.25)),
    (f.general_robust, (3, 2), (4.5, 3, 1)),
    (f.general_robust, (1e200, 1), (1e200, 1, 0)),
    (f.general_robust, (INF, 2), (INF, INF, 1)),
    (f.general_robust, (INF, 1), (INF, 1, 0)),
    (f.general_robust, (-INF, 1.5), (INF, -INF, 0)),
    (f.general_robust, (INF, 0), (INF, 0, 0)),
    (f.general_robust, (-INF, -2), (2, 0, 0)),
    (f.general_robust, (0, -INF), (0, 0, 1)),
    (f.general_robust, (-1, -INF), (-math.expm1(-0.5), -math.exp(-0.5), 0)),
    (f.general_robust, (1, INF), (math.expm1(0.5), math.exp(0.5), 2 * math.exp(0.5))),
    (f.general_robust, (1e-9, -INF), (5e-19, 1e-9, 1)),
    (f.general_robust, (1e200, -INF), (1, 0, 0)),
    (f.general_robust, (INF, -INF), (1, 0, 0)),
    (f.general_robust, (-INF, INF), (INF, -INF, INF)),
    (f.general_robust, (TINY, 0.5), (0, TINY, 1)),
    (f.general_robust, (NAN, 1), (NAN, NAN, NAN)),
    (f.general_robust, (1, NAN), (NAN, NAN, NAN)),
    (f.power_gap, (2, NAN), (NAN, NAN, NAN)),
    (f.student_t_tail, (0, 1, 3), (0, 0, 4 / 3)),
    (f.student_t_tail, (-2, 1, INF), (2, -2, 1)),
    (f.student_t_tail, (1e200, 1e-100, INF), (INF, INF, 1e200)),
    (f.student_t_tail, (INF, 1, 3), (INF, 0, 0)),
    (f.student_t_tail, (-INF, 1, INF), (INF, -INF, 1)),
    (f.student_t_tail, (1, INF, 3), (0, 0, 0)),
    (f.student_t_tail, (1e300, 1e-300, 4), (3000 * math.log(10) - 5 * math.log(2), 5e-300, 0)),
    (f.student_t_tail, (1e-300, 1e300, 1), (0, 0, 0)),
    (f.student_t_tail, (1, 1, 1e-300), (150 * math.log(10), 1, -1)),
    (f.student_t_tail, (1e-160, 1, 1e-300), (5e-21, 1e140, 1e300)),
    (f.student_t_tail, (NAN, 1, 3), (NAN, NAN, NAN)),
    (f.student_t_tail, (1, NAN, 3), (NAN, NAN, NAN)),
    (f.student_t_tail, (1, 1, NAN), (NAN, NAN, NAN)),
    (f.alpha_divergence_term, (0, 0, 0.3), (0, 0, 1)),
    (f.alpha_divergence_term, (-INF, 0, 0.5), (2, 0, 0)),
    (f.alpha_divergence_term, (-INF, 0, -1), (0.5, 0, 0)),
    (f.alpha_divergence_term, (-INF, 0, 0), (1, 0, 0)),
    (f.alpha_divergence_term, (-INF, 0, 1), (INF, -1, 0)),
    (f.alpha_divergence_term, (-INF, -900, 1), (0, 0, 0)),
    (f.alpha_divergence_term, (-INF, 0, 2), (INF, -INF, INF)),
    (f.alpha_divergence_term, (0, -INF, 2), (0.5, 0.5, 0.5)),
    (f.alpha_divergence_term, (0, -INF, 0.5), (2, 2, 2)),
    (f.alpha_divergence_term, (0, -INF, 0), (INF, INF, INF)),
    (f.alpha_divergence_term, (0, -INF, -1), (INF, INF, INF)),
    (f.alpha_divergence_term, (-INF, -INF, 2), (0, 0, 0)),
    (f.alpha_divergence_term, (-1000, -900, 10), (1 / 90, -0.1, 0.9)),
    (f.alpha_divergence_term, (-1000, 0, 0.5), (2, -2 * math.exp(-500), -math.exp(-500))),
    (f.alpha_divergence_term, (-1600, -800, 2), (0.5, -0.5, 0.5)),
    (f.alpha_divergence_term, (NAN, 0, 0.5), (NAN, NAN, NAN)),
    (f.alpha_divergence_term, (0, NAN, 0), (NAN, NAN, NAN)),
    (f.alpha_divergence_term, (0, 1, NAN), (NAN, NAN, NAN)),
]


@pytest.mark.parametrize("library", ["numpy", "strict"])
def test_words_at_edges(library: str) -> None:
    for function, operands, wanted in EDGES:
        arrays = tuple(np.array([float(x)]) for x in operands)
        found = value_and_derivatives(function, arrays, library)
        for which, (got, right) in enumerate(zip(found, wanted, strict=True)):
            if right is not None:
                message = f"{function.__name__}{operands}, derivative {which}"
                np.testing.assert_allclose(got, [right], rtol=1e-14, err_msg=message)


@pytest.mark.parametrize("function", [f.box_cox, f.power_gap])
@pytest.mark.parametrize("library", LIBRARIES)
def test_exponents_may_be_parameters(function: Callable[..., Any], library: str) -> None:
    """The number 0 has a formula of its own."""

    @lossary.loss
    def word_loss(inputs: Any, targets: Any, exponent: float = 1.0) -> Any:
        return function(inputs, exponent) + 0 * targets

    d = np.array([-0.75, -1e-5, 0.5, 30.0])
    given = BY_NAME[library]
    for exponent in (0, 0.5, 1, 2.5, -1):
        found = lossary.value_grad_hess(word_loss)(
            given.array(d), given.array(np.zeros(4)), exponent=exponent
        )
        right = value_and_derivatives(function, (d, np.full(4, float(exponent))), library)
        for one, other in zip(found, right, strict=True):
            assert_close(given.numpy(one), other, rtol=1e-14)


# --- powers that do not vary ------------------------------------------------------------------
def test_literal_exponents_0_and_1_are_folded() -> None:
    x = f.exp(f.class_count())
    assert repr(x**0.0) == "1.0"
    assert x**1.0 is x


@pytest.mark.parametrize("exponent", [0.0, 1.0, 2.0])
@pytest.mark.parametrize("library", ["torch", "jax", "mlx"])
def test_second_derivatives_of_powers_at_0(library: str, exponent: float) -> None:
    """The libraries' own derivative of the gradient, where exponents less 1 or 2 are 0."""

    @lossary.loss
    def power_loss(inputs: Any, targets: Any, gamma: float = 2.0) -> Any:
        return inputs**gamma * f.exp(targets)

    x, zeros = (
        BY_NAME[library].array(np.float32([0, 1, 2])),
        BY_NAME[library].array(np.float32([0] * 3)),
    )
    slope, curvature = first_and_second(
        library, lambda z: power_loss(z, zeros, gamma=exponent, reduction="sum"), x
    )
    at = np.arange(3)
    assert_close(slope, [0, 0, 0] if exponent == 0 else exponent * at ** (exponent - 1), rtol=1e-6)
    assert_close(curvature, [2, 2, 2] if exponent == 2 else [0, 0, 0], rtol=1e-6)


def first_and_second(library: str, function: Callable[..., Any], x: Any) -> tuple[Any, Any]:
    """Return first derivatives of a sum over elements, and the sums of second ones."""
    if library == "torch":
        import torch

        slope = torch.func.grad(function)
        return slope(x), torch.func.grad(lambda z: slope(z).sum())(x)
    module: Any
    if library == "jax":
        import jax as module
    else:
        import mlx.core as module
    slope = module.grad(function)
    return slope(x), module.grad(lambda z: slope(z).sum())(x)


@pytest.mark.parametrize("shift", [0.0, 300.0])
def test_a_vanishing_base_with_exponent_0_or_1(shift: float) -> None:
    """The weight of a focal loss at a logit so large that it is 0."""

    @lossary.loss
    def vanishing_loss(inputs: Any, targets: Any, gamma: float = 2.0) -> Any:
        return f.sigmoid(-inputs) ** gamma * f.softplus(-inputs + targets)

    x = np.array([-745.0 - shift, 745.0 + shift])
    zeros = np.zeros(2)
    for gamma in (0.0, 1.0):
        value, slope, curvature = lossary.value_grad_hess(vanishing_loss)(x, zeros, gamma=gamma)
        assert_close(value, [-x[0], 0], atol=1e-300)
        assert_close(slope, [-1, 0], atol=1e-300)
        assert_close(curvature, [0, 0], atol=1e-300)
