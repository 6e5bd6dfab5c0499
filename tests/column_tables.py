"""Tables of the libraries whose columns losses take, with one interface for tests."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

_GUIDE = Path(__file__).parents[1] / "docs/columns.md"


class PolarsTable:
    """A table of Polars."""

    def __init__(self, data: Mapping[str, Any], request: pytest.FixtureRequest) -> None:
        pl = pytest.importorskip("polars")
        self.frame, self.column = pl.DataFrame(data), pl.col

    def select(self, *columns: Any) -> list[np.ndarray]:
        return [x.to_numpy() for x in self.frame.select(*columns)]

    def grouped(self, value: Any) -> list[float]:
        """Return a value of each group, in their order."""
        grouped = self.frame.group_by("group").agg(value.alias("value")).sort("group")
        return grouped["value"].to_list()


class IbisTable:
    """A table of Ibis, computed by DuckDB."""

    def __init__(self, data: Mapping[str, Any], request: pytest.FixtureRequest) -> None:
        ibis = pytest.importorskip("ibis")
        duckdb = pytest.importorskip("duckdb")
        pa = pytest.importorskip("pyarrow")
        self.connection = ibis.duckdb.from_connection(duckdb.connect())
        self.table = ibis.memtable(pa.table({name: list(x) for name, x in data.items()}))
        self.column = self.table.__getitem__

    def select(self, *columns: Any) -> list[np.ndarray]:
        found = self.connection.to_pyarrow(self.table.select(*columns))
        return [x.to_numpy() for x in found.columns]

    def grouped(self, value: Any) -> list[float]:
        query = self.table.group_by("group").aggregate(value.name("value")).order_by("group")
        return self.connection.to_pyarrow(query)["value"].to_pylist()


class SparkTable:
    """A data frame of Spark Connect, computed by Sail."""

    def __init__(self, data: Mapping[str, Any], request: pytest.FixtureRequest) -> None:
        session = request.getfixturevalue("spark")
        functions = pytest.importorskip("pyspark.sql.functions")
        pa = pytest.importorskip("pyarrow")
        table = pa.table({name: list(x) for name, x in data.items()})
        self.frame, self.column = session.createDataFrame(table), functions.col

    def select(self, *columns: Any) -> list[np.ndarray]:
        return [x.to_numpy() for x in self.frame.select(*columns).toArrow().columns]

    def grouped(self, value: Any) -> list[float]:
        query = self.frame.groupBy("group").agg(value.alias("value")).orderBy("group")
        return query.toArrow()["value"].to_pylist()


TABLES = {"Polars": PolarsTable, "DuckDB": IbisTable, "Sail": SparkTable}


@cache
def accuracy() -> dict[str, tuple[float, float]]:
    """Return what the guide promises of values and gradients, by engine: relative errors."""
    text = _GUIDE.read_text(encoding="utf-8")
    found = re.findall(r"^\| (\w+)[^|]* \| ([\de.-]+) \| ([\de.-]+) \|$", text, re.MULTILINE)
    return {engine: (float(value), float(gradient)) for engine, value, gradient in found}
