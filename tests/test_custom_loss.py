"""Losses of one's own: five lines get everything; what cannot be traced says what to write."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from assertions import assert_close
from libraries import LIBRARIES, Library

import lossary
from lossary import formula
from lossary.formula import (
    at_label,
    is_label,
    max_over_classes,
    maximum,
    sum_over_classes,
    where,
)


@pytest.mark.parametrize("library", LIBRARIES[:6], ids=lambda x: x.name)
def test_elementwise(library: Library) -> None:
    @lossary.loss
    def squared_hinge_loss(inputs: Any, targets: Any, slope: float = 1.0) -> Any:
        return maximum(0, 1 - slope * targets * inputs) ** 2

    z = np.float32([-1.0, 0.25, 0.5, 3.0])
    given = [library.array(z), library.array(np.ones(4, np.float32))]
    expected = np.maximum(0, 1 - 2 * z) ** 2
    assert_close(library.numpy(squared_hinge_loss(*given, slope=2.0)), expected, rtol=1e-6)
    _, gradient, hessian = lossary.value_grad_hess(squared_hinge_loss)(*given, slope=2.0)
    assert_close(library.numpy(gradient), -4 * np.maximum(0, 1 - 2 * z), rtol=1e-6)
    assert_close(library.numpy(hessian), 8.0 * (1 - 2 * z > 0), rtol=1e-6)
    mask = library.array(np.array([True, False, False, True]))
    mean = squared_hinge_loss(*given, slope=2.0, reduction="mean", where=mask)
    assert float(mean) == pytest.approx(expected[[0, 3]].mean())
    assert squared_hinge_loss.__doc__.startswith("Squared hinge loss.")


@pytest.mark.parametrize("library", LIBRARIES[:6], ids=lambda x: x.name)
def test_along_an_axis(library: Library) -> None:
    from lossary.domains import CLASS_LABELS

    @lossary.loss(targets=CLASS_LABELS)
    def multiclass_squared_hinge_loss(logits: Any, targets: Any, axis: int = -1) -> Any:
        margins = 1 + logits - at_label(logits, targets)
        return sum_over_classes(where(is_label(targets), 0, maximum(0, margins) ** 2))

    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(7, 4)).astype(np.float32), rng.integers(0, 4, 7)
    margins = np.maximum(0, 1 + x - x[np.arange(7), y][:, None]) ** 2
    margins[np.arange(7), y] = 0
    given = [library.array(x), library.array(y)]
    found = multiclass_squared_hinge_loss(*given)
    assert_close(library.numpy(found), margins.sum(1), rtol=1e-5)
    gradient = library.numpy(lossary.grad(multiclass_squared_hinge_loss)(*given, reduction="sum"))
    assert_close(gradient.sum(1), np.zeros(7), atol=1e-5)
    moved = library.array(x.T.copy())
    along = multiclass_squared_hinge_loss(moved, given[1], axis=0)
    assert_close(library.numpy(along), margins.sum(1), rtol=1e-5)


def test_a_tie_between_classes_goes_to_the_first() -> None:
    @lossary.loss(axis=True)
    def highest_loss(inputs: Any) -> Any:
        return max_over_classes(inputs)

    for library in LIBRARIES[:6]:
        given = library.array(np.float32([[1, 3, 3], [2, 0, 1]]))
        gradient = lossary.grad(highest_loss)(given, reduction="sum")
        assert library.numpy(gradient).tolist() == [[0, 1, 0], [1, 0, 0]]


def _refused(body: Any) -> str:
    with pytest.raises(TypeError) as caught:
        lossary.loss(body)
    assert isinstance(caught.value, lossary.LossaryError)
    return str(caught.value)


def test_what_cannot_be_traced_says_what_to_write() -> None:
    def branches(inputs: Any, targets: Any) -> Any:
        return inputs if inputs > 0 else targets

    def converts(inputs: Any, targets: Any) -> Any:
        return float(inputs) * targets

    def uses_numpy(inputs: Any, targets: Any) -> Any:
        return np.maximum(0, np.asarray(inputs) - targets)

    def returns_nothing(inputs: Any, targets: Any) -> Any:
        return None

    def reduces_elements(inputs: Any, targets: Any) -> Any:
        return sum_over_classes(inputs * 2.0)

    def indexes(inputs: Any, targets: Any) -> Any:
        return inputs[targets]

    assert "branches: " in _refused(branches)
    assert "Use where(condition, a, b)" in _refused(branches)
    assert "float()" in _refused(converts)
    assert "lossary.formula" in _refused(uses_numpy)
    assert "must return an expression" in _refused(returns_nothing)
    assert "at_label" in _refused(indexes)
    lossary.loss(axis=True)(reduces_elements)


def test_every_word_of_a_formula_is_documented() -> None:
    for name in formula.__all__:
        assert getattr(formula, name).__doc__, name


def test_custom_losses_have_curves() -> None:
    @lossary.loss
    def cubic_loss(inputs: Any, targets: Any) -> Any:
        return abs(inputs - targets) ** 3

    from lossary.plotting import curves

    (points,) = curves([(lossary.get_loss(cubic_loss), "cubic", {})], (-2.0, 2.0))
    assert_close(points.value, np.abs(points.x) ** 3, rtol=1e-12)
    assert_close(points.slope, 3 * points.x * np.abs(points.x), rtol=1e-12)
