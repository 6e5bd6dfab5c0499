"""Losses along an axis of lists of columns: those of NumPy's arrays, with Polars and with Ibis."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from cases import CASES, Case, every_kind

import lossary
from lossary import cross_entropy, value_and_grad

REFUSED = {"listmle_loss", "cox_nll_loss", "ensemble_crps_loss", "multilabel_margin_loss",
           "generalized_dice_loss", "lovasz_hinge_loss", "lovasz_softmax_loss",
           "label_ranking_loss"}  # fmt: skip
PLAIN = [case for case in CASES if not case.parameters and case.loss.name not in REFUSED]
EVERY_ROW = [case for case in PLAIN if case.loss.axis is not None]
ROWS = [case for case in EVERY_ROW if "sparsemax" not in case.title]
ELEMENTS = [case for case in PLAIN if case.loss.axis is None]


class _Polars:
    """A table of Polars."""

    def __init__(self, data: dict[str, Any]) -> None:
        pl = pytest.importorskip("polars")
        self.frame, self.column = pl.DataFrame(data), pl.col

    def select(self, *columns: Any) -> list[np.ndarray]:
        return [x.to_numpy() for x in self.frame.select(*columns)]


class _Ibis:
    """A table of Ibis, computed by DuckDB."""

    def __init__(self, data: dict[str, Any]) -> None:
        ibis = pytest.importorskip("ibis")
        duckdb = pytest.importorskip("duckdb")
        pa = pytest.importorskip("pyarrow")
        self.connection = ibis.duckdb.from_connection(duckdb.connect())
        self.table = ibis.memtable(pa.table({name: list(x) for name, x in data.items()}))
        self.column = self.table.__getitem__

    def select(self, *columns: Any) -> list[np.ndarray]:
        found = self.connection.to_pyarrow(self.table.select(*columns))
        return [x.to_numpy() for x in found.columns]


def _arguments(case: Case, make: type) -> tuple[Any, list[Any], list[np.ndarray]]:
    """Return a table, a case's arguments as its columns, and as arrays."""
    rows = case.loss.axis is not None
    arrays = [x if rows else np.ravel(x) for x in case.arrays]
    data: dict[str, Any] = {}
    for name, x in zip(case.loss.arguments, arrays, strict=True):
        data |= {name: x} if x.ndim == 1 else {f"{name}{k}": x[:, k] for k in range(x.shape[1])}
    table = make(data)
    columns = [
        table.column(name)
        if x.ndim == 1
        else [table.column(f"{name}{k}") for k in range(x.shape[1])]
        for name, x in zip(case.loss.arguments, arrays, strict=True)
    ]
    return table, columns, arrays


def _check(case: Case, make: type) -> None:
    table, columns, arrays = _arguments(case, make)
    function = value_and_grad(case.loss.function, case.floats[0])
    options = {"reduction": "none", **case.shape}
    value, gradient = function(*columns, **options)
    wanted = function(*arrays, **options)
    slopes = gradient if isinstance(gradient, list) else [gradient]
    found = table.select(value, *slopes)
    np.testing.assert_allclose(found[0], wanted[0], rtol=1e-12, atol=1e-14)
    there = np.stack(found[1:], -1).reshape(wanted[1].shape)
    np.testing.assert_allclose(there, wanted[1], rtol=1e-11, atol=1e-13)


@every_kind(ROWS)
def test_rows_of_polars(case: Case) -> None:
    _check(case, _Polars)


@every_kind([*ROWS, *ELEMENTS])
def test_columns_of_ibis(case: Case) -> None:
    _check(case, _Ibis)


@pytest.mark.exhaustive  # each column is compared with all others: 20 s of the queries' compilers
@pytest.mark.parametrize("make", [_Polars, _Ibis])
@pytest.mark.parametrize("case", [case for case in EVERY_ROW if case not in ROWS])
def test_sparsemax(case: Case, make: type) -> None:
    _check(case, make)


