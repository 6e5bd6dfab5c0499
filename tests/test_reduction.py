"""Weights, masks, denominators, class weights, ignored labels, dtypes of results."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from assertions import assert_close
from cases import PLAIN, Case, every_kind, has_turn
from hypothesis import given
from hypothesis import strategies as st
from libraries import ANYWHERE, HALVES, Library
from scipy.special import logsumexp, softmax

import lossary

EVERY_LIBRARY = pytest.mark.parametrize("library", ANYWHERE, ids=lambda x: x.name)


def _tail(case: Case) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    losses = case()
    return losses, rng.random(losses.shape), rng.random(losses.shape) > 0.4


def every_library(turn: int) -> pytest.MarkDecorator:
    """Parametrize a test over cases of each kind and libraries.

    JAX, MLX and Dask, which compile or plan each call, have the cases of a turn of two.
    """
    found = []
    for library, case in itertools.product(ANYWHERE, PLAIN):
        is_slow = library.name in {"jax", "mlx", "dask"}
        is_run = case.is_representative and (not is_slow or has_turn(case, turn, 2))
        marks = () if is_run else pytest.mark.exhaustive
        found.append(pytest.param(case, library, id=f"{library.name}-{case.title}", marks=marks))
    return pytest.mark.parametrize(("case", "library"), found)


@every_library(turn=0)
def test_weights_and_masks(case: Case, library: Library) -> None:
    losses, weights, mask = _tail(case)
    # A stratum without an event has nothing to lose.
    counted = mask & case.arrays[2].any(-1) if case.loss.name == "cox_nll_loss" else mask
    dtype = library.floats[-1]
    arrays = [x.copy() for x in case.cast(dtype)]
    for x in arrays:
        if x.dtype.kind == "f":
            x[~mask] = np.nan
    given = [library.array(x) for x in arrays]
    options = {"weights": library.array(weights.astype(dtype)), "where": library.array(mask)}
    weighted = np.where(mask, losses * weights, 0.0)
    tolerance = {"rtol": 3e-5, "atol": 1e-6} if dtype == "float32" else {"rtol": 1e-12}
    with lossary.options(domain="ignore"):
        assert_close(library.numpy(case(*given, **options)), weighted, **tolerance)
        for denominator, divisor in (
            ("count", counted.sum()),
            ("weights", weights[counted].sum()),
            (17, 17.0),
        ):
            found = case(*given, reduction="mean", denominator=denominator, **options)
            assert_close(library.numpy(found), weighted.sum() / divisor, **tolerance)
        place = case.floats[0]
        gradient = lossary.grad(case.loss.function, place)(
            *given, reduction="mean", **case.shape, **options
        )
    gradient = library.numpy(gradient)
    assert np.isfinite(gradient).all()
    assert (gradient[~mask] == 0).all()


@every_kind([c for c in PLAIN if "class_weights" in c.loss.signature.parameters])
@EVERY_LIBRARY
def test_class_weights_and_ignored_labels(case: Case, library: Library) -> None:
    rng = np.random.default_rng(2)
    class_weights = rng.random(5)
    dtype = library.floats[-1]
    given = [library.array(x) for x in case.cast(dtype)]
    options: dict[str, Any] = {"class_weights": library.array(class_weights.astype(dtype))}
    losses, weights = _class_weighted(case, class_weights)
    if case.arrays[1].ndim == 1:
        options["ignore_index"] = 2
        losses, weights = (x * (case.arrays[1] != 2) for x in (losses, weights))
    tolerance = {"rtol": 3e-5, "atol": 1e-6} if dtype == "float32" else {"rtol": 1e-12}
    assert_close(library.numpy(case(*given, **options)), losses, **tolerance)
    found = case(*given, reduction="mean", denominator="weights", **options)
    assert_close(library.numpy(found), losses.sum() / weights.sum(), **tolerance)


def _class_weighted(case: Case, class_weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return losses of which each class's term is weighted, and the weights of the rows."""
    inputs, given = case.arrays[:2]
    targets = np.eye(5)[given] if given.ndim == 1 else given
    weights = (class_weights * targets).sum(-1)
    match case.loss.name:
        case "multiclass_brier_loss":
            return (class_weights * (inputs - targets) ** 2).sum(-1), weights
        case "multilabel_soft_margin_loss":
            terms = np.logaddexp(0, inputs) - targets * inputs
            return (class_weights * terms).mean(-1), weights
        case "ranked_probability_loss" | "wasserstein_distance":
            return case() * weights, weights
    surprises = [case(inputs, np.full(len(inputs), label)) for label in range(5)]
    return (class_weights * targets * np.stack(surprises, axis=1)).sum(-1), weights


