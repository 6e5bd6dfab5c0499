"""What a definition may declare beyond numbers and labels, on every library."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from assertions import assert_close
from libraries import LIBRARIES, Library

import lossary
from lossary.domains import MULTI_HOT, PLUS_MINUS_ONE, RANK_LABELS, REAL, Domain, Range
from lossary.formula import (
    class_index,
    logsumexp,
    maximum,
    softplus,
    sum_over_classes,
    where,
)

EVERY = pytest.mark.parametrize("library", LIBRARIES, ids=lambda x: x.name)
X = np.float64([[0.5, -1.0, 2.0], [1.5, 0.25, -0.5]])


def _rows_loss() -> Any:
    @lossary.loss(targets=PLUS_MINUS_ONE, rows=("targets",))
    def signed_peak_loss(inputs: Any, targets: Any, axis: int = -1) -> Any:
        return maximum(0, 1 - targets * logsumexp(inputs)) ** 2

    return signed_peak_loss


@EVERY
@pytest.mark.parametrize("axis", [0, 1])
def test_row_arguments(library: Library, axis: int) -> None:
    loss = _rows_loss()
    x, y = np.moveaxis(X, -1, axis), np.array([1.0, -1.0])
    peaks = np.log(np.exp(X).sum(-1))
    margins = np.maximum(0, 1 - y * peaks)
    given = [library.array(np.ascontiguousarray(x)), library.array(y)]
    assert_close(library.numpy(loss(*given, axis=axis)), margins**2, rtol=1e-6)
    value, (by_x, by_y), (second_x, second_y) = lossary.value_grad_hess(loss, argnums=(0, 1))(
        *given, axis=axis, reduction="sum"
    )
    share = np.exp(X - peaks[:, None])
    assert_close(library.numpy(value), (margins**2).sum(), rtol=1e-6)
    expected = (-2 * margins * y)[:, None] * share
    assert_close(np.moveaxis(library.numpy(by_x), axis, -1), expected, rtol=1e-5)
    assert_close(library.numpy(by_y), -2 * margins * peaks, rtol=1e-5)
    assert_close(library.numpy(second_y), 2 * peaks**2 * (margins > 0), rtol=1e-5)
    assert tuple(second_x.shape) == x.shape


def test_row_arguments_have_the_shape_of_the_unreduced_loss() -> None:
    told = (
        r"signed_peak_loss: targets must have one value per row, shape \(2,\), got shape \(2, 3\)"
    )
    with pytest.raises(ValueError, match=told):
        _rows_loss()(X, np.ones((2, 3)))


@EVERY
def test_labels_may_go_up_to_the_number_of_thresholds(library: Library) -> None:
    @lossary.loss(targets=RANK_LABELS)
    def threshold_loss(logits: Any, targets: Any, axis: int = -1) -> Any:
        return sum_over_classes(softplus(where(class_index() < targets, -logits, logits)))

    labels = np.array([0, 3])
    signs = np.where(np.arange(3) < labels[:, None], -1.0, 1.0)
    expected = np.logaddexp(0, signs * X).sum(-1)
    found = threshold_loss(library.array(X), library.array(labels))
    assert_close(library.numpy(found), expected, rtol=1e-6)
    with pytest.raises(ValueError, match=r"must be an integer from 0 to 3, got 4 at \(1,\)"):
        threshold_loss(X, np.array([0, 4]))
    assert "class_weights" not in lossary.get_loss(threshold_loss).signature.parameters
    assert "ignore_index" in lossary.get_loss(threshold_loss).signature.parameters


@EVERY
def test_a_number_may_be_left_out(library: Library) -> None:
    @lossary.loss
    def capped_loss(inputs: Any, targets: Any, cap: float | None = None) -> Any:
        size = abs(inputs - targets)
        return size if cap is None else where(size < cap, size, cap)

    x, t = library.array(np.float32([0.0, 3.0])), library.array(np.float32([1.0, 1.0]))
    assert library.numpy(capped_loss(x, t)).tolist() == [1.0, 2.0]
    assert library.numpy(capped_loss(x, t, 1.5)).tolist() == [1.0, 1.5]
    assert library.numpy(capped_loss(x, t, cap=None)).tolist() == [1.0, 2.0]
    assert library.numpy(capped_loss(x, t, cap=0.5)).tolist() == [0.5, 0.5]
    assert lossary.get_loss(capped_loss).formula_text() == "abs(inputs - targets)"


def test_parameters_after_the_star_are_passed_by_name() -> None:
    @lossary.loss
    def shifted_loss(inputs: Any, targets: Any, *, shift: float = 0.0) -> Any:
        return abs(inputs - targets - shift)

    assert shifted_loss(3.0, 1.0, "sum", shift=0.5) == 1.5
    assert list(lossary.get_loss(shifted_loss).signature.parameters)[:4] == [
        "inputs",
        "targets",
        "reduction",
        "shift",
    ]


def test_domains_may_depend_on_parameters() -> None:
    above = Domain(
        "above", "at least the floor", lambda t, floor: t >= floor, parameters=("floor",)
    )

    @lossary.loss(targets=above)
    def floored_loss(inputs: Any, targets: Any, floor: float = 0.0) -> Any:
        return abs(inputs - targets)

    with pytest.warns(lossary.DomainWarning, match=r"at least the floor, got -1.0 at \(1,\)"):
        floored_loss([0.0, 0.0], [1.0, -1.0])
    assert floored_loss([0.0, 0.0], [1.0, -1.0], floor=-2.0).tolist() == [1.0, 1.0]
    with pytest.warns(lossary.DomainWarning, match=r"got 1.0 at \(0,\) \(2 of 2 values\)"):
        floored_loss([0.0, 0.0], [1.0, -1.0], floor=2.0)


@EVERY
def test_multi_hot_targets_take_class_weights(library: Library) -> None:
    @lossary.loss(targets=MULTI_HOT)
    def multi_label_loss(
        logits: Any, targets: Any, axis: int = -1, *, class_weights: Any = None
    ) -> Any:
        terms = targets * softplus(-logits) + (1 - targets) * softplus(logits)
        return sum_over_classes(terms if class_weights is None else class_weights * terms)

    targets = np.float64([[1, 0, 1], [0, 1, 0]])
    weights = np.float64([1.0, 2.0, 0.5])
    terms = np.logaddexp(0, np.where(targets == 1, -X, X))
    given = [library.array(X), library.array(targets)]
    assert_close(library.numpy(multi_label_loss(*given)), terms.sum(-1), rtol=1e-6)
    found = multi_label_loss(*given, class_weights=library.array(weights))
    assert_close(library.numpy(found), (weights * terms).sum(-1), rtol=1e-6)


def test_an_axis_may_have_a_fixed_length() -> None:
    @lossary.loss(axis=True, length=4)
    def corners_loss(inputs: Any, targets: Any) -> Any:
        return sum_over_classes(abs(inputs - targets))

    assert corners_loss(np.zeros((2, 4)), np.ones((2, 4))).tolist() == [4.0, 4.0]
    with pytest.raises(ValueError, match=r"inputs must have 4 elements along axis 1, got shape"):
        corners_loss(np.zeros((2, 3)), np.ones((2, 3)))


def test_an_axis_may_have_a_least_length_that_depends_on_the_variant() -> None:
    told = r"inputs must have at least 2 elements along axis 1, got shape \(3, 1\)\."
    samples, outcomes = np.ones((3, 1)), np.zeros(3)
    assert lossary.ensemble_crps_loss(samples, outcomes).tolist() == [1.0, 1.0, 1.0]
    with pytest.raises(ValueError, match=told):
        lossary.ensemble_crps_loss(samples, outcomes, fair=True)
    with pytest.raises(ValueError, match=told):
        lossary.grad(lossary.ensemble_crps_loss)(samples, outcomes, fair=True, reduction="sum")


def test_a_loss_may_have_no_hessian() -> None:
    @lossary.loss(has_hessian=False)
    def plain_loss(inputs: Any, targets: Any) -> Any:
        return abs(inputs - targets)

    assert lossary.grad(plain_loss)([2.0], [1.0]).tolist() == [1.0]
    with pytest.raises(TypeError, match="value_grad_hess: loss must be a loss with a diagonal Hes"):
        lossary.value_grad_hess(plain_loss)


def test_a_range_may_hold_infinities_and_be_in_pieces() -> None:
    pieces = Range(
        "must be a number that is at most 0 or at least 1, infinities included",
        lambda p: (p <= 0) | (p >= 1),
        infinite=True,
    )

    @lossary.loss(limits={"power": pieces})
    def powered_loss(inputs: Any, targets: Any, power: float = 1.0) -> Any:
        return abs(inputs - targets) / (1 + abs(power))

    assert powered_loss(3.0, 1.0, power=math.inf) == 0.0
    assert powered_loss(3.0, 1.0, power=-1.0) == 1.0
    with pytest.raises(ValueError, match="power must be a number that is at most 0 or at least 1"):
        powered_loss(3.0, 1.0, power=0.5)
    with pytest.raises(ValueError, match="power must be a finite number"):
        _without_limits()(3.0, 1.0, power=math.inf)


def _without_limits() -> Any:
    @lossary.loss(targets=REAL)
    def limitless_loss(inputs: Any, targets: Any, power: float = 1.0) -> Any:
        return abs(inputs - targets) / (1 + abs(power))

    return limitless_loss