DATA = {
    "a": [0.5, -1.0, 2.0, 0.1], "b": [1.5, 0.0, -2.0, 0.2], "label": [0, 1, 1, 0],
    "weight": [1.0, 2.0, 0.5, 0.25], "taken": [True, False, True, True], "group": [0, 0, 1, 1],
}  # fmt: skip
LOGITS = np.stack([DATA["a"], DATA["b"]], -1)


@pytest.mark.parametrize("make", [_Polars, _Ibis])
@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
@pytest.mark.parametrize(
    "names", [[], ["weights"], ["where"], ["class_weights", "denominator"], ["label_smoothing"]]
)
def test_options(make: type, reduction: str, names: list[str]) -> None:
    table = make(DATA)
    known = {
        "weights": (table.column("weight"), np.array(DATA["weight"])),
        "where": (table.column("taken"), np.array(DATA["taken"])),
        "class_weights": ([0.5, 2.0], np.array([0.5, 2.0])),
        "denominator": ("weights", "weights"),
        "label_smoothing": (0.1, 0.1),
    }
    both = [{name: known[name][i] for name in names} for i in range(2)]
    logits = [table.column("a"), table.column("b")]
    function = value_and_grad(cross_entropy)
    value, slopes = function(logits, table.column("label"), reduction=reduction, **both[0])
    wanted = function(LOGITS, np.array(DATA["label"]), reduction=reduction, **both[1])
    np.testing.assert_allclose(np.unique(table.select(value)[0]), np.unique(wanted[0]), 1e-12)
    np.testing.assert_allclose(np.stack(table.select(*slopes), -1), wanted[1], rtol=1e-11)


@pytest.mark.parametrize("make", [_Polars, _Ibis])
def test_nulls_of_rows(make: type) -> None:
    table = make(DATA | {"a": [0.5, None, 2.0, 0.1]})
    call = (([table.column("a"), table.column("b")], table.column("label")), {"reduction": "sum"})
    assert np.isnan(np.float64(table.select(cross_entropy(*call[0], **call[1]))[0])).all()
    with lossary.options(nulls="skip"):
        total = cross_entropy(*call[0], **call[1])
    keep = [0, 2, 3]
    wanted = cross_entropy(LOGITS[keep], np.array(DATA["label"])[keep], reduction="sum")
    np.testing.assert_allclose(table.select(total)[0][0], wanted, rtol=1e-12)


def test_groups_and_windows_of_ibis() -> None:
    table = _Ibis(DATA)
    t = table.table
    mean = cross_entropy([t.a, t.b], t.label, reduction="mean").name("mean")
    wanted = [
        cross_entropy(LOGITS[rows], np.array(DATA["label"])[rows], reduction="mean")
        for rows in (slice(0, 2), slice(2, 4))
    ]
    grouped = table.connection.to_pyarrow(t.group_by("group").aggregate(mean).order_by("group"))
    np.testing.assert_allclose(grouped["mean"].to_numpy(), wanted, rtol=1e-12)
    (spread,) = table.select(mean.over(group_by="group"))
    np.testing.assert_allclose(np.sort(spread), np.sort(np.repeat(wanted, 2)), rtol=1e-12)


def test_columns_that_ibis_knows_not_to_fit() -> None:
    ibis = pytest.importorskip("ibis")
    table = ibis.table({"text": "string", "x": "float64"}, name="t")
    with pytest.raises(lossary.LossaryTypeError, match="inputs must hold real numbers"):
        lossary.hinge_loss(table.text, table.x)
    with pytest.raises(lossary.LossaryTypeError, match="where must be boolean"):
        lossary.hinge_loss(table.x, table.x, where=table.x)


@pytest.mark.parametrize("options", [{"nulls": "drop"}, {"nulls": 1}])
def test_unknown_treatment_of_nulls(options: Any) -> None:
    with pytest.raises(lossary.LossaryValueError, match="nulls must be 'propagate' or 'skip'"):
        lossary.options(**options)


def test_a_row_has_a_class_at_least() -> None:
    with pytest.raises(lossary.LossaryValueError, match=r"logits must be a list .* an empty list"):
        cross_entropy([], _Polars(DATA).column("label"))
