"""Losses of columns: expressions of Polars, whose results are those of NumPy's arrays."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from cases import CASES, Case, every, every_kind

import lossary
from lossary import (
    cross_entropy,
    grad,
    hinge_loss,
    huber_loss,
    mse_loss,
    value_and_grad,
    value_grad_hess,
)

pl = pytest.importorskip("polars")

ELEMENTWISE = [case for case in CASES if case.loss.axis is None]
PLAIN = [case for case in ELEMENTWISE if not case.parameters]
VARIANTS = [case for case in ELEMENTWISE if case.parameters]
MARGIN, LABEL, WEIGHT, TAKEN = map(pl.col, ("margin", "label", "weight", "taken"))


def _columns(case: Case) -> tuple[tuple[np.ndarray, ...], Any, list[Any]]:
    """Return a case's arguments as arrays of one axis, as a frame, and as columns."""
    arrays = tuple(np.ravel(x) for x in case.arrays)
    frame = pl.DataFrame(dict(zip(case.loss.arguments, arrays, strict=True)))
    return arrays, frame, [pl.col(name) for name in case.loss.arguments]


def _close(found: Any, wanted: Any, rtol: float = 1e-12, atol: float = 1e-14) -> None:
    np.testing.assert_allclose(found.to_numpy(), wanted, rtol=rtol, atol=atol)


@pytest.fixture
def frame() -> Any:
    rng = np.random.default_rng(3)
    return pl.DataFrame(
        {
            "margin": rng.normal(size=60),
            "label": rng.choice([-1, 1], 60),
            "weight": rng.uniform(size=60),
            "taken": rng.random(60) < 0.6,
            "group": np.arange(60) % 4,
        }
    )


def _arrays(frame: Any) -> list[np.ndarray]:
    return [frame[name].to_numpy() for name in ("margin", "label", "weight", "taken")]


@every(PLAIN)
def test_values_are_those_of_numpy(case: Case) -> None:
    arrays, frame, columns = _columns(case)
    _close(frame.select(case(*columns)).to_series(), case(*arrays))


@pytest.mark.exhaustive
@every(VARIANTS)
def test_values_of_variants_are_those_of_numpy(case: Case) -> None:
    test_values_are_those_of_numpy(case)


@every(PLAIN)
def test_derivatives_are_those_of_numpy(case: Case) -> None:
    arrays, frame, columns = _columns(case)
    number = case.floats[0]
    make = value_grad_hess if case.loss.has_hessian else value_and_grad
    function = make(case.loss.function, number)
    found = frame.lazy().select(*function(*columns, reduction="none")).collect()
    for one, wanted in zip(found, function(*arrays, reduction="none"), strict=True):
        _close(one, wanted)


@every(PLAIN)
def test_nulls_of_every_argument_are_nulls(case: Case) -> None:
    _, frame, columns = _columns(case)
    number = case.floats[0]
    for name in frame.columns:
        holes = frame.with_columns(pl.when(pl.int_range(pl.len()) > 0).then(pl.col(name)))
        slope = grad(case.loss.function, number)(*columns, reduction="none")
        found = holes.select(case(*columns), slope)
        for one in found:
            assert one.is_null().to_list() == [True] + [False] * (len(frame) - 1)


@every_kind([case for case in PLAIN if len(case.arrays) <= 2])
def test_infinities_zeros_and_nan(case: Case) -> None:
    values = [0.0, -0.0, 1.0, -1.0, 0.5, 2.0, math.inf, -math.inf, math.nan, 1e-300, 1e300, -750.0]
    arrays = [np.ravel(x) for x in np.meshgrid(*[values] * len(case.arrays))]
    frame = pl.DataFrame(dict(zip(case.loss.arguments, arrays, strict=True)))
    with lossary.options(domain="ignore"):
        wanted = case(*arrays)
    found = frame.select(case(*map(pl.col, case.loss.arguments))).to_series()
    _close(found, wanted, atol=0)


# Reductions ---------------------------------------------------------------------------------------

OPTIONS = [
    {},
    {"weights"},
    {"where"},
    {"weights", "where"},
    {"weights", "denominator"},
    {"weights", "where", "denominator"},
]


@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
@pytest.mark.parametrize("names", OPTIONS, ids=lambda names: "-".join(sorted(names)) or "plain")
@pytest.mark.parametrize("loss", [hinge_loss, huber_loss])
def test_weights_masks_and_denominators(
    frame: Any, loss: Any, names: set[str], reduction: str
) -> None:
    x, y, w, k = _arrays(frame)
    known = {"weights": (WEIGHT, w), "where": (TAKEN, k), "denominator": ("weights", "weights")}
    options = [{name: known[name][i] for name in names} for i in range(2)]
    functions = [loss, *(make(loss) for make in (grad, value_and_grad, value_grad_hess))]
    for function in functions:
        found = function(MARGIN, LABEL, reduction=reduction, **options[0])
        wanted = function(x, y, reduction=reduction, **options[1])
        several = isinstance(found, tuple)
        for one, other in zip(found, wanted, strict=True) if several else [(found, wanted)]:
            _close(frame.select(one).to_series(), other)
            _close(frame.lazy().select(one).collect(engine="streaming").to_series(), other)


