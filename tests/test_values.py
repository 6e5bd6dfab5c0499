"""Every loss has the same values in every library; signatures and values are those of MLX."""

from __future__ import annotations

import inspect
import math

import numpy as np
import pytest
from assertions import assert_close
from cases import PLAIN, Case, every, every_kind
from libraries import ANYWHERE, LIBRARIES, Library

import lossary

EVERY_KIND = every_kind()
#: The losses of ``mlx.nn.losses``, whose interfaces are kept.
MLX_LOSSES = (
    "binary_cross_entropy", "cosine_similarity_loss", "cross_entropy", "gaussian_nll_loss",
    "hinge_loss", "huber_loss", "kl_div_loss", "l1_loss", "log_cosh_loss", "margin_ranking_loss",
    "mse_loss", "nll_loss", "smooth_l1_loss", "triplet_loss",
)  # fmt: skip
EVERY_LIBRARY = pytest.mark.parametrize("library", LIBRARIES, ids=lambda x: x.name)


@EVERY_KIND
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


@EVERY_KIND
def test_float32_beside_float64_is_widened(case: Case) -> None:
    narrow = case.cast("float32")
    wide = tuple(x.astype("float64") if x.dtype.kind == "f" else x for x in narrow)
    for place in case.floats:
        mixed = tuple(x if i == place else narrow[i] for i, x in enumerate(wide))
        expected = case(*(wide if len(case.floats) > 1 else mixed))
        assert_close(case(*mixed), expected, rtol=1e-15)
        assert case(*mixed).dtype == np.float64


def test_scalars_keep_their_dtype() -> None:
    for dtype in (np.float32, np.float64, np.float32):
        found = lossary.log_cosh_loss(dtype(0.1), dtype(0.0))
        assert found.dtype == dtype
        assert found == lossary.log_cosh_loss(np.array([0.1], dtype), np.zeros(1, dtype))[0]


