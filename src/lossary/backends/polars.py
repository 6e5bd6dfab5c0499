"""Polars: a loss of columns is an expression, for queries that have not been computed yet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import polars as pl

from lossary.backends.column_backend import ColumnBackend
from lossary.backends.column_spelling import OPERATORS, Layer, Level, Spelling
from lossary.definition.request import Request
from lossary.errors import type_error

#: Before it, a part that a formula uses several times is computed as often.
_OLDEST = 2


def _choice(condition: pl.Expr, a: pl.Expr, b: pl.Expr) -> pl.Expr:
    return pl.when(condition).then(a).otherwise(b)


class PolarsSpelling(Spelling):
    """Polars' words. Shared parts are fields of a struct, to which every layer adds some."""

    words: ClassVar[Mapping[str, Any]] = {
        **OPERATORS,
        "power": pl.Expr.pow,
        "where": _choice,
        "kept": lambda condition, x: pl.when(condition).then(x),
        # A comparison with NaN is false on the left and true on the right.
        "maximum": lambda a, b: _choice(a >= b, a, b),
        "minimum": lambda a, b: -_choice(-a >= -b, -a, -b),
        "at_least": lambda x, limit: x.clip(lower_bound=limit),
        "at_most": lambda x, limit: x.clip(upper_bound=limit),
        "absolute": pl.Expr.abs,
        "sign": pl.Expr.sign,
        "floor": pl.Expr.floor,
        "sqrt": pl.Expr.sqrt,
        "exp": pl.Expr.exp,
        "log": pl.Expr.log,
        "log1p": pl.Expr.log1p,
        "tanh": pl.Expr.tanh,
        "is_known": pl.Expr.is_not_null,
        "as_number": lambda x: x.cast(pl.Float64),
        "float32": lambda x: x.cast(pl.Float32),
        "sum": pl.Expr.sum,
        "mean": pl.Expr.mean,
        "all": pl.Expr.all,
    }
    hiding: ClassVar[frozenset[str]] = frozenset({"maximum", "minimum"})

    def number(self, value: float) -> pl.Expr:
        """Return a literal."""
        return pl.lit(value, dtype=pl.Boolean if isinstance(value, bool) else pl.Float64)

    def named(self, x: pl.Expr, name: str) -> pl.Expr:
        """Return an expression under a name."""
        return x.alias(name)

    def in_layers(self, inputs: Layer, layers: list[Layer], level: Level) -> pl.Expr:
        """Return the expression of a root whose parts are fields of a struct."""
        struct = pl.struct([level.input(node).alias(name) for node, name in inputs])
        fields = {id(node): pl.field(name) for node, name in inputs}
        for layer in layers:
            added = [level.spelt(node, fields).alias(name) for node, name in layer]
            struct = struct.struct.with_fields(*added)
            fields |= {id(node): pl.field(name) for node, name in layer}
        result = level.spelt(level.root, fields).alias("result")
        return struct.struct.with_fields(result).struct.field("result")


class PolarsBackend(ColumnBackend):
    """Expressions of Polars."""

    name = "Polars"
    module = "polars"
    columns = (pl.Expr,)
    spelled_column = "polars.col({})"
    conversion = "polars.col(...) of a column that holds {0}"

    def checked_request(self, request: Request) -> Request:
        """Refuse old releases too."""
        if int(pl.__version__.partition(".")[0]) < _OLDEST:
            remedy = f"Run: pip install 'polars>={_OLDEST}'."
            requirement = f"must be of version {_OLDEST} or later"
            raise type_error(request.function, "polars", requirement, pl.__version__, remedy)
        return super().checked_request(request)

    def number_column(self, given: pl.Expr, function: str, name: str) -> pl.Expr:
        """Return a column in float64.

        A product with 1.0 converts numbers, and is refused for text and dates, which a cast takes.
        """
        return given * pl.lit(1.0, dtype=pl.Float64)


BACKEND = PolarsBackend(PolarsSpelling())
