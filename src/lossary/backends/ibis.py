"""Ibis: a loss of columns is an expression, which SQL engines compute."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from typing import Any, ClassVar

import ibis
from ibis.common.deferred import Deferred
from ibis.expr.types import Value

from lossary.backends.column_backend import ColumnBackend
from lossary.backends.column_spelling import OPERATORS, ListSpelling
from lossary.errors import type_error


def _function(name: str) -> Any:
    """Return a function of SQL that Ibis has no word for, or gives another dtype."""

    def declared(x: float) -> float:
        raise NotImplementedError

    declared.__name__ = name
    return ibis.udf.scalar.builtin(declared, signature=(("float64",), "float64"))


class IbisSpelling(ListSpelling):
    """Ibis' words."""

    words: ClassVar[Mapping[str, Any]] = {
        **OPERATORS,
        "power": operator.pow,
        "where": ibis.ifelse,
        "kept": lambda condition, x: ibis.ifelse(condition, x, ibis.null("float64")),
        # SQL's GREATEST is NaN where an operand is; LEAST is not.
        "maximum": ibis.greatest,
        "minimum": lambda a, b: -ibis.greatest(-a, -b),
        "absolute": lambda x: x.abs(),
        "floor": _function("floor"),
        "sqrt": lambda x: x.sqrt(),
        "exp": lambda x: x.exp(),
        "log": lambda x: x.ln(),
        "tanh": _function("tanh"),
        "is_known": lambda x: x.notnull(),
        "as_number": lambda x: ibis.ifelse(x, 1.0, 0.0),
        "float32": lambda x: x.cast("float32"),
        "sum": lambda x: x.sum().fill_null(0.0),
        "mean": lambda x: x.mean(),
        "all": lambda x: x.all().fill_null(True),
    }
    hiding: ClassVar[frozenset[str]] = frozenset({"maximum", "minimum", "as_number"})
    longest = 100
    sharing = 40

    def number(self, value: float) -> Any:
        """Return a literal."""
        return ibis.literal(value, "boolean" if isinstance(value, bool) else "float64")

    def named(self, x: Any, name: str) -> Any:
        """Return an expression under a name."""
        return x.name(name)

    def record(self, fields: Mapping[str, Any]) -> Any:
        """Return a struct."""
        return ibis.struct(fields)

    def listed(self, record: Any) -> Any:
        """Return a list of one struct."""
        return ibis.array([record])

    def applied(self, rows: Any, function: Any) -> Any:
        """Return the list of what a function makes of the elements of one."""
        return rows.map(function)


class IbisBackend(ColumnBackend):
    """Columns and scalars of Ibis' tables, and those of ``ibis._``, a table that is not known."""

    name = "Ibis"
    module = "ibis"
    columns = (Value, Deferred)
    spelled_column = "table[{}]"
    conversion = "a column of the table that holds {0}"

    def number_column(self, given: Any, function: str, name: str) -> Any:
        """Return a column in float64, or refuse one that holds no numbers."""
        if isinstance(given, Deferred):
            return given.cast("float64")
        dtype = given.type()
        if not (dtype.is_numeric() or dtype.is_boolean()):
            requirement = "must hold real numbers"
            raise type_error(function, name, requirement, f"a column of {dtype}")
        return given if dtype.is_float64() else given.cast("float64")

    def condition_column(self, given: Any, function: str) -> Any:
        """Return a column of conditions, or refuse another."""
        if isinstance(given, Value) and not given.type().is_boolean():
            remedy = "Pass where != 0."
            given = f"a column of {given.type()}"
            raise type_error(function, "where", "must be boolean", given, remedy)
        return given


BACKEND = IbisBackend(IbisSpelling())
