"""Columns of every library beside NumPy's arrays: losses of elements, and of lists of columns."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest
from cases import CASES, Case
from column_tables import TABLES, PolarsTable, accuracy

import lossary
from lossary import cross_entropy, huber_loss, value_and_grad, value_grad_hess

pytestmark = [
    pytest.mark.filterwarnings("ignore:PySpark does not yet fully support pandas"),
    # Gradients of means count the rows of all partitions.
    pytest.mark.filterwarnings("ignore:WARN WindowExpression"),
]

REFUSED = {"listmle_loss", "cox_nll_loss", "ensemble_crps_loss", "multilabel_margin_loss",
           "generalized_dice_loss", "lovasz_hinge_loss", "lovasz_softmax_loss",
           "label_ranking_loss"}  # fmt: skip
PLAIN = [case for case in CASES if not case.parameters and case.loss.name not in REFUSED]
EVERY_ROW = [case for case in PLAIN if case.loss.axis is not None]
#: Each column is compared with all others: 20 s of the queries' compilers.
DEAR = [case for case in EVERY_ROW if "sparsemax" in case.title]
ROWS = [case for case in EVERY_ROW if case not in DEAR]
ELEMENTS = [case for case in PLAIN if case.loss.axis is None]
#: Compilers of queries take up to seconds for a loss, so ordinary runs have a few for each engine.
FEW = {
    "Polars": {"cosine_embedding_loss", "cross_entropy", "dice_loss", "ordinal_cross_entropy"},
    "DuckDB": {"binary_cross_entropy", "cross_entropy", "gaussian_nll_loss", "hinge_loss",
               "huber_loss", "log_cosh_loss", "tweedie_deviance"},
    "Sail": {"binary_cross_entropy", "gaussian_nll_loss", "hinge_loss", "huber_loss",
             "log_cosh_loss", "multiclass_brier_loss"},
}  # fmt: skip


def _each(cases: Iterable[Case], engines: Iterable[str] = TABLES) -> list[Any]:
    """Return every case with every engine, those beyond a few of it as exhaustive."""
    pairs = [(case, engine) for case in cases for engine in engines]
    return [
        pytest.param(
            case,
            engine,
            id=f"{case.title}-{engine}",
            marks=() if case.title in FEW[engine] and case not in DEAR else pytest.mark.exhaustive,
        )
        for case, engine in pairs
    ]


def _arguments(case: Case, make: Any, request: Any) -> tuple[Any, list[Any], list[np.ndarray]]:
    """Return a table, a case's arguments as its columns, and as arrays."""
    rows = case.loss.axis is not None
    arrays = [x if rows else np.ravel(x) for x in case.arrays]
    data: dict[str, Any] = {}
    for name, x in zip(case.loss.arguments, arrays, strict=True):
        data |= {name: x} if x.ndim == 1 else {f"{name}{k}": x[:, k] for k in range(x.shape[1])}
    table = make(data, request)
    columns = [
        table.column(name)
        if x.ndim == 1
        else [table.column(f"{name}{k}") for k in range(x.shape[1])]
        for name, x in zip(case.loss.arguments, arrays, strict=True)
    ]
    return table, columns, arrays


FITTING = [*_each([*ELEMENTS, *ROWS]), *_each(DEAR, ["Polars", "DuckDB"])]


@pytest.mark.parametrize(("case", "engine"), FITTING)
def test_values_and_gradients_are_as_accurate_as_stated(
    case: Case, engine: str, request: pytest.FixtureRequest
) -> None:
    table, columns, arrays = _arguments(case, TABLES[engine], request)
    function = value_and_grad(case.loss.function, case.floats[0])
    options = {"reduction": "none", **case.shape}
    value, gradient = function(*columns, **options)
    wanted = function(*arrays, **options)
    slopes = gradient if isinstance(gradient, list) else [gradient]
    found = table.select(value, *slopes)
    errors = accuracy()[engine]
    np.testing.assert_allclose(found[0], wanted[0], rtol=errors[0], atol=1e-14)
    there = np.stack(found[1:], -1).reshape(wanted[1].shape)
    np.testing.assert_allclose(there, wanted[1], rtol=errors[1], atol=1e-13)


