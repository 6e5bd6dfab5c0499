"""The threshold of sparsemax and its loss, against sorted rows in exact arithmetic."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from assertions import assert_close
from libraries import ANYWHERE, BY_NAME, Library

import lossary
from lossary.domains import CLASS_LABELS
from lossary.formula import maximum, multiclass_sparsemax, sparsemax_threshold, sum_over_classes

EPS = {"float32": 2.0**-23, "float64": 2.0**-52}


def sparse_loss() -> Any:
    @lossary.loss(targets=CLASS_LABELS)
    def sparse_loss(logits: Any, targets: Any, axis: int = -1) -> Any:
        return multiclass_sparsemax(logits, targets)

    return sparse_loss


def total_loss() -> Any:
    @lossary.loss
    def total_loss(logits: Any, targets: Any, axis: int = -1) -> Any:
        share = maximum(0, logits - sparsemax_threshold(logits))
        return sum_over_classes(share) + 0 * sum_over_classes(targets)

    return total_loss


def shares(row: np.ndarray) -> list[Fraction]:
    """Return the exact sparsemax."""
    exact = [Fraction(float(x)) for x in row]
    above = sorted(exact, reverse=True)
    while len(above) * above[-1] <= sum(above) - 1:
        above.pop()
    threshold = (sum(above) - 1) / len(above)
    return [max(Fraction(0), x - threshold) for x in exact]


def expected(row: np.ndarray, label: int) -> tuple[float, list[float], list[float]]:
    """Return the exact loss, its gradient and the diagonal of its Hessian."""
    found = shares(row)
    threshold = max(Fraction(float(x)) for x in row) - max(found)
    others = [p for k, p in enumerate(found) if k != label]
    below = max(Fraction(0), threshold - Fraction(float(row[label])))
    value = (sum(p * p for p in others) + sum(others) ** 2) / 2 + below
    slope = [float(p - (k == label)) for k, p in enumerate(found)]
    curvature = 1 - 1 / sum(p > 0 for p in found)
    return float(value), slope, [curvature if p > 0 else 0.0 for p in found]


def rows(dtype: str) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(24, 9)) * 10.0 ** rng.integers(-2, 2, (24, 1))
    logits[:8] = rng.integers(-2, 3, (8, 9)) / 4  # ties
    logits[8:12] += 1000
    return logits.astype(dtype), rng.integers(0, 9, 24)


@pytest.mark.parametrize("axis", [-1, 0])
@pytest.mark.parametrize("dtype", EPS)
@pytest.mark.parametrize("library", [BY_NAME["numpy"], BY_NAME["strict"]], ids=lambda x: x.name)
def test_loss_gradient_and_hessian(library: Library, dtype: str, axis: int) -> None:
    logits, labels = rows(dtype)
    given = logits if axis else np.ascontiguousarray(logits.T)
    value, slope, curvature = (
        library.numpy(x)
        for x in lossary.value_grad_hess(sparse_loss())(
            library.array(given), library.array(labels), axis=axis
        )
    )
    if not axis:
        slope, curvature = slope.T, curvature.T
    right = [expected(row, label) for row, label in zip(logits, labels, strict=True)]
    assert_close(value, [r[0] for r in right], rtol=8 * EPS[dtype], atol=EPS[dtype] ** 2)
    assert_close(slope, [r[1] for r in right], rtol=8 * EPS[dtype], atol=EPS[dtype])
    # A class within a rounding error of the threshold may stand on either side.
    assert_close(curvature[8:], [r[2] for r in right[8:]], rtol=8 * EPS[dtype])


@pytest.mark.parametrize("library", ANYWHERE, ids=lambda x: x.name)
def test_every_library_has_it(library: Library) -> None:
    logits, labels = rows("float32")
    found = sparse_loss()(library.array(logits), library.array(labels.astype(np.int32)))
    right = [expected(row, label)[0] for row, label in zip(logits, labels, strict=True)]
    assert_close(library.numpy(found), right, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("classes", [1, 2, 100, 20_000])
def test_steps_suffice(classes: int) -> None:
    rng = np.random.default_rng(classes)
    scales = [1e-6, 1e-2, 0.3, 3, 30]
    logits = [size * rng.normal(size=classes) for size in scales]
    logits += [-size * 10.0 ** rng.uniform(-12, 0, classes) for size in scales]
    logits += [-size * rng.uniform(size=classes) ** 8 for size in scales]
    found = total_loss()(np.stack(logits), np.zeros((15, classes)))
    assert_close(found, np.ones(15), rtol=1e-10)


def test_edges() -> None:
    inf, nan = math.inf, math.nan
    logits = np.array(
        [[0, 0], [0, -inf], [inf, 0], [-inf, inf], [nan, 0], [1, 0], [5, 4 + 2**-40], [1e300, 0]]
    )
    labels = np.array([0, 0, 0, 0, 0, 0, 0, 1])
    value, slope = lossary.value_and_grad(sparse_loss())(logits, labels, reduction="none")
    assert_close(value[:7], [0.25, 0, 0, inf, nan, 0, 2.0**-82], rtol=1e-9)
    assert_close(value[7:], [1e300])
    assert_close(slope[:4], [[-0.5, 0.5], [0, 0], [0, 0], [-1, 1]])
    assert_close(slope[7], [1, -1])


def test_printed_examples() -> None:
    logits = np.array([[2, 1.5, -1], [0.5, 0.2, 0]])
    assert_close(sparse_loss()(logits, np.array([0, 1])), [0.0625, 0.43], rtol=1e-15)
    assert_close(sparse_loss()(np.array([[1000.2, 1000, -5]]), np.array([1])), [0.36], rtol=1e-12)
