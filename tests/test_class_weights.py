"""Class weights: one rule for labels and probabilities, smoothed or not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from assertions import assert_close
from libraries import LIBRARIES, Library

import lossary
from lossary.domains import CLASSES_OR_PROBABILITIES
from lossary.formula import Expression, at_label, sum_over_classes

CLASS_WEIGHTS = np.array([0.5, 1.0, 2.0, 0.0])
REDUCTIONS = (("none", "count"), ("sum", "count"), ("mean", "count"), ("mean", "weights"))


def _exact(logits: Any, one_hot: Any, smoothing: float) -> tuple[Any, Any]:
    """Return the weighted losses and the elements' weights, term by term."""
    surprise = np.log(np.exp(logits).sum(-1, keepdims=True)) - logits
    smoothed = (1 - smoothing) * one_hot + smoothing / logits.shape[-1]
    return (CLASS_WEIGHTS * smoothed * surprise).sum(-1), (CLASS_WEIGHTS * one_hot).sum(-1)


def _reduced(losses: Any, weights: Any, reduction: str, denominator: str) -> Any:
    if reduction == "none":
        return losses
    divisors = {"sum": 1.0, "count": len(weights), "weights": weights.sum()}
    return losses.sum() / divisors[denominator if reduction == "mean" else reduction]


@pytest.mark.parametrize("library", LIBRARIES, ids=lambda x: x.name)
@pytest.mark.parametrize("smoothing", [0.0, 0.25, 1.0])
def test_labels_and_one_hot_targets_agree(library: Library, smoothing: float) -> None:
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(6, 4)), np.array([0, 1, -100, 2, 3, 2])
    keep = labels >= 0
    one_hot = np.eye(4)[np.where(keep, labels, 0)]
    losses, weights = _exact(logits, one_hot, smoothing)
    dtype = library.floats[-1]
    tolerance = {"rtol": 3e-5, "atol": 1e-6} if dtype == "float32" else {"rtol": 1e-12}
    z, t, w = (library.array(x.astype(dtype)) for x in (logits, one_hot, CLASS_WEIGHTS))
    y, mask = library.array(labels), library.array(keep)
    own: dict[str, Any] = {"class_weights": w, "label_smoothing": smoothing}
    for reduction, denominator in REDUCTIONS:
        options = {**own, "reduction": reduction, "denominator": denominator}
        of_labels = lossary.cross_entropy(z, y, ignore_index=-100, **options)
        of_one_hot = lossary.cross_entropy(z, t, where=mask, **options)
        expected = _reduced(losses[keep], weights[keep], reduction, denominator)
        expected = np.where(keep, losses, 0) if reduction == "none" else expected
        assert_close(library.numpy(of_labels), expected, **tolerance)
        assert_close(library.numpy(of_one_hot), expected, **tolerance)
        gradient = lossary.grad(lossary.cross_entropy)
        by_labels = gradient(z, y, ignore_index=-100, **options)
        by_one_hot = gradient(z, t, where=mask, **options)
        assert_close(library.numpy(by_labels), library.numpy(by_one_hot), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("smoothing", [0.0, 0.25, 1.0])
@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
def test_values_and_derivatives_are_those_of_pytorch(smoothing: float, reduction: Any) -> None:
    torch = pytest.importorskip("torch")
    generator = torch.Generator().manual_seed(0)
    labels = torch.tensor([0, 1, -100, 2, 3, 2])
    logits = torch.randn(6, 4, dtype=torch.float64, generator=generator)
    found, expected = (logits.clone().requires_grad_() for _ in range(2))
    weights = torch.tensor(CLASS_WEIGHTS)
    ours = lossary.cross_entropy(
        found,
        labels,
        label_smoothing=smoothing,
        class_weights=weights,
        ignore_index=-100,
        reduction=reduction,
        denominator="weights",
    )
    value = torch.nn.functional.cross_entropy(
        expected, labels, weight=weights, label_smoothing=smoothing, reduction=reduction
    )
    assert_close(ours.detach(), value.detach(), rtol=1e-12)
    ours.sum().backward()
    value.sum().backward()
    assert_close(found.grad, expected.grad, rtol=1e-11, atol=1e-15)


def test_a_formula_without_class_weights_refuses_them_beside_probabilities() -> None:
    @lossary.loss(targets=CLASSES_OR_PROBABILITIES, axis=True)
    def linear_loss(inputs: Expression, targets: Expression) -> Expression:
        if targets.operation == "label":
            return at_label(inputs, targets)
        return sum_over_classes(inputs * targets)

    inputs, weights = [[1.0, 2.0]], [3.0, 5.0]
    assert linear_loss(inputs, [1], class_weights=weights).tolist() == [10.0]
    with pytest.raises(ValueError, match=r"linear_loss: class_weights must be None with probabil"):
        linear_loss(inputs, [[0.0, 1.0]], class_weights=weights)