@pytest.mark.parametrize("denominator", [7, 2.5, np.float64(4.0)])
def test_denominators_that_are_numbers(frame: Any, denominator: Any) -> None:
    x, y, *_ = _arrays(frame)
    found = frame.select(mse_loss(MARGIN, LABEL, "mean", denominator=denominator))
    assert found.item() == pytest.approx(mse_loss(x, y, "mean", denominator=denominator))


@pytest.mark.parametrize("loss", [hinge_loss, huber_loss, lossary.tweedie_deviance])
def test_means_of_groups(frame: Any, loss: Any) -> None:
    positive = loss is lossary.tweedie_deviance
    inputs, targets = (MARGIN.abs(), LABEL.abs()) if positive else (MARGIN, LABEL)
    options = {"weights": WEIGHT, "where": TAKEN, "denominator": "weights"}
    for given in ({}, options):
        mean = loss(inputs, targets, reduction="mean", **given)
        grouped = frame.group_by("group").agg(mean).sort("group")
        assert grouped.columns == ["group", loss.__name__]
        spread = frame.with_columns(mean.over("group"))
        for number, (_, part) in enumerate(sorted(frame.group_by("group"))):
            x, y, w, k = _arrays(part)
            x, y = (abs(x), abs(y)) if positive else (x, y)
            known = {"weights": w, "where": k, "denominator": "weights"}
            wanted = loss(x, y, reduction="mean", **{name: known[name] for name in given})
            assert grouped[loss.__name__][number] == pytest.approx(wanted, rel=1e-12)
            _close(spread.filter(pl.col("group") == number)[loss.__name__], [wanted] * len(part))


def test_gradients_of_means_of_groups(frame: Any) -> None:
    gradient = grad(huber_loss)(MARGIN, LABEL, reduction="mean", where=TAKEN)
    grouped = frame.group_by("group").agg(gradient).sort("group")
    spread = frame.with_columns(gradient.over("group").alias("gradient"))
    for number, (_, part) in enumerate(sorted(frame.group_by("group"))):
        x, y, _, k = _arrays(part)
        wanted = grad(huber_loss)(x, y, reduction="mean", where=k)
        _close(grouped["huber_loss_gradient_inputs"][number], wanted)
        _close(spread.filter(pl.col("group") == number)["gradient"], wanted)


# Arguments ----------------------------------------------------------------------------------------


def test_numbers_beside_columns(frame: Any) -> None:
    x, _, w, _ = _arrays(frame)
    delta = pl.col("weight") + 0.1
    found = frame.select(
        a=huber_loss(MARGIN, 1, weights=2.0),
        b=huber_loss(MARGIN, np.float32(0.5), delta=delta),
        c=huber_loss(0.5, MARGIN, where=True),
        d=huber_loss(0.25, 1.0, delta=delta),
        e=hinge_loss(MARGIN, 1).sum() + mse_loss(MARGIN, MARGIN.mean(), "sum"),
    )
    wide = np.full_like(x, 0.5)
    _close(found["a"], huber_loss(x, 1.0, weights=2.0))
    _close(found["b"], huber_loss(x, wide, delta=w + 0.1))
    _close(found["c"], huber_loss(wide, x))
    _close(found["d"], huber_loss(wide / 2, wide * 2, delta=w + 0.1))
    _close(found["e"], [hinge_loss(x, 1.0, "sum") + mse_loss(x, x.mean(), "sum")] * len(x))


@pytest.mark.parametrize("dtype", ["Int8", "UInt8", "Int64", "Float32", "Boolean"])
def test_columns_are_computed_in_float64(dtype: str) -> None:
    numbers = pl.Series("a", [1, 0, 1, 1]).cast(getattr(pl, dtype)).to_frame()
    found = numbers.select(mse_loss(pl.col("a"), 200.5, "none")).to_series()
    assert found.dtype == pl.Float64
    _close(found, mse_loss(np.float64([1, 0, 1, 1]), 200.5, "none"))


@pytest.mark.parametrize("dtype", ["float32", np.float32, pl.Float32])
def test_dtype_of_the_result(frame: Any, dtype: Any) -> None:
    assert frame.select(hinge_loss(MARGIN, LABEL, "mean", dtype=dtype)).dtypes == [pl.Float32]
    with pytest.raises(lossary.LossaryError, match="dtype must be a floating-point dtype"):
        hinge_loss(MARGIN, LABEL, dtype="float16")


def test_losses_of_ones_own(frame: Any) -> None:
    @lossary.loss
    def scaled_root_loss(inputs, targets, power=1.5):  # type: ignore[no-untyped-def]
        return abs(inputs - targets) ** power

    x, y, *_ = _arrays(frame)
    for power in (1.5, 2, 3.25):
        found = frame.select(scaled_root_loss(MARGIN, LABEL, power=power)).to_series()
        _close(found, scaled_root_loss(x, y, power=power))


