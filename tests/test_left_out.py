"""Rows in which there is nothing to lose: they are 0, and do not count in a mean."""

from __future__ import annotations

import math
import pickle
from typing import Any

import numpy as np
import pytest
from assertions import assert_close
from libraries import ANYWHERE, BY_NAME, Library

import lossary
from lossary.formula import sum_over_classes, where

EVERY_LIBRARY = pytest.mark.parametrize("library", ANYWHERE, ids=lambda x: x.name)
RNG = np.random.default_rng(0)
Z, TIMES = RNG.normal(size=(6, 5)), RNG.permuted(np.tile(np.arange(5.0), (6, 1)), axis=1)
EVENTS = np.float64([[1, 0, 0, 1, 0], [0] * 5, [0, 0, 1, 0, 0], [0] * 5, [1] * 5, [0] * 5])
HAS_EVENT = EVENTS.any(axis=1)
LOSS = lossary.cox_nll_loss
VALUES = np.asarray(LOSS(Z, TIMES, EVENTS))
WEIGHTS = np.array([2.0, 3.0, 0.5, 1.0, 1.5, 7.0])
CHOSEN = np.array([True, True, True, False, False, False])
ELEMENTS = np.ones(EVENTS.shape, bool)
ELEMENTS[2, 2] = False


def _given(library: Library) -> tuple[list[Any], dict[str, float]]:
    dtype = library.floats[-1]
    tolerance = {"rtol": 2e-5, "atol": 1e-6} if dtype == "float32" else {"rtol": 1e-12}
    return [library.array(x.astype(dtype)) for x in (Z, TIMES, EVENTS)], tolerance


# Dask computes with NumPy's functions, which report the infinities of masked elements.
@pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")
@EVERY_LIBRARY
def test_means(library: Library) -> None:
    arrays, tolerance = _given(library)
    mask, elements = library.array(CHOSEN), library.array(ELEMENTS)
    weights = library.array(WEIGHTS.astype(library.floats[-1]))
    masked = np.asarray(LOSS(Z, TIMES, EVENTS, where=ELEMENTS))
    weighed = (WEIGHTS * VALUES).sum()
    for _ in range(2):  # as a call is answered at first, and when it is known
        for options, expected in (
            ({}, VALUES.sum() / 3),
            ({"where": mask}, VALUES[:3].sum() / 2),
            ({"where": elements}, masked.sum() / 2),
            ({"weights": weights}, weighed / 3),
            ({"weights": weights, "denominator": "weights"}, weighed / WEIGHTS[HAS_EVENT].sum()),
            ({"denominator": 6.0}, VALUES.sum() / 6),
        ):
            found = LOSS(*arrays, reduction="mean", **options)
            assert_close(library.numpy(found), expected, **tolerance)


@EVERY_LIBRARY
def test_gradients_of_means(library: Library) -> None:
    arrays, tolerance = _given(library)
    total = lossary.grad(LOSS)(Z, TIMES, EVENTS, reduction="sum")
    for _ in range(2):
        value, gradient = lossary.value_and_grad(LOSS)(*arrays, reduction="mean")
        assert_close(library.numpy(value), VALUES.sum() / 3, **tolerance)
        assert_close(library.numpy(gradient), total / 3, **tolerance)


@EVERY_LIBRARY
def test_where_no_row_counts_a_mean_is_zero(library: Library) -> None:
    arrays, _ = _given(library)
    arrays[2] = arrays[2] * 0
    value, gradient = lossary.value_and_grad(LOSS)(*arrays, reduction="mean")
    assert float(value) == 0.0
    assert (library.numpy(gradient) == 0.0).all()


def test_the_libraries_own_derivatives() -> None:
    expected = lossary.grad(LOSS)(Z, TIMES, EVENTS, reduction="mean")
    torch = pytest.importorskip("torch")
    z, times, events = map(torch.tensor, (Z, TIMES, EVENTS))
    z.requires_grad_()
    for _ in range(2):
        z.grad = None
        LOSS(z, times, events, reduction="mean").backward()
        assert_close(z.grad.numpy(), expected, rtol=1e-12, atol=1e-15)
    jax = pytest.importorskip("jax")
    arrays = [BY_NAME["jax"].array(np.float32(x)) for x in (Z, TIMES, EVENTS)]
    slope = jax.jit(jax.grad(lambda z: LOSS(z, *arrays[1:], reduction="mean")))
    assert_close(np.asarray(slope(arrays[0])), expected, rtol=1e-4, atol=1e-6)


def test_nan_is_not_nothing() -> None:
    unknown = EVENTS.copy()
    unknown[1, 0] = math.nan
    with lossary.options(domain="ignore"):
        assert math.isnan(LOSS(Z, TIMES, unknown, reduction="mean"))


def test_summaries_count_alike() -> None:
    part = lossary.summarize(LOSS, Z, TIMES, EVENTS, weights=WEIGHTS)
    assert part.count == 3
    assert_close(part.weight, WEIGHTS[HAS_EVENT].sum(), rtol=1e-15)
    assert_close(part.mean, (WEIGHTS * VALUES).sum() / 3, rtol=1e-14)
    assert part.minimum == VALUES[HAS_EVENT].min() > 0
    both = lossary.summarize(LOSS, Z[:2], TIMES[:2], EVENTS[:2]) + lossary.summarize(
        LOSS, Z[2:], TIMES[2:], EVENTS[2:]
    )
    assert_close(both.mean, VALUES.sum() / 3, rtol=1e-14)


# --- losses of one's own ------------------------------------------------------------------------
def _observed_loss(**options: Any) -> Any:
    @lossary.loss(**options)
    def observed_loss(inputs: Any, targets: Any, seen: Any, least: float = 0.0) -> Any:
        return where(seen > least, (inputs - targets) ** 2, 0)

    return observed_loss


@EVERY_LIBRARY
def test_elements_that_do_not_count(library: Library) -> None:
    observed = _observed_loss(left_out=lambda seen, least: seen <= least)
    x, y, seen = map(library.array, np.float32([[1, 2, 4], [0, 0, 0], [1, 0, 2]]))
    for _ in range(2):
        for least, expected in ((0.0, 17 / 2), (1.0, 16.0), (3.0, 0.0)):
            found = observed(x, y, seen, least=least, reduction="mean")
            assert float(found) == expected
    assert pickle.loads(pickle.dumps(lossary.get_loss("cox_nll_loss"))).left_out is not None


def test_what_a_condition_must_be() -> None:
    with pytest.raises(ValueError, match="left_out must name targets, seen, least, got 'inputs'"):
        _observed_loss(left_out=lambda inputs: inputs < 0)
    wrong = _observed_loss(left_out=lambda seen: seen + 1)
    with pytest.raises(TypeError, match="left_out must be a condition, one for each element"):
        wrong(1.0, 2.0, 3.0, reduction="mean")

    @lossary.loss(axis=True, left_out=lambda targets: targets <= 0)
    def bad_loss(inputs: Any, targets: Any) -> Any:
        return sum_over_classes(inputs * targets)

    with pytest.raises(TypeError, match="left_out must be a condition, one for each row"):
        bad_loss([[1.0]], [[1.0]], reduction="mean")
