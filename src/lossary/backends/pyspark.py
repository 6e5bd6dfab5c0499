"""PySpark: a loss of columns is a column, which Spark or a server of its protocol computes.

Spark's mathematics is that of SQL: a division by 0 is an error, the logarithm of 0 is null, NaN is
above all numbers, and engines that speak its protocol put some NaN below. The composites here make
of it that of IEEE 754, whatever the settings of a session.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from pyspark.sql import Column as SparkColumn
from pyspark.sql import Window
from pyspark.sql import functions as F

from lossary.backends.column_backend import ColumnBackend
from lossary.backends.column_composites import bounds
from lossary.backends.column_nodes import Column, choice, is_number, lifted, strict
from lossary.backends.column_spelling import OPERATORS, Level, ListSpelling, Parts, Spelling

#: From this magnitude on, numbers are whole; below, Spark's integers hold them.
_WHOLE = 2.0**52


def _divide(a: Column, b: Column) -> Column:
    """Return a quotient, whose divisor is replaced where it is 0; an angle has the sign of a 0."""
    least, largest = bounds(b)
    if least > 0 or largest < 0:
        return Column("quotient", a, b)
    zero = b == 0.0
    signed = Column("angle", b, lifted(-1.0)) * math.inf
    return choice(zero, a * signed, Column("quotient", a, choice(zero, 1.0, b)))


def _log(x: Column) -> Column:
    """Return a logarithm, which is minus infinity for 0 and NaN below."""
    plain = Column("logarithm", x)
    if bounds(x)[0] > 0:
        return plain
    return choice(x > 0.0, plain, choice(x == 0.0, -math.inf, x * math.nan))


def _power(a: Column, b: Column) -> Column:
    """Return a power, whose base is replaced where it is 0 and the exponent is below."""
    if bounds(a)[0] > 0 or bounds(b)[0] >= 0:
        return Column("raised", a, b)
    infinite = (a == 0.0) & (b < 0.0)
    return choice(infinite, math.inf, Column("raised", choice(infinite, 1.0, a), b))


def _floor(x: Column) -> Column:
    """Return the whole number at or below; Spark's is an integer of 64 bits."""
    return choice(Column("absolute", x) < _WHOLE, Column("integer_below", x), x)


def _compared(name: str) -> Callable[[Column, Column], Column]:
    return lambda a, b: Column(name, a, b, dtype="bool") & is_number(a)


class SparkSpelling(ListSpelling):
    """PySpark's words."""

    words: ClassVar[Mapping[str, Any]] = {
        **OPERATORS,
        "quotient": operator.truediv,
        "angle": F.atan2,
        "raised": F.pow,
        "below": operator.lt,
        "at_or_below": operator.le,
        "where": lambda condition, a, b: F.when(condition, a).otherwise(b),
        "kept": F.when,
        "absolute": F.abs,
        "sign": F.signum,
        "integer_below": lambda x: F.floor(x).cast("double"),
        "sqrt": F.sqrt,
        "exp": F.exp,
        "expm1": F.expm1,
        "logarithm": F.log,
        "tanh": F.tanh,
        "is_known": SparkColumn.isNotNull,
        "is_number": lambda x: ~F.isnan(x),
        "as_number": lambda x: x.cast("double"),
        "float32": lambda x: x.cast("float"),
        "sum": lambda x: F.coalesce(F.sum(x), F.lit(0.0)),
        "mean": F.avg,
        "all": lambda x: F.coalesce(F.bool_and(x), F.lit(True)),
    }
    composites: ClassVar[Mapping[str, Callable[..., Column]]] = {
        "divide": _divide,
        "power": _power,
        "log": _log,
        "floor": _floor,
        "less": _compared("below"),
        "less_equal": _compared("at_or_below"),
    }
    hiding: ClassVar[frozenset[str]] = frozenset({"is_number"})
    longest = 100
    # Messages of the protocol are at most 100 deep, and an operation is two.
    deepest = 16
    sharing = 12

    @property
    def beside_rows(self) -> Spelling:
        """The spelling of what all rows are reduced to, in an expression of rows: windows."""
        return _WindowSpelling()

    def number(self, value: float) -> Any:
        """Return a literal."""
        return F.lit(value)

    def named(self, x: Any, name: str) -> Any:
        """Return an expression under a name."""
        return x.alias(name)

    def record(self, fields: Mapping[str, Any]) -> Any:
        """Return a struct."""
        return F.struct(*(x.alias(name) for name, x in fields.items()))

    def listed(self, record: Any) -> Any:
        """Return a list of one struct."""
        return F.array(record)

    def part(self, level: Level, node: Column, parts: Parts) -> Any:
        """Return the expression of a node that becomes a field.

        Sail refuses a query whose fields may be null before it is simplified and not after. Where
        nothing that is null makes the node so, a condition that always holds stays one that is not
        seen through.
        """
        x = super().part(level, node, parts)
        known = parts.get(id(node))
        numbers = (parts[id(y)] for y in level.nodes if id(y) in parts and y.dtype != "bool")
        number = None if known is not None or strict(node, self.hiding) else next(numbers, None)
        if number is None:
            return x
        return F.when(number.isNull() | F.isnan(number) | (number <= math.inf), x)

    def applied(self, rows: Any, function: Any) -> Any:
        """Return the list of what a function makes of the elements of one."""
        return F.transform(rows, lambda row: function(row))


class _WindowSpelling(SparkSpelling):
    """PySpark's words for what all rows are reduced to, for each of them."""

    words: ClassVar[Mapping[str, Any]] = {
        **SparkSpelling.words,
        "sum": lambda x: F.coalesce(F.sum(x).over(Window.partitionBy()), F.lit(0.0)),
        "mean": lambda x: F.avg(x).over(Window.partitionBy()),
        "all": lambda x: F.coalesce(F.bool_and(x).over(Window.partitionBy()), F.lit(True)),
    }


class SparkBackend(ColumnBackend):
    """Columns of PySpark, of Spark Connect and of Spark in the same process."""

    name = "PySpark"
    module = "pyspark"
    columns = (SparkColumn,)
    spelled_column = "pyspark.sql.functions.col({})"
    conversion = "a column of the data frame that holds {0}"

    def number_column(self, given: Any, function: str, name: str) -> Any:
        """Return a column in float64."""
        return given.cast("double")


BACKEND = SparkBackend(SparkSpelling())
