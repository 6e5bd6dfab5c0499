"""Masks of the shape of the first argument: what they leave out takes no part in its row."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from assertions import assert_close
from cases import PLAIN, Case, every
from libraries import LIBRARIES, Library

import lossary
from lossary.formula import class_count, mean_over_classes, softplus, sum_over_classes

EVERY = pytest.mark.parametrize("library", LIBRARIES, ids=lambda x: x.name)
X = np.float64([[0.5, -1.0, 2.0, 0.1], [1.5, 0.25, -0.5, 3.0], [1.0, 2.0, 3.0, 4.0]])
P = np.float64([[0.5, 0.25, 0.0, 0.25], [0.1, 0.2, 0.3, 0.4], [0.25, 0.25, 0.25, 0.25]])
MASK = np.array([[1, 1, 0, 1], [1, 0, 0, 1], [0, 0, 0, 0]], bool)


def _kept(loss: Any, *arrays: np.ndarray, **options: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return values and gradients of rows without their masked elements; 0 for empty rows."""
    values, gradients = np.zeros(len(MASK)), np.zeros(MASK.shape)
    for i, keep in enumerate(MASK):
        if keep.any():
            row = [x[i : i + 1][:, keep] for x in arrays]
            values[i] = loss(*row, reduction="sum", **options)
            gradients[i, keep] = lossary.grad(loss)(*row, reduction="sum", **options)[0]
    return values, gradients


# Dask computes with NumPy's functions, which report the infinities of empty rows in their way.
@pytest.mark.filterwarnings("ignore:(divide by zero|invalid value) encountered:RuntimeWarning")
@EVERY
@pytest.mark.parametrize("axis", [-1, 0])
def test_rows_are_as_without_the_masked_elements(library: Library, axis: int) -> None:
    hidden = np.where(MASK, X, np.nan)
    expected, slopes = _kept(lossary.cross_entropy, X, P)
    given = [np.ascontiguousarray(np.moveaxis(x, -1, axis)) for x in (hidden, P, MASK)]
    x, p, mask = map(library.array, given)
    found = lossary.cross_entropy(x, p, axis=axis, where=mask)
    assert_close(library.numpy(found), expected, rtol=1e-6)
    value, gradient = lossary.value_and_grad(lossary.cross_entropy)(
        x, p, axis=axis, where=mask, reduction="sum"
    )
    assert_close(library.numpy(value), expected.sum(), rtol=1e-6)
    gradient = np.moveaxis(library.numpy(gradient), axis, -1)
    assert_close(gradient, slopes, rtol=1e-5, atol=1e-7)
    mean = lossary.cross_entropy(x, p, axis=axis, where=mask, reduction="mean")
    assert_close(library.numpy(mean), expected.sum() / 2, rtol=1e-6)


@every([case for case in PLAIN if case.loss.axis is not None and case.loss.length is None])
def test_a_masked_element_changes_nothing(case: Case) -> None:
    """One more element per row, which is masked and NaN, leaves every loss as it is."""
    wider = [np.pad(x, ((0, 0), (0, 1)), constant_values=np.nan) if x.ndim == 2 else x
             for x in case.arrays]  # fmt: skip
    mask = np.pad(np.ones(case.arrays[0].shape, bool), ((0, 0), (0, 1)))
    assert_close(case(*wider, where=mask), case(), rtol=1e-12)
    derive = lossary.grad(case.loss.function)
    expected = derive(*case.arrays, reduction="sum", **case.shape)
    found = derive(*wider, where=mask, reduction="sum", **case.shape)
    assert_close(found[:, :-1], expected, rtol=1e-12, atol=1e-14)
    assert (found[:, -1] == 0).all()


def test_labels_choose_among_the_elements_that_take_part() -> None:
    labels = np.array([0, 3, 0])
    found = lossary.cross_entropy(X, labels, where=MASK)
    for i in range(2):
        row = X[i][MASK[i]]
        assert_close(found[i], math.log(np.exp(row).sum()) - X[i, labels[i]], rtol=1e-13)
    assert found[2] == 0.0


def test_means_over_classes_count_the_elements_that_take_part() -> None:
    @lossary.loss(axis=True)
    def mean_softplus_loss(inputs: Any, targets: Any) -> Any:
        return mean_over_classes(softplus(inputs)) + sum_over_classes(targets) / class_count()

    expected, slopes = _kept(mean_softplus_loss, X, P)
    assert_close(mean_softplus_loss(X, P, where=MASK), expected, rtol=1e-13)
    value, gradient, hessian = lossary.value_grad_hess(mean_softplus_loss)(X, P, where=MASK)
    assert_close(value, expected, rtol=1e-13)
    assert_close(gradient, slopes, rtol=1e-13)
    assert (hessian[~MASK] == 0.0).all()


def test_masked_elements_are_not_checked() -> None:
    bad = np.where(MASK, P, 7.0)
    with lossary.options(domain="raise"):
        lossary.cross_entropy(X, bad, where=MASK)
        with pytest.raises(ValueError, match="targets must be integers"):
            lossary.cross_entropy(X, bad, where=MASK.any(axis=-1))


def test_vectors_lose_the_masked_parts() -> None:
    found = lossary.cosine_similarity_loss(X, P, axis=-1, where=MASK)
    expected, _ = _kept(lossary.cosine_similarity_loss, X, P, axis=-1)
    assert_close(found, expected, rtol=1e-13)


@EVERY
def test_derivatives_with_weights(library: Library) -> None:
    weights = np.array([2.0, 0.5, 1.0])
    logs = -abs(X), np.log(P + 0.01)
    expected, slopes = _kept(lossary.kl_div_loss, *logs)
    x, p, mask, w = map(library.array, (*logs, MASK, weights))
    options = {"where": mask, "weights": w, "reduction": "sum"}
    value, gradient = lossary.value_and_grad(lossary.kl_div_loss)(x, p, **options)
    assert_close(library.numpy(value), (weights * expected).sum(), rtol=1e-6)
    assert_close(library.numpy(gradient), weights[:, None] * slopes, rtol=1e-5, atol=1e-7)


def test_torch_differentiates_with_masks() -> None:
    torch = pytest.importorskip("torch")
    x = torch.tensor(np.where(MASK, X, np.inf), requires_grad=True)
    loss = lossary.cross_entropy(x, torch.tensor(P), where=torch.tensor(MASK), reduction="sum")
    loss.backward()
    _, slopes = _kept(lossary.cross_entropy, X, P)
    assert_close(x.grad.numpy(), slopes, rtol=1e-12)