@every_library(turn=1)
def test_mean_over_nothing_is_zero(case: Case, library: Library) -> None:
    given = [library.array(x) for x in case.cast("float32")]
    losses = case()
    nothing = library.array(np.zeros(losses.shape, bool))
    zeros = library.array(np.zeros(losses.shape, np.float32))
    for options in ({"where": nothing}, {"weights": zeros, "denominator": "weights"}):
        value, gradient = lossary.value_and_grad(case.loss.function)(
            *given, reduction="mean", **case.shape, **options
        )
        assert float(value) == 0.0
        assert (library.numpy(gradient) == 0).all()


@EVERY_LIBRARY
def test_weights_that_cancel_are_no_nothing(library: Library) -> None:
    x, zeros = (library.array(np.float32(v)) for v in ([1, 2], [0, 0]))
    for signs, expected in (([-1, 1], math.inf), ([1, -1], -math.inf)):
        weights = library.array(np.float32(signs))
        mean = lossary.mse_loss(x, zeros, weights=weights, denominator="weights")
        assert float(mean) == expected


def test_dask_takes_half_precision_and_refuses_masked_arrays() -> None:
    da = pytest.importorskip("dask.array")
    x, t = (da.from_array(np.float16(v), chunks=2) for v in ([1, 2, 4], [0, 0, 0]))
    losses = lossary.l1_loss(x, t, "none")
    assert losses.dtype == np.float16
    assert losses.compute().tolist() == [1.0, 2.0, 4.0]
    assert lossary.l1_loss(x.astype(np.float32), t, dtype="float16").dtype == np.float16
    masked = da.ma.masked_array(x, mask=np.array([True, False, False]))
    with pytest.raises(TypeError, match=r"predictions must be a plain array, got a masked array"):
        lossary.l1_loss(masked, t)


@pytest.mark.parametrize("library", HALVES, ids=lambda x: x.name)
def test_half_precision(library: Library) -> None:
    zeros = library.array(np.zeros(70_000, np.float16))
    ones = library.array(np.ones(70_000, np.float16))
    mean = lossary.hinge_loss(zeros, ones, "mean")
    assert "float16" in str(mean.dtype)
    assert float(mean) == 1.0
    assert math.isinf(float(lossary.hinge_loss(zeros, ones, "sum")))
    wide = lossary.hinge_loss(zeros, ones, "sum", dtype="float32")
    assert float(wide) == 70_000.0
    large, zero = (library.array(np.full(4, value, np.float16)) for value in (300, 0))
    assert float(lossary.huber_loss(large, zero, reduction="mean")) == 299.5
    gradient = lossary.grad(lossary.hinge_loss)(zeros, ones, reduction="sum")
    assert (library.numpy(gradient) == -1).all()


def test_bfloat16_of_numpy() -> None:
    bfloat16 = pytest.importorskip("ml_dtypes").bfloat16
    x, t = np.linspace(-3, 3, 1000).astype(bfloat16), np.ones(1000, bfloat16)
    expected = np.maximum(0, 1 - x.astype(np.float32)).astype(bfloat16)
    found = lossary.hinge_loss(x, t)
    assert found.dtype == bfloat16
    assert (found == expected).all()
    assert (lossary.grad(lossary.hinge_loss)(x, t) == np.where(x < 1, -1, 0)).all()
    _, _, hessian = lossary.value_grad_hess(lossary.mse_loss)(x, t, reduction="sum")
    assert (hessian == 2).all()
    assert lossary.hinge_loss(x[0], t[0]) == expected[0]
    rows = lossary.cross_entropy(np.zeros((2, 4), bfloat16), np.array([0, 3]))
    assert (rows == np.float32(np.log(4)).astype(bfloat16)).all()
    wide = np.float32([0.5, 2.0])
    assert lossary.l1_loss(wide, wide * 0, "none", dtype="bfloat16").tolist() == [0.5, 2.0]
    mean = lossary.l1_loss(wide, wide * 0, dtype=bfloat16)
    assert (mean, mean.dtype) == (1.25, bfloat16)
    assert lossary.l1_loss(x, t.astype(np.float16)).dtype == np.float32