# Nulls and NaN ------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", [hinge_loss, huber_loss])
def test_nulls_and_nan(loss: Any) -> None:
    frame = pl.DataFrame(
        {"margin": [0.5, None, float("nan"), 2.0], "label": [1.0, 1.0, 1.0, None]},
        schema_overrides={"margin": pl.Float64},
    )
    values = frame.select(loss(MARGIN, LABEL)).to_series().to_list()
    assert values[1] is None
    assert values[3] is None
    assert np.isnan(values[2])
    first = float(loss(0.5, 1.0))
    kept = frame.with_row_index().filter(pl.col("index") != 2)
    for reduction in ("mean", "sum"):
        assert kept.select(loss(MARGIN, LABEL, reduction=reduction)).item() is None
    assert kept.select(grad(loss)(MARGIN, LABEL, reduction="mean")).null_count().item() == 3
    with lossary.options(nulls="skip"):
        mean = loss(MARGIN, LABEL, reduction="mean")
        gradient = grad(loss)(MARGIN, LABEL, reduction="mean")
    assert kept.select(mean).item() == first
    assert kept.select(gradient).to_series().to_list() == [float(grad(loss)(0.5, 1.0)), None, None]


@pytest.mark.parametrize("loss", [hinge_loss, huber_loss])
def test_masked_elements_add_nothing_whatever_they_hold(loss: Any) -> None:
    frame = pl.DataFrame(
        {"margin": [0.5, None, float("nan"), -4.0, 8.0], "label": [1.0, 1.0, 1.0, None, 1.0]}
    )
    taken = pl.int_range(pl.len()) == 0
    first = float(loss(0.5, 1.0))
    found = [loss(MARGIN, LABEL, where=taken), grad(loss)(MARGIN, LABEL, where=taken)]
    for one, value in zip(found, (first, float(grad(loss)(0.5, 1.0))), strict=True):
        assert frame.select(one).to_series().to_list() == [value, 0.0, 0.0, 0.0, 0.0]
    mean = loss(MARGIN, LABEL, reduction="mean", where=taken)
    assert frame.select(mean).item() == first
    assert (
        frame.select(loss(MARGIN, LABEL, where=pl.lit(None, pl.Boolean))).null_count().item() == 5
    )


def test_means_of_nothing() -> None:
    frame = pl.DataFrame({"margin": [1.0, 2.0], "label": [3.0, 4.0], "weight": [0.0, 0.0]})
    mean = frame.select(
        a=mse_loss(MARGIN, LABEL, "mean", where=MARGIN > 5),
        b=mse_loss(MARGIN, LABEL, "mean", weights=WEIGHT, denominator="weights"),
        c=mse_loss(MARGIN, LABEL, "sum", where=False),
    )
    assert mean.row(0) == (0.0, 0.0, 0.0)
    for found in (
        mse_loss(MARGIN, LABEL, "mean"),
        value_and_grad(mse_loss)(MARGIN, LABEL, reduction="mean")[0].first(),
    ):
        assert frame.clear().select(found).to_series().to_list() in ([None], [])


# Refusals -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: cross_entropy(MARGIN, LABEL, axis=-1), "logits must be a list of columns"),
        (lambda: hinge_loss(MARGIN, np.ones(3)), "one library, got polars and numpy. Pass polars"),
        (lambda: hinge_loss(MARGIN, pl.Series([1.0])), "got polars and numpy. Pass polars.col"),
        (lambda: hinge_loss([MARGIN, MARGIN], 1.0), "Call the loss once for each column."),
        (lambda: hinge_loss(MARGIN, LABEL, "mean", denominator=WEIGHT), "denominator must be"),
        (lambda: lossary.listmle_loss([MARGIN], [LABEL]), "loss that sorts the elements"),
        (lambda: lossary.generalized_dice_loss([MARGIN], [LABEL]), "looks at all rows"),
        (lambda: cross_entropy([MARGIN, LABEL], WEIGHT, axis=2), "axis must be from -1 to 0"),
        (lambda: hinge_loss(MARGIN, LABEL, where=1.0), "where must be boolean"),
        (lambda: hinge_loss(MARGIN, "label"), "targets must be an array, a number"),
        (lambda: huber_loss(MARGIN, LABEL, delta=-1.0), "delta must be a positive number"),
    ],
)
def test_refusals(call: Any, told: str) -> None:
    with pytest.raises(lossary.LossaryError, match=told):
        call()


@pytest.mark.parametrize("values", [["1", "2"], [None, "a"]])
def test_columns_of_text_are_refused_by_polars(values: list[Any]) -> None:
    frame = pl.DataFrame({"margin": values, "label": [1.0, 1.0]})
    with pytest.raises(pl.exceptions.PolarsError, match="not allowed"):
        frame.select(hinge_loss(MARGIN, LABEL))


def test_series_are_arrays_of_numpy(frame: Any) -> None:
    x, y, *_ = _arrays(frame)
    found = mse_loss(frame["margin"], frame["label"], "none")
    assert isinstance(found, np.ndarray)
    np.testing.assert_array_equal(found, mse_loss(x, y, "none"))
