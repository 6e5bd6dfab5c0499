"""Rows of SQL queries, of DuckDB and of a database with an ADBC driver."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import lossary
from lossary.scoring import queries, query_address

ROWS = 300
MARGIN = np.random.default_rng(5).normal(size=ROWS)
LABEL = np.where(MARGIN + 0.3 > 0, 1, -1)
KIND = np.resize(["a", "b", "c"], ROWS)
LOSSES = np.maximum(0, 1 - MARGIN * LABEL)
TABLE = pa.table({"id": range(ROWS), "margin": MARGIN, "label": LABEL, "kind": KIND})
OPTIONS = ("--inputs", "margin", "--targets", "label", "--loss", "hinge_loss", "--json")


@pytest.fixture
def parquet(tmp_path: Path) -> Path:
    path = tmp_path / "p.parquet"
    pq.write_table(TABLE, path)
    return path


@pytest.fixture
def duckdb_file(tmp_path: Path) -> Path:
    """Return a DuckDB file with the predictions as a table."""
    duckdb = pytest.importorskip("duckdb")
    path = tmp_path / "p?#%.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.register("predictions", TABLE)
        connection.execute("CREATE TABLE scores AS SELECT * FROM predictions")
    return path


@pytest.fixture
def sqlite_file(tmp_path: Path) -> Path:
    """Return an SQLite file with the predictions as a table."""
    pytest.importorskip("adbc_driver_sqlite")
    path = tmp_path / "p #1.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE scores (id INT, margin REAL, label INT, kind TEXT)")
        rows = zip(range(ROWS), MARGIN.tolist(), LABEL.tolist(), KIND.tolist(), strict=True)
        connection.executemany("INSERT INTO scores VALUES (?, ?, ?, ?)", list(rows))
        connection.commit()
    return path


def mean(outcome: Any) -> float:
    assert outcome.status == 0, outcome.err
    return float(json.loads(outcome.out)["losses"][0]["mean"])


def test_duckdb_reads_files(run: Callable[..., Any], parquet: Path) -> None:
    pytest.importorskip("duckdb")
    query = f"SELECT *, kind = 'a' AS chosen\nFROM '{parquet}' ORDER BY id"
    outcome = run("score", "--query", query, "--where", "chosen", *OPTIONS)
    assert mean(outcome) == pytest.approx(LOSSES[KIND == "a"].mean())
    assert json.loads(outcome.out)["files"][0].startswith("SELECT *, kind = 'a' AS chosen FROM ")


def test_duckdb_reads_its_own_file(run: Callable[..., Any], duckdb_file: Path) -> None:
    query = "SELECT * FROM scores WHERE id < 100"
    outcome = run("score", "--query", query, "--database", duckdb_file, *OPTIONS)
    assert mean(outcome) == pytest.approx(LOSSES[:100].mean())
    assert json.loads(outcome.out)["files"] == [f"{query} [{duckdb_file}]"]


@pytest.mark.parametrize("prefix", ["sqlite:", "sqlite:///"])
def test_a_driver_reads_sqlite(run: Callable[..., Any], sqlite_file: Path, prefix: str) -> None:
    options = ("--query", "SELECT * FROM scores", "--database", f"{prefix}{sqlite_file}")
    outcome = run("score", *options, "--by", "kind", *OPTIONS)
    assert mean(outcome) == pytest.approx(LOSSES.mean())
    assert [group["by"] for group in json.loads(outcome.out)["losses"][0]["groups"]] == [
        {"kind": kind} for kind in "abc"
    ]


def test_columns_of_a_query_are_copied_with_their_types(
    run: Callable[..., Any], duckdb_file: Path, tmp_path: Path
) -> None:
    output = tmp_path / "losses.parquet"
    query = 'SELECT id, margin AS "the ""margin""", label::DECIMAL(3, 1) AS label FROM scores'
    options = ("--inputs", 'the "margin"', *OPTIONS[2:], "--output", output)
    outcome = run("score", "--query", query, "--database", duckdb_file, *options)
    assert mean(outcome) == pytest.approx(LOSSES.mean())
    written = pq.read_table(output)
    assert written.schema.types == [pa.int64(), pa.float64(), pa.decimal128(3, 1), pa.float64()]
    assert written["id"].to_pylist() == list(range(ROWS))
    assert written["hinge_loss"].to_numpy() == pytest.approx(LOSSES)


