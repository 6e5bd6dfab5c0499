"""Every loss, library and dtype against the definition in 60 digits."""

from __future__ import annotations

import inspect
import math

import numpy as np
import pytest
from assertions import assert_close, assert_ulps
from cases import CASES, IDS, Case
from libraries import LIBRARIES, Library

import lossary

EVERY_CASE = pytest.mark.parametrize("case", CASES, ids=IDS)
EVERY_LIBRARY = pytest.mark.parametrize("library", LIBRARIES, ids=lambda x: x.name)


@EVERY_CASE
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_numpy_kernels_match_the_definition(case: Case, dtype: str) -> None:
    arrays = case.cast(dtype)
    found = case(*arrays)
    assert found.dtype == dtype
    # The triplet loss is a difference of distances: its error is in units of theirs.
    scale = 4.0 if case.loss.name == "triplet_loss" else 0.1
    assert_ulps(found, case.exact(arrays), limit=4, scale=scale)


@EVERY_CASE
@EVERY_LIBRARY
def test_libraries_agree(case: Case, library: Library) -> None:
    for dtype in library.floats:
        given = case.cast(dtype)
        arrays = [library.array(x) for x in given]
        for reduction in ("none", "mean", "sum"):
            expected = np.asarray(case(*given, reduction=reduction), dtype=np.float64)
            found = case(*arrays, reduction=reduction)
            assert type(found).__module__.split(".")[0] == type(arrays[0]).__module__.split(".")[0]
            tolerance = 2e-5 if dtype == "float32" else 1e-13
            assert_close(library.numpy(found), expected, rtol=tolerance, atol=tolerance)


@EVERY_CASE
def test_without_numba_the_results_are_the_same(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = case(reduction="mean")
    from lossary import flow
    from lossary.backends import numpy as backend
    from lossary.recipe import Book

    monkeypatch.setattr(flow, "_recipes", Book())
    monkeypatch.setattr(backend, "has_numba", lambda: False)
    assert_close(case(reduction="mean"), expected, rtol=1e-13)


@pytest.mark.parametrize("case", [c for c in CASES if not c.parameters], ids=lambda c: c.title)
@pytest.mark.parametrize("kind", ["int64", "int8", "bool"])
def test_integers_are_computed_as_floats(case: Case, kind: str) -> None:
    floats = tuple(np.ones(x.shape) if x.dtype.kind == "f" else x for x in case.arrays)
    integers = tuple(x.astype(kind) if x.dtype.kind == "f" else x for x in floats)
    with lossary.options(domain="ignore"):
        expected, found = case(*floats), case(*integers)
    assert found.dtype == np.float64
    assert_close(found, expected)


@pytest.mark.parametrize("loss", lossary.list_losses(), ids=lambda loss: loss.name)
def test_signatures_are_those_of_mlx(loss: lossary.Loss) -> None:
    losses = pytest.importorskip("mlx.nn").losses
    theirs = list(inspect.signature(getattr(losses, loss.name)).parameters.values())
    ours = list(inspect.signature(loss.function).parameters.values())[: len(theirs)]
    assert [p.name for p in ours] == [p.name for p in theirs]
    assert [p.default for p in ours] == [p.default for p in theirs]
    assert all(p.kind is p.POSITIONAL_OR_KEYWORD for p in ours)


@pytest.mark.parametrize("case", [c for c in CASES if not c.parameters], ids=lambda c: c.title)
@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
def test_values_are_those_of_mlx(case: Case, reduction: str) -> None:
    mx = pytest.importorskip("mlx.core")
    losses = pytest.importorskip("mlx.nn").losses
    arrays = [mx.array(x) for x in case.cast("float32")]
    theirs = getattr(losses, case.loss.name)(*arrays, reduction=reduction, **case.shape)
    ours = case(*arrays, reduction=reduction)
    assert_close(np.asarray(ours), np.asarray(theirs), rtol=1e-5, atol=1e-6)


def test_small_losses_keep_their_digits() -> None:
    one = np.float32
    assert_ulps(lossary.log_cosh_loss(one([1e-4]), one([0])), [5e-9], limit=4e4)
    exact = math.log1p(math.exp(-20))
    for library in LIBRARIES[:6]:
        z, t = library.array(one([20.0])), library.array(one([1.0]))
        found = library.numpy(lossary.binary_cross_entropy(z, t, reduction="none"))
        assert_close(found, [exact], rtol=1e-6)
        rows = library.array(one([[0.0, 30.0, 0.0]]))
        found = library.numpy(lossary.cross_entropy(rows, library.array(np.array([1]))))
        assert_close(found, [math.log1p(2 * math.exp(-30))], rtol=1e-5)


def test_infinities_follow_the_limit() -> None:
    inf = math.inf
    assert_close(lossary.hinge_loss([inf, -inf], [1.0, 1.0]), [0.0, inf])
    found = lossary.binary_cross_entropy([inf, -inf, inf], [1.0, 0.0, 0.0], reduction="none")
    assert_close(found, [0.0, 0.0, inf])
    assert_close(lossary.cross_entropy([[inf, 0.0], [-inf, 0.0]], [0, 0]), [0.0, inf])
    assert_close(lossary.cross_entropy([[-inf, 0.0]], [[0.0, 1.0]]), [0.0])
    assert_close(lossary.huber_loss([inf], [0.0]), [inf])


@pytest.mark.parametrize("case", [c for c in CASES if not c.parameters], ids=lambda c: c.title)
def test_nan_stays_where_it_is(case: Case) -> None:
    arrays = [x.copy() for x in case.arrays]
    arrays[0][1] = np.nan
    with lossary.options(domain="ignore"):
        found, before = case(*arrays), case()
    assert np.isnan(found[1]).all()
    keep = np.arange(len(found)) != 1
    assert_close(found[keep], before[keep])
