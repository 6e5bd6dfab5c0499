"""Numbers in formulas fold as floating-point arithmetic says; powers are differentiated at 0."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from assertions import assert_close, assert_same_bits
from libraries import BY_NAME

import lossary
from lossary.formula import maximum, minimum
from lossary.formula.expression import argument, literal, node, number

NUMBERS = [-math.inf, -2.0, -0.5, -0.0, 0.0, 0.5, 1.0, 3.0, math.inf, math.nan]
MEANINGS: dict[str, tuple[int, Any]] = {
    "add": (2, np.add),
    "subtract": (2, np.subtract),
    "multiply": (2, np.multiply),
    "divide": (2, np.divide),
    "negative": (1, np.negative),
    "absolute": (1, np.absolute),
    "sqrt": (1, np.sqrt),
    "square_over": (2, lambda a, b: a * (a / b)),
}


@pytest.mark.parametrize("operation", MEANINGS)
def test_numbers_fold_to_what_arrays_give(operation: str) -> None:
    arity, meaning = MEANINGS[operation]
    for given in itertools.product(NUMBERS, repeat=arity):
        folded = number(node(operation, *map(literal, given)))
        with np.errstate(all="ignore"):
            expected = meaning(*map(np.float64, given))
        assert folded is not None, given
        if np.isnan(expected):
            assert math.isnan(folded), given
        else:
            assert_same_bits(np.float64(folded), expected)


def test_extremes_of_numbers_keep_nan_and_order_zeros() -> None:
    for a, b in itertools.product(NUMBERS, repeat=2):
        for word, meaning in ((maximum, max), (minimum, min)):
            folded = number(word(literal(a), literal(b)))
            assert folded is not None
            if math.isnan(a) or math.isnan(b):
                assert math.isnan(folded)
            else:
                assert folded == meaning(a, b)
    for a, b in ((0.0, -0.0), (-0.0, 0.0)):
        assert math.copysign(1, number(maximum(literal(a), literal(b)))) == 1
        assert math.copysign(1, number(minimum(literal(a), literal(b)))) == -1


def test_sign_of_numbers() -> None:
    signs = [number(node("sign", literal(x))) for x in NUMBERS]
    assert str(signs) == "[-1.0, -1.0, -1.0, -0.0, 0.0, 1.0, 1.0, 1.0, 1.0, nan]"


def test_a_choice_inside_a_choice_by_the_same_condition_is_decided() -> None:
    x, y, z = argument("x"), argument("y"), argument("z")
    inner = node("where", x < y, y, z)
    assert node("where", x < y, x, inner) is node("where", x < y, x, z)
    assert node("where", x < y, inner, x) is node("where", x < y, y, x)
    assert node("where", x < y, inner, inner) is inner


def test_a_choice_between_numbers_is_made_as_for_arrays() -> None:
    x, y = argument("x"), argument("y")
    for a, b in itertools.product(NUMBERS, repeat=2):
        for name, holds in (("less", a < b), ("less_equal", a <= b), ("equal", a == b)):
            condition = node(name, literal(a), literal(b))
            assert node("where", condition, x, y) is (x if holds else y)


def test_functions_of_numbers_are_computed_by_every_library() -> None:
    @lossary.loss
    def shifted_loss(inputs: Any, targets: Any) -> Any:
        return inputs - targets * node("exp", literal(2)) + node("power", literal(0), literal(-1))

    assert shifted_loss([1.0], [1.0]).tolist() == [math.inf]


# --- powers -----------------------------------------------------------------------------------
EXPONENTS = [0.0, 1.0, 2.0, 3.0, 0.5, 1.5, -1.0]
BASES = [0.0, -0.0, -2.0, 0.25, math.inf]


def _times(factor: Any, other: Any) -> Any:
    return np.where((factor == 0) | (other == 0), 0, factor * other)


def _cases() -> tuple[np.ndarray, np.ndarray]:
    """Return bases and exponents whose power is finite, or at an infinite base."""
    base, exponent = (x.ravel() for x in np.meshgrid(BASES, EXPONENTS))
    with np.errstate(all="ignore"):
        keep = np.isfinite(base**exponent) | np.isinf(base)
    return base[keep], exponent[keep]


@pytest.mark.parametrize("library", ["numpy", "strict"])
def test_powers_have_derivatives_at_base_zero(library: str) -> None:
    @lossary.loss
    def power_loss(inputs: Any, targets: Any) -> Any:
        return inputs**targets

    given = BY_NAME[library]
    base, exponent = _cases()
    found = lossary.value_grad_hess(power_loss)(given.array(base), given.array(exponent))
    along = lossary.grad(power_loss, 1)(given.array(base), given.array(exponent))
    with np.errstate(all="ignore"):
        expected = (
            base**exponent,
            _times(exponent, base ** (exponent - 1)),
            _times(exponent * (exponent - 1), base ** (exponent - 2)),
        )
        logarithm = np.where(base > 0, np.log(base), 0)
        expected_along = _times(base**exponent, logarithm)
    for one, other in zip(found, expected, strict=True):
        assert_close(np.asarray(one), other, rtol=1e-15)
    assert_close(np.asarray(along), expected_along, rtol=1e-15)


@pytest.mark.parametrize(
    ("exponent", "right"),
    [(0.0, [1, 0, 0]), (1.0, [0, 1, 0]), (2.0, [0, 0, 2]), (3.0, [0, 0, 0])],
)
def test_powers_by_a_number_or_a_parameter_have_them_too(
    exponent: float, right: list[float]
) -> None:
    @lossary.loss
    def power_loss(inputs: Any, targets: Any, degree: float = 2.0) -> Any:
        return inputs**degree + node("power", inputs, exponent) + 0 * targets

    found = lossary.value_grad_hess(power_loss)(np.zeros(1), np.zeros(1), degree=exponent)
    assert [x.item() for x in found] == [2 * x for x in right]


def test_a_root_of_a_distance_has_the_derivative_0_at_0() -> None:
    @lossary.loss
    def root_loss(inputs: Any, targets: Any, exponent: float = 0.5) -> Any:
        return abs(inputs - targets) ** exponent

    found = lossary.value_grad_hess(root_loss)(np.array([0.0, 4.0]), np.zeros(2))
    assert [x.tolist() for x in found] == [[0, 2], [0, 0.25], [0, -1 / 32]]


def test_decided_conditions_are_dropped() -> None:
    x = argument("x")
    open_, true, false = x < 1, node("less", 0, 1), node("less", 1, 0)
    assert (open_ & true) is open_
    assert (true & open_) is open_
    assert (open_ | false) is open_
    for condition, right in (
        (open_ & false, 0),
        (false & open_, 0),
        (open_ | true, 1),
        (~false | open_, 1),
        (~true, 0),
        (literal(1), 1),
    ):
        assert node("where", condition, 1, 0) is literal(right)


def test_bounds_of_shared_nodes_are_found_once() -> None:
    """With every path looked at, 2**2000 of them, this would not end."""
    x = argument("x")
    bounded, unbounded = node("sigmoid", x), x
    for place in range(2000):
        bounded = bounded * node("add", bounded, float(place + 1))
        unbounded = node("add", bounded, unbounded)
    assert bounded.bounded
    assert not unbounded.bounded