@EVERY_KIND
def test_without_a_compiler_the_results_are_the_same(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = case(reduction="mean")
    from lossary.backends import host
    from lossary.bounded_cache import BoundedCache
    from lossary.registry import Loss

    monkeypatch.setattr(Loss, "calls", property(lambda _: BoundedCache(1)))
    monkeypatch.setattr(host, "has_compiler", lambda: False)
    assert_close(case(reduction="mean"), expected, rtol=1e-13)


@every_kind(PLAIN)
@pytest.mark.parametrize("kind", ["int64", "int8", "bool"])
def test_integers_are_computed_as_floats(case: Case, kind: str) -> None:
    floats = tuple(np.ones(x.shape) if x.dtype.kind == "f" else x for x in case.arrays)
    integers = tuple(x.astype(kind) if x.dtype.kind == "f" else x for x in floats)
    with lossary.options(domain="ignore"):
        expected, found = case(*floats), case(*integers)
    assert found.dtype == np.float64
    assert_close(found, expected)


@pytest.mark.parametrize("name", MLX_LOSSES)
def test_signatures_are_those_of_mlx(name: str) -> None:
    losses = pytest.importorskip("mlx.nn").losses
    theirs = list(inspect.signature(getattr(losses, name)).parameters.values())
    function = lossary.get_loss(name).function
    ours = list(inspect.signature(function).parameters.values())[: len(theirs)]
    assert [p.name for p in ours] == [p.name for p in theirs]
    assert [p.default for p in ours] == [p.default for p in theirs]
    assert all(p.kind is p.POSITIONAL_OR_KEYWORD for p in ours)


@every([case for case in PLAIN if case.loss.name in MLX_LOSSES])
@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
def test_values_are_those_of_mlx(case: Case, reduction: str) -> None:
    mx = pytest.importorskip("mlx.core")
    losses = pytest.importorskip("mlx.nn").losses
    arrays = [mx.array(x) for x in case.cast("float32")]
    theirs = getattr(losses, case.loss.name)(*arrays, reduction=reduction, **case.shape)
    ours = case(*arrays, reduction=reduction)
    assert_close(np.asarray(ours), np.asarray(theirs), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("library", ANYWHERE, ids=lambda x: x.name)
def test_small_losses_keep_their_digits(library: Library) -> None:
    one = np.float32
    exact = math.log1p(math.exp(-20))
    found = lossary.log_cosh_loss(library.array(one([1e-4])), library.array(one([0.0])))
    assert_close(library.numpy(found), [5e-9], rtol=1e-6)
    z, t = library.array(one([20.0])), library.array(one([1.0]))
    found = library.numpy(lossary.binary_cross_entropy(z, t, reduction="none"))
    assert_close(found, [exact], rtol=1e-6)
    rows = library.array(one([[0.0, 30.0, 0.0]]))
    for targets in (np.array([1]), one([[0.0, 1.0, 0.0]])):
        found = library.numpy(lossary.cross_entropy(rows, library.array(targets)))
        assert_close(found, [math.log1p(2 * math.exp(-30))], rtol=1e-5)


INF = math.inf
LIMITS = [
    ("hinge_loss", ([INF, -INF], [1.0, 1.0]), [0.0, INF]),
    ("binary_cross_entropy", ([INF, -INF, INF, -INF], [1.0, 0.0, 0.0, 1.0]), [0.0, 0.0, INF, INF]),
    ("log_cosh_loss", ([INF, -INF], [0.0, 0.0]), [INF, INF]),
    ("huber_loss", ([INF], [0.0]), [INF]),
    ("smooth_l1_loss", ([-INF], [0.0]), [INF]),
    ("mse_loss", ([INF], [0.0]), [INF]),
    ("gaussian_nll_loss", ([INF, 0.0], [0.0, 0.0], [1.0, INF]), [INF, INF]),
    ("margin_ranking_loss", ([INF, -INF], [0.0, 0.0], [1.0, 1.0]), [0.0, INF]),
    ("cross_entropy", ([[INF, 0.0], [-INF, 0.0], [0.0, -INF]], [0, 0, 0]), [0.0, INF, 0.0]),
    ("cross_entropy", ([[-INF, 0.0], [0.0, -INF]], [[0.0, 1.0], [0.5, 0.5]]), [0.0, INF]),
    ("cross_entropy", ([[INF, 0.0], [INF, 0.0]], [[1.0, 0.0], [0.5, 0.5]]), [0.0, INF]),
    ("nll_loss", ([[-INF, 0.0]], [0]), [INF]),
    ("kl_div_loss", ([[-INF, 0.0], [-INF, 0.0]], [[-INF, 0.0], [0.0, -INF]]), [0.0, INF]),
]


# Dask and array_api_strict compute with NumPy's functions, which report infinities in their way.
@pytest.mark.filterwarnings("ignore:(divide by zero|invalid value) encountered:RuntimeWarning")
@EVERY_LIBRARY
@pytest.mark.parametrize(("name", "arrays", "limits"), LIMITS, ids=[x[0] for x in LIMITS])
def test_infinities_follow_the_limit(
    library: Library, name: str, arrays: tuple[list[float], ...], limits: list[float]
) -> None:
    given = [np.array(x) for x in arrays]
    given = [library.array(x.astype(np.float32) if x.dtype.kind == "f" else x) for x in given]
    function = getattr(lossary, name)
    assert_close(library.numpy(function(*given, reduction="none")), limits)
    _, gradient, hessian = lossary.value_grad_hess(function)(*given, reduction="sum")
    for derivative in (library.numpy(gradient), library.numpy(hessian)):
        assert not np.isnan(derivative).any()


@every(PLAIN)
def test_nan_stays_where_it_is(case: Case) -> None:
    arrays = [x.copy() for x in case.arrays]
    arrays[0][1] = np.nan
    with lossary.options(domain="ignore"):
        found, before = case(*arrays), case()
    assert np.isnan(found[1]).all()
    keep = np.arange(len(found)) != 1
    assert_close(found[keep], before[keep])


@every(PLAIN)
def test_nan_in_any_argument_is_nan(case: Case) -> None:
    """A number that is none is no reason for one branch or another, nor for a place in an order."""
    depends = case() != 0  # without an event, say, nothing is compared
    for place in case.floats:
        arrays = [x.copy() for x in case.arrays]
        arrays[place][...] = np.nan
        with lossary.options(domain="ignore"):
            assert np.isnan(case(*arrays)[depends]).all(), case.loss.arguments[place]


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_nan_is_not_free_of_charge_on_a_side_that_is(share: float) -> None:
    """A price of 0 makes an infinite error on its side 0; NaN is on neither side."""
    errors = np.array([np.nan, np.inf, -np.inf])
    prices = {"pinball_loss": "quantile", "expectile_loss": "expectile",
              "quantile_huber_loss": "quantile"}  # fmt: skip
    for name, parameter in prices.items():
        found = getattr(lossary, name)(-errors, 0.0, **{parameter: share})
        expected = [np.nan, np.inf if share else 0.0, np.inf if share < 1 else 0.0]
        assert_close(found, expected, of=name)