@pytest.mark.exhaustive
@pytest.mark.parametrize("case", DEAR[:1])
def test_messages_of_spark_are_not_deep_enough(case: Case, request: pytest.FixtureRequest) -> None:
    """The guide names the one loss for which they are not."""
    error = pytest.importorskip("google.protobuf.message").DecodeError
    table, columns, _ = _arguments(case, TABLES["Sail"], request)
    _, slopes = value_and_grad(case.loss.function)(*columns, reduction="none", **case.shape)
    with pytest.raises(error, match="MaxDepth"):
        table.select(*slopes)


def test_the_guide_states_the_accuracy_of_every_engine() -> None:
    assert accuracy().keys() == TABLES.keys()
    assert max(max(errors) for errors in accuracy().values()) <= 1e-11


@pytest.mark.parametrize(
    ("case", "engine"),
    _each([c for c in ELEMENTS if len(c.arrays) <= 2], ["DuckDB", "Sail"]),
)
def test_infinities_zeros_and_nan(case: Case, engine: str, request: pytest.FixtureRequest) -> None:
    values = [0.0, -0.0, 1.0, -1.0, 0.5, np.inf, -np.inf, np.nan, -np.nan, 1e-300, 1e300, -750.0]
    arrays = [np.ravel(x) for x in np.meshgrid(*[values] * len(case.arrays))]
    table = TABLES[engine](dict(zip(case.loss.arguments, arrays, strict=True)), request)
    with lossary.options(domain="ignore"):
        wanted = case(*arrays)
    (found,) = table.select(case(*map(table.column, case.loss.arguments)))
    np.testing.assert_allclose(found, wanted, rtol=accuracy()[engine][0])


DATA = {
    "a": [0.5, -1.0, 2.0, 0.1], "b": [1.5, 0.0, -2.0, 0.2], "label": [0, 1, 1, 0],
    "weight": [1.0, 2.0, 0.5, 0.25], "taken": [True, False, True, True], "group": [0, 0, 1, 1],
}  # fmt: skip
LOGITS = np.stack([DATA["a"], DATA["b"]], -1)
A, B, WEIGHT = (np.array(DATA[name]) for name in ("a", "b", "weight"))


@pytest.fixture(params=TABLES)
def make(request: pytest.FixtureRequest) -> Any:
    """Return a function that makes a table of an engine."""
    return lambda data=DATA: TABLES[request.param](data, request)


def _options(names: Iterable[str], table: Any) -> list[dict[str, Any]]:
    known = {
        "weights": (table.column("weight"), np.array(DATA["weight"])),
        "where": (table.column("taken"), np.array(DATA["taken"])),
        "class_weights": ([0.5, 2.0], np.array([0.5, 2.0])),
        "denominator": ("weights", "weights"),
        "label_smoothing": (0.1, 0.1),
    }
    return [{name: known[name][i] for name in names} for i in range(2)]


@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
@pytest.mark.parametrize(
    "names", [[], ["weights"], ["where"], ["class_weights", "denominator"], ["label_smoothing"]]
)
def test_options_of_lists(request: pytest.FixtureRequest, reduction: str, names: list[str]) -> None:
    table = PolarsTable(DATA, request)
    both = _options(names, table)
    logits = [table.column("a"), table.column("b")]
    function = value_and_grad(cross_entropy)
    value, slopes = function(logits, table.column("label"), reduction=reduction, **both[0])
    wanted = function(LOGITS, np.array(DATA["label"]), reduction=reduction, **both[1])
    np.testing.assert_allclose(np.unique(table.select(value)[0]), np.unique(wanted[0]), 1e-12)
    np.testing.assert_allclose(np.stack(table.select(*slopes), -1), wanted[1], rtol=1e-11)


@pytest.mark.parametrize(
    ("names", "reduction"),
    [
        ([], "sum"),
        ([], "mean"),
        (["weights", "where"], "none"),
        (["weights", "where"], "mean"),
        (["weights", "where", "denominator"], "mean"),
    ],
)
def test_reductions(make: Any, names: list[str], reduction: str) -> None:
    table = make()
    both = _options(names, table)
    function = value_and_grad(huber_loss)
    value, slope = function(table.column("a"), table.column("b"), reduction=reduction, **both[0])
    wanted = function(A, B, reduction=reduction, **both[1])
    np.testing.assert_allclose(np.unique(table.select(value)[0]), np.unique(wanted[0]), 1e-12)
    np.testing.assert_allclose(table.select(slope)[0], wanted[1], rtol=1e-12)