def test_bfloat16() -> None:
    torch = pytest.importorskip("torch")
    x = torch.linspace(-3, 3, 1000, dtype=torch.bfloat16)
    t = torch.ones_like(x)
    expected = torch.clamp(1 - x.float(), min=0).bfloat16()
    assert torch.equal(lossary.hinge_loss(x, t), expected)
    x.requires_grad_()
    lossary.hinge_loss(x, t, "sum").backward()
    assert torch.equal(x.grad, torch.where(x < 1, -1, 0).bfloat16())


# An array of Dask would have a million chunks.
@pytest.mark.parametrize("library", [x for x in ANYWHERE if x.name != "dask"], ids=lambda x: x.name)
def test_float32_sums_keep_their_digits(library: Library) -> None:
    rng = np.random.default_rng(0)
    x = rng.random(3_000_001, dtype=np.float32)
    zeros = np.zeros_like(x)
    exact = math.fsum(x.astype(np.float64)) / x.size
    found = lossary.l1_loss(library.array(x), library.array(zeros))
    assert float(found) == pytest.approx(exact, rel=1e-6)


@given(st.lists(st.integers(0, 40), max_size=4), st.integers(0, 2**32 - 1))
def test_summaries_merge(cuts: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, t = rng.normal(size=40), rng.choice([-1.0, 1.0], 40)
    weights, mask = rng.random(40), rng.random(40) > 0.5
    whole = lossary.summarize(lossary.hinge_loss, x, t, weights=weights, where=mask)
    edges = [0, *sorted(cuts), 40]
    parts = [
        lossary.summarize(lossary.hinge_loss, x[a:b], t[a:b], weights=weights[a:b], where=mask[a:b])
        for a, b in itertools.pairwise(edges)
    ]
    merged = sum(parts)
    assert merged.count == whole.count == mask.sum()
    assert merged.sum == pytest.approx(whole.sum, rel=1e-14)
    assert merged.weight == pytest.approx(weights[mask].sum(), rel=1e-14)
    assert (merged.minimum, merged.maximum) == (whole.minimum, whole.maximum)
    assert merged.weighted_mean == pytest.approx(whole.weighted_mean, rel=1e-13)


@EVERY_LIBRARY
@pytest.mark.parametrize("chosen", ["where", "weights", "ignore_index", "class_weights"])
def test_kept_calls_sum_the_denominator_of_each_call(chosen: str, library: Library) -> None:
    rng = np.random.default_rng(3)
    weights = rng.random(4)
    derive = lossary.value_and_grad(lossary.cross_entropy)
    for kept in (3, 1, 2, 2, 0, 5, 3):
        z, y, part = rng.normal(size=(5, 4)), rng.integers(1, 4, 5), np.arange(5) < kept
        y = np.where(part, y, 0)
        options: dict[str, Any] = {
            "where": {"where": library.array(part)},
            "weights": {"weights": library.array(part * 0.5), "denominator": "weights"},
            "ignore_index": {"ignore_index": 0},
            "class_weights": {
                "class_weights": library.array(np.where(np.arange(4) > 0, weights, 0)),
                "denominator": "weights",
            },
        }[chosen]
        given = library.array(z), library.array(y)
        value, gradient = derive(*given, reduction="mean", **options)
        alone = lossary.cross_entropy(*given, reduction="mean", **options)
        each = weights[y] if chosen == "class_weights" else np.ones(5)
        share = part * each / max(sum(part * each), 1e-300)
        slopes = softmax(z, axis=1) - np.eye(4)[y]
        losses = logsumexp(z, axis=1) - z[np.arange(5), y]
        assert_close(library.numpy(value), (share * losses).sum(), rtol=2e-6)
        assert_close(library.numpy(alone), (share * losses).sum(), rtol=2e-6)
        assert_close(library.numpy(gradient), share[:, None] * slopes, rtol=1e-5, atol=1e-7)