def test_numbers_of_any_precision_arrive_as_text(monkeypatch: pytest.MonkeyPatch) -> None:
    # As PostgreSQL's driver sends its type "numeric".
    kind = pa.opaque(pa.string(), "numeric", "PostgreSQL")
    weights = pa.ExtensionArray.from_storage(kind, pa.array([f"{i}.10" for i in range(ROWS)]))
    cursor = Mock()
    cursor.fetch_record_batch.return_value = TABLE.append_column("w", weights).to_reader(100)
    connection = Mock(**{"cursor.return_value": cursor})
    monkeypatch.setattr(queries, "_connected", lambda *_: connection)
    result = lossary.score(
        query_address("SELECT", "postgresql://host"),
        losses="hinge_loss",
        inputs="margin",
        targets="label",
        weights="w",
        by="w",
    )
    assert result.totals[0].combined().figures("weights")["mean"][0] == pytest.approx(
        np.average(LOSSES, weights=np.arange(ROWS) + 0.1)
    )
    assert ("7.10",) in result.groups
    connection.close.assert_called_once()


def test_queries_and_files_are_scored_together(
    run: Callable[..., Any], sqlite_file: Path, parquet: Path
) -> None:
    options = ("--database", f"sqlite:{sqlite_file}", "--query", "SELECT * FROM scores")
    more = ("--query", "SELECT * FROM scores WHERE id < 10")
    outcome = run("score", parquet, *options, *more, *OPTIONS)
    assert json.loads(outcome.out)["rows"] == 2 * ROWS + 10


@pytest.mark.parametrize("sides", ["query and file", "file and query", "queries", "one query"])
def test_queries_are_compared(
    run: Callable[..., Any], duckdb_file: Path, parquet: Path, sides: str
) -> None:
    query = "SELECT *, margin AS other FROM scores ORDER BY id"
    arguments = {
        "query and file": ("--query-a", query, parquet),
        "file and query": (parquet, "--query-b", query),
        "queries": ("--query-a", query, "--query-b", f"{query} "),
        "one query": ("--query-a", query, "--inputs-a", "margin", "--inputs-b", "other"),
    }[sides]
    key = () if sides == "one query" else ("--key", "id")
    outcome = run("compare", *arguments, "--database", duckdb_file, *key, *OPTIONS)
    assert outcome.status == 0, outcome.err
    found = json.loads(outcome.out)
    assert (found["rows"], found["losses"][0]["difference"]) == (ROWS, 0)


def test_a_query_is_a_source_in_python(duckdb_file: Path) -> None:
    source = query_address("SELECT * FROM scores", str(duckdb_file))
    result = lossary.score(source, losses="hinge_loss", inputs="margin", targets="label", workers=2)
    assert result.totals[0].figures("count")["mean"][0] == pytest.approx(LOSSES.mean())


@pytest.mark.parametrize(
    ("query", "database", "problem"),
    [
        ("SELECT * FROM nothing", "", "SELECT * FROM nothing: the query failed: Catalog Error"),
        ("SELECT", "", "SELECT: the query failed: Parser Error"),
        (" ", "", "the query has no result"),
        ("SELECT 1 AS x", "", "SELECT 1 AS x: --inputs must name a column, got 'margin'"),
        ("SELECT 1", "nothing.duckdb", "SELECT 1 [nothing.duckdb]: the query failed: IO Error"),
        ("SELECT 1", "sqlite:nothing.db", "sqlite:nothing.db: no such file"),
        ("SELECT 'x' AS margin, 1 AS label", "", "must hold numbers and not string, got 'x'"),
    ],
)
def test_what_is_wrong_with_a_query_is_said(
    run: Callable[..., Any], query: str, database: str, problem: str
) -> None:
    pytest.importorskip("duckdb")
    pytest.importorskip("adbc_driver_manager")
    outcome = run("score", "--query", query, "--database", database, *OPTIONS)
    assert (outcome.status, outcome.out) == (3, "")
    assert problem in outcome.err


def test_passwords_of_databases_are_not_shown(run: Callable[..., Any]) -> None:
    pytest.importorskip("adbc_driver_manager")
    database = "unknown://me:secret@host/db?password=secret"
    outcome = run("score", "--query", "SELECT 1", "--database", database, *OPTIONS)
    assert outcome.status == 3
    assert "SELECT 1 [unknown://host/db?...]: the query failed: " in outcome.err
    assert "secret" not in outcome.err


def test_a_query_does_not_read_the_variables_of_python(run: Callable[..., Any]) -> None:
    pytest.importorskip("duckdb")
    outcome = run("score", "--query", "SELECT * FROM schema", *OPTIONS)
    assert "Table with name schema does not exist" in outcome.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("score",),
        ("score", "p.csv", "--database", "x.duckdb"),
        ("compare",),
        ("compare", "a.csv", "b.csv", "--query-a", "SELECT 1"),
        ("compare", "--query-b", "SELECT 1"),
    ],
)
def test_sources_that_do_not_fit_are_a_wrong_command(
    run: Callable[..., Any], arguments: tuple[str, ...]
) -> None:
    assert run(*arguments, *OPTIONS).status == 2
