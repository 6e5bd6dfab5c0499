"""Losses called inside formulas, and parameters that choose a formula."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from assertions import assert_close
from libraries import BY_NAME

import lossary
from lossary import cross_entropy, hinge_loss, huber_loss, l1_loss, mse_loss, nll_loss
from lossary.domains import CLASS_LABELS, CLASSES_OR_PROBABILITIES
from lossary.formula import at_label, sum_over_classes

X, Y = np.array([0.5, -3.0, 2.0]), np.array([0.25, 1.0, -1.0])


@pytest.mark.parametrize("library", ["numpy", "strict"])
def test_losses_of_elements_are_summed_in_a_formula(library: str) -> None:
    @lossary.loss
    def mixed_loss(inputs: Any, targets: Any, delta: float = 1.0, share: float = 0.5) -> Any:
        return share * huber_loss(inputs, targets, delta) + (1 - share) * l1_loss(inputs, targets)

    given = [BY_NAME[library].array(x) for x in (X, Y)]
    value, slope = lossary.value_and_grad(mixed_loss)(*given, delta=2.0, share=0.25)
    parts = [
        lossary.value_and_grad(huber_loss)(X, Y, delta=2.0),
        lossary.value_and_grad(l1_loss)(X, Y, reduction="none"),
    ]
    assert_close(np.asarray(value), 0.25 * parts[0][0] + 0.75 * parts[1][0], rtol=1e-15)
    assert_close(np.asarray(slope), 0.25 * parts[0][1] + 0.75 * parts[1][1], rtol=1e-15)


def test_losses_along_an_axis_keep_labels_probabilities_and_masks() -> None:
    @lossary.loss(targets=CLASSES_OR_PROBABILITIES)
    def penalised_loss(logits: Any, targets: Any, axis: int = -1) -> Any:
        penalty = 0.01 * sum_over_classes(mse_loss(logits, 0))
        return cross_entropy(logits, targets, label_smoothing=0.1) + penalty

    logits, labels = np.random.default_rng(0).normal(size=(4, 3)), np.array([0, 2, 1, -100])
    found = penalised_loss(logits, labels, ignore_index=-100)
    plain = cross_entropy(logits, labels, label_smoothing=0.1, ignore_index=-100)
    assert_close(found[:3], plain[:3] + 0.01 * (logits[:3] ** 2).sum(1), rtol=1e-14)
    assert found[3] == 0
    one_hot = np.eye(3)[labels[:3]]
    assert_close(penalised_loss(logits[:3], one_hot), found[:3], rtol=1e-14)
    assert_close(penalised_loss(logits[:3].T.copy(), labels[:3], axis=0), found[:3], rtol=1e-14)


def test_row_values_are_arguments_too() -> None:
    @lossary.loss(targets=CLASS_LABELS)
    def margin_loss(logits: Any, targets: Any, axis: int = -1) -> Any:
        return hinge_loss(at_label(logits, targets), 1)

    assert margin_loss([[0.25, 2.0], [0.5, -1.0]], [0, 1]).tolist() == [0.75, 2]


def test_a_loss_of_ones_own_is_called_like_any_other() -> None:
    @lossary.loss
    def inner_loss(inputs: Any, targets: Any, power: float = 2.0) -> Any:
        return abs(inputs - targets) ** power

    @lossary.loss
    def outer_loss(inputs: Any, targets: Any) -> Any:
        return 2 * inner_loss(inputs, targets, power=3.0)

    assert outer_loss([3.0], [1.0]).tolist() == [16]


OPTIONS: list[tuple[dict[str, Any], str]] = [
    ({"reduction": "mean"}, "huber_loss: reduction must be left out inside a formula, got 'mean'"),
    ({"weights": 2.0}, "huber_loss: weights must be left out inside a formula, got 2.0"),
    (
        {"weights": np.ones(3)},
        r"huber_loss: weights must be left out inside a formula, got ndarray of shape \(3,\)",
    ),
    ({"where": True}, "huber_loss: where must be left out inside a formula, got True"),
    ({"denominator": 3}, "huber_loss: denominator must be left out inside a formula, got 3"),
    ({"dtype": "float32"}, "huber_loss: dtype must be left out inside a formula, got 'float32'"),
    ({"delta": 0.0}, "huber_loss: delta must be .*, got 0.0"),
]


@pytest.mark.parametrize(("options", "message"), OPTIONS)
def test_what_belongs_to_the_whole_loss_is_refused(options: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):

        @lossary.loss
        def outer_loss(inputs: Any, targets: Any) -> Any:
            return huber_loss(inputs, targets, **options)


def test_symbols_in_the_wrong_place_are_refused() -> None:
    with pytest.raises(TypeError, match=r"with_logits must be a plain value.*got flag"):

        @lossary.loss
        def chosen_loss(inputs: Any, targets: Any, flag: float = 1.0) -> Any:
            return lossary.binary_cross_entropy(inputs, targets, with_logits=flag)

    with pytest.raises(TypeError, match="nll_loss: targets must be class labels, got targets"):

        @lossary.loss(axis=True)
        def picked_loss(inputs: Any, targets: Any) -> Any:
            return nll_loss(inputs, targets)

    with pytest.raises(TypeError, match="mse_loss: targets must not be class labels"):

        @lossary.loss(targets=CLASS_LABELS)
        def label_loss(inputs: Any, targets: Any, axis: int = -1) -> Any:
            return sum_over_classes(mse_loss(inputs, targets))

    with pytest.raises(TypeError, match="mse_loss: targets must be a symbol or a number"):

        @lossary.loss
        def array_loss(inputs: Any, targets: Any) -> Any:
            return mse_loss(inputs, X) + targets

    with pytest.raises(TypeError, match="must have a class axis to speak of classes"):

        @lossary.loss
        def flat_loss(inputs: Any, targets: Any) -> Any:
            return cross_entropy(inputs, targets)


def test_an_if_on_a_parameter_names_structure() -> None:
    def formula(inputs: Any, targets: Any, power: float = 2.0) -> Any:
        error = inputs - targets
        return abs(error) if power == 1 else error**power

    with pytest.raises(TypeError, match=r"Declare structure=\('power',\) with @loss"):
        lossary.loss(formula)
    chosen = lossary.loss(structure=("power",))(formula)
    assert chosen([3.0], [1.0], power=1).tolist() == [2]
    assert chosen([3.0], [1.0], power=3).tolist() == [8]

    with pytest.raises(TypeError, match=r"range\(\) or indexing.*structure=\('terms',\)"):

        @lossary.loss
        def series_loss(inputs: Any, targets: Any, terms: int = 3) -> Any:
            return sum((inputs - targets) ** n for n in range(terms))

    with pytest.raises(TypeError, match=r"got less\(.*\)\. Use where\(condition, a, b\)"):

        @lossary.loss
        def chosen_by_value_loss(inputs: Any, targets: Any, delta: float = 1.0) -> Any:
            return inputs if inputs > delta else targets