def test_masks_and_class_weights_of_lists(make: Any) -> None:
    table = make()
    both = _options(["where", "class_weights", "denominator"], table)
    logits = [table.column("a"), table.column("b")]
    mean = cross_entropy(logits, table.column("label"), reduction="mean", **both[0])
    wanted = cross_entropy(LOGITS, np.array(DATA["label"]), reduction="mean", **both[1])
    np.testing.assert_allclose(table.select(mean)[0], wanted, rtol=1e-12)


def test_parameters_are_columns_or_numbers(make: Any) -> None:
    table = make()
    a, b, delta = map(table.column, ("a", "b", "weight"))
    found = table.select(*value_grad_hess(huber_loss)(a, b, delta=delta, reduction="none"))
    found += table.select(huber_loss(a, 0.5, delta=2.0))
    wanted = [
        *value_grad_hess(huber_loss)(A, B, delta=WEIGHT, reduction="none"),
        huber_loss(A, np.full_like(A, 0.5), delta=2.0),
    ]
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)


def test_nulls(make: Any) -> None:
    table = make(DATA | {"a": [0.5, None, 2.0, 0.1]})
    a, b = table.column("a"), table.column("b")
    function = value_and_grad(huber_loss)
    for reduction in ("none", "sum"):
        (value,), (slope,) = map(table.select, function(a, b, reduction=reduction))
        is_null = [False, True, False, False] if reduction == "none" else [True]
        assert np.unique(np.isnan(np.float64(value))).tolist() == sorted(set(is_null))
        assert np.isnan(np.float64(slope)).tolist() == [False, True, False, False]
    with lossary.options(nulls="skip"):
        mean = huber_loss(a, b, reduction="mean")
    keep = [0, 2, 3]
    wanted = huber_loss(A[keep], B[keep], reduction="mean")
    np.testing.assert_allclose(table.select(mean)[0], wanted, rtol=1e-12)
    left_out = huber_loss(a, b, reduction="mean", where=table.column("taken"))
    wanted = huber_loss(A[keep], B[keep], reduction="mean")
    np.testing.assert_allclose(table.select(left_out)[0], wanted, rtol=1e-12)


def test_nulls_of_rows(make: Any) -> None:
    table = make(DATA | {"a": [0.5, None, 2.0, 0.1]})
    call = (([table.column("a"), table.column("b")], table.column("label")), {"reduction": "sum"})
    with lossary.options(nulls="skip"):
        total = cross_entropy(*call[0], **call[1])
    (unknown,), (known,) = (table.select(x) for x in (cross_entropy(*call[0], **call[1]), total))
    keep = [0, 2, 3]
    wanted = cross_entropy(LOGITS[keep], np.array(DATA["label"])[keep], reduction="sum")
    assert np.isnan(np.float64(unknown)).all()
    np.testing.assert_allclose(known, wanted, rtol=1e-12)


def test_groups(make: Any) -> None:
    table = make()
    both = _options(["weights", "where", "denominator"], table)
    names = table.column("a"), table.column("b")
    for given, arrays in ([{}, {}], both):
        wanted = [
            huber_loss(
                A[rows], B[rows], reduction="mean",
                **{k: x if isinstance(x, str) else x[rows] for k, x in arrays.items()},
            )
            for rows in (slice(0, 2), slice(2, 4))
        ]  # fmt: skip
        found = table.grouped(huber_loss(*names, reduction="mean", **given))
        np.testing.assert_allclose(found, wanted, rtol=1e-12)


@pytest.mark.parametrize("options", [{"nulls": "drop"}, {"nulls": 1}])
def test_unknown_treatment_of_nulls(options: Any) -> None:
    with pytest.raises(lossary.LossaryValueError, match="nulls must be 'propagate' or 'skip'"):
        lossary.options(**options)


def test_a_row_has_a_class_at_least(request: pytest.FixtureRequest) -> None:
    with pytest.raises(lossary.LossaryValueError, match=r"logits must be a list .* an empty list"):
        cross_entropy([], PolarsTable(DATA, request).column("label"))
