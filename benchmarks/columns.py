"""Time losses of columns beside the same formulas written with functions of the library.

    python benchmarks/columns.py                means of 10^7 rows: Polars, DuckDB, Sail
    python benchmarks/columns.py --rows 1000000

DuckDB computes columns of Ibis, beside SQL by hand; Sail computes those of PySpark. Each figure is
the shortest of several rounds in which both take turns.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any

import duckdb
import ibis
import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from pysail.spark import SparkConnectServer
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from lossary import hinge_loss, huber_loss, logistic_loss

ROUNDS = 7
LOSSES = {"hinge_loss": hinge_loss, "huber_loss": huber_loss, "logistic_loss": logistic_loss}
#: The same means as a user would write them in SQL.
SQL = {
    "hinge_loss": "avg(greatest(0, 1 - inputs * targets))",
    "huber_loss": "avg(case when abs(inputs - targets) <= 1 then 0.5 * (inputs - targets)"
    " * (inputs - targets) else abs(inputs - targets) - 0.5 end)",
    "logistic_loss": "avg(greatest(0, -inputs * targets) + ln(1 + exp(-abs(inputs * targets))))",
}
#: What a query runs with lossary's expression, and what with the one by hand.
Pair = tuple[Callable[[], Any], Callable[[], Any]]


def by_hand() -> dict[str, Any]:
    """Return for each loss the expression of Polars that a user would write."""
    inputs, targets = pl.col("inputs"), pl.col("targets")
    margin = targets * inputs
    error = inputs - targets
    size = error.abs()
    huber = pl.when(size <= 1).then(0.5 * error * error).otherwise(size - 0.5)
    logistic = (-margin).clip(lower_bound=0) + (-margin.abs()).exp().log1p()
    return {
        "hinge_loss": (1 - margin).clip(0).mean(),
        "huber_loss": huber.mean(),
        "logistic_loss": logistic.mean(),
    }


def polars_queries(table: pa.Table) -> Iterator[tuple[str, str, Pair]]:
    """Yield the queries of Polars by loss and engine."""
    frame = pl.from_arrow(table).lazy()
    for name, expression in by_hand().items():
        mean = LOSSES[name](pl.col("inputs"), pl.col("targets"), reduction="mean")
        both = frame.select(mean), frame.select(expression)
        for engine in ("in-memory", "streaming"):
            yield name, f"Polars, {engine}", tuple(_collected(q, engine) for q in both)


def _collected(query: pl.LazyFrame, engine: Any) -> Callable[[], Any]:
    return lambda: query.collect(engine=engine)


def duckdb_queries(table: pa.Table) -> Iterator[tuple[str, str, Pair]]:
    """Yield the queries of DuckDB."""
    connection = duckdb.connect()
    connection.register("given", table)
    connection.execute("create table stock as select * from given")
    stock = ibis.duckdb.from_connection(connection).table("stock")
    for name, loss in LOSSES.items():
        mean = loss(stock.inputs, stock.targets, reduction="mean")
        texts = str(ibis.to_sql(stock.aggregate(mean))), f"select {SQL[name]} from stock"
        yield name, "DuckDB", tuple(_executed(connection, text) for text in texts)


def _executed(connection: Any, text: str) -> Callable[[], Any]:
    return lambda: connection.execute(text).fetchall()


def sail_queries(path: str, session: Any) -> Iterator[tuple[str, str, Pair]]:
    """Yield the queries of Sail, which reads a file each time."""
    frame = session.read.parquet(path)
    for name, loss in LOSSES.items():
        mean = loss(F.col("inputs"), F.col("targets"), reduction="mean")
        yield name, "Sail", (frame.agg(mean).toArrow, frame.agg(F.expr(SQL[name])).toArrow)


def seconds(run: Callable[[], Any]) -> float:
    """Return how long a query takes."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def show(queries: Iterator[tuple[str, str, Pair]]) -> None:
    """Print the rows of a table."""
    for name, engine, both in queries:
        times = [[seconds(run) for run in both] for _ in range(ROUNDS)]
        best = [1e3 * min(column) for column in zip(*times, strict=True)]
        cells = " | ".join([*(f"{x:.0f}" for x in best), f"{best[0] / best[1]:.2f}"])
        print(f"| `{name}` | {engine} | {cells} |", flush=True)


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description="Time losses of columns.")
    parser.add_argument("--rows", type=int, default=10**7)
    rows = parser.parse_args().rows
    rng = np.random.default_rng(0)
    data = {"inputs": rng.normal(size=rows), "targets": rng.choice([-1.0, 1], rows)}
    table = pa.table(data)
    server = SparkConnectServer()
    server.start(background=True)
    address = f"sc://127.0.0.1:{server.listening_address[1]}"
    session = SparkSession.builder.remote(address).create()
    print(f"milliseconds for a mean of {rows} rows")
    print("| loss | engine | lossary | by hand | ratio |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/rows.parquet"
        pq.write_table(table, path)
        for queries in (polars_queries(table), duckdb_queries(table), sail_queries(path, session)):
            show(queries)
    session.stop()
    server.stop()


if __name__ == "__main__":
    main()
