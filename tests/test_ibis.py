"""Columns of Ibis: windows, what it knows of types, and the SQL of warehouses."""

from __future__ import annotations

import numpy as np
import pytest

import lossary
from lossary import cross_entropy, grad, hinge_loss, huber_loss, log_cosh_loss, logistic_loss

ibis = pytest.importorskip("ibis")


@pytest.fixture(scope="module")
def table():
    schema = {"a": "float64", "b": "float64", "label": "int64", "delta": "float64"}
    return ibis.table(schema, name="t")


def test_windows() -> None:
    duckdb = pytest.importorskip("duckdb")
    pa = pytest.importorskip("pyarrow")
    connection = ibis.duckdb.from_connection(duckdb.connect())
    logits = np.array([[0.5, 1.5], [-1.0, 0.0], [2.0, -2.0], [0.1, 0.2]])
    labels, group = np.array([0, 1, 1, 0]), [0, 0, 1, 1]
    columns = {"a": logits[:, 0], "b": logits[:, 1], "label": labels, "group": group}
    t = ibis.memtable(pa.table(columns))
    mean = cross_entropy([t.a, t.b], t.label, reduction="mean").over(group_by="group")
    found = connection.to_pyarrow(t.select("group", mean=mean).order_by("group"))["mean"]
    wanted = [
        cross_entropy(logits[rows], labels[rows], reduction="mean")
        for rows in (slice(0, 2), slice(2, 4))
    ]
    np.testing.assert_allclose(found.to_numpy(), np.repeat(wanted, 2), rtol=1e-12)


def test_columns_that_do_not_fit() -> None:
    table = ibis.table({"text": "string", "x": "float64"}, name="t")
    with pytest.raises(lossary.LossaryTypeError, match="inputs must hold real numbers"):
        lossary.hinge_loss(table.text, table.x)
    with pytest.raises(lossary.LossaryTypeError, match="where must be boolean"):
        lossary.hinge_loss(table.x, table.x, where=table.x)


@pytest.mark.parametrize("dialect", ["bigquery", "snowflake", "postgres"])
def test_sql_of_warehouses(table, dialect: str) -> None:
    """It parses in the dialect, aggregates once, and has the columns as they are called."""
    sqlglot = pytest.importorskip("sqlglot")
    t = table
    losses = [
        hinge_loss(t.a, t.b, "mean"),
        huber_loss(t.a, t.b, delta=t.delta, reduction="mean"),
        logistic_loss(t.a, t.b, reduction="sum"),
        log_cosh_loss(t.a, t.b, reduction="mean"),
    ]
    for loss in losses:
        text = str(ibis.to_sql(t.aggregate(loss), dialect=dialect))
        (query,) = sqlglot.parse(text, dialect=dialect)
        names = {column.name.lower() for column in query.find_all(sqlglot.exp.Column)}
        assert {"a", "b"} <= names
        assert loss.get_name() in query.named_selects
    slope = grad(huber_loss)(t.a, t.b, reduction="none")
    assert sqlglot.parse(str(ibis.to_sql(t.mutate(slope), dialect=dialect)), dialect=dialect)


def test_short_formulas_need_no_lists_and_one_choice(table) -> None:
    """A logistic loss is one sum of functions, almost as a user would write it."""
    text = str(ibis.to_sql(table.select(logistic_loss(table.a, table.b)), dialect="duckdb"))
    assert "LIST_APPLY" not in text
    assert text.count("CASE") == 1
