"""Polars: a loss of columns is an expression, for queries that have not been computed yet.

Expressions have neither shapes nor dtypes before they are computed, so columns are 0-d arrays here,
computed in float64. Elements that are null have a loss that is null, and are not counted in means.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any

import numpy as np
import polars as pl

from lossary.backends.base import Backend
from lossary.backends.operations import ArrayOperations
from lossary.backends.polars_nodes import Column, choice, expression, kept, leaf, leaves, lifted
from lossary.definition.computation import Computation
from lossary.definition.definition import Definition
from lossary.definition.outputs import denominator_outputs, stored
from lossary.definition.reduction import denominator
from lossary.errors import type_error
from lossary.formula.plan import Output
from lossary.formula.table import PRIMITIVES

#: Before it, a part that a formula uses several times is computed as often.
_OLDEST = 2
_DTYPES = {"float32": pl.Float32, "float64": pl.Float64}


class Functions:
    """The functions of columns that formulas are made of."""

    bool = "bool"

    def where(self, condition: Any, a: Any, b: Any) -> Any:
        """Choose by a condition."""
        return choice(condition, a, b)

    def maximum(self, a: Any, b: Any) -> Column:
        """Larger of two values, NaN if either is NaN: Polars compares it as larger than all."""
        a, b = lifted(a), lifted(b)
        if a.is_known:
            a, b = b, a
        if b.is_known:
            return Column(lambda a, b: a.clip(lower_bound=b), a, b)
        return Column(lambda a, b: pl.when(a >= b).then(a).otherwise(b), a, b, hides_nulls=True)

    def minimum(self, a: Any, b: Any) -> Column:
        """Smaller of two values, NaN if either is NaN."""
        a, b = lifted(a), lifted(b)
        if a.is_known:
            a, b = b, a
        if b.is_known:
            return Column(lambda a, b: a.clip(upper_bound=b), a, b)
        return -self.maximum(-a, -b)

    def expm1(self, x: Any) -> Column:
        """Exponential minus 1, which Polars lacks, from a hyperbolic tangent where it is small."""
        x = lifted(x)
        half = Column(pl.Expr.tanh, 0.5 * x)
        return self.where(x < 1.0, 2.0 * half / (1.0 - half), Column(pl.Expr.exp, x) - 1.0)

    def isfinite(self, x: Any) -> Column:
        """Return where values are neither infinite nor NaN."""
        return Column(pl.Expr.is_finite, lifted(x), dtype="bool")

    def __getattr__(self, name: str) -> Any:
        if name not in {"abs", "exp", "floor", "log", "log1p", "sign", "sqrt", "tanh"}:
            raise AttributeError(name)
        return lambda x: Column(lambda x: getattr(x, name)(), lifted(x))


class ColumnOperations(ArrayOperations):
    """The machine whose arrays are columns."""

    def number(self, value: float) -> Any:
        """Return a literal."""
        return lifted(value)


class PolarsBackend(Backend):
    """Expressions of Polars, of columns and Python's numbers."""

    name = "Polars"
    operations = ColumnOperations
    module = "polars"
    conversion = "polars.col(...) of a column that holds {0}"

    def check_loss(self, loss: Definition) -> None:
        """Refuse losses along an axis: a column is one number for each row."""
        if int(pl.__version__.partition(".")[0]) < _OLDEST:
            remedy = f"Run: pip install 'polars>={_OLDEST}'."
            requirement = f"must be of version {_OLDEST} or later"
            raise type_error(loss.name, "polars", requirement, pl.__version__, remedy)
        if loss.axis is not None or loss.prepare:
            requirement = "must be arrays for a loss along an axis"
            remedy = "Pass what frame.select(...).to_numpy() returns."
            raise type_error(loss.name, loss.arguments[0], requirement, "a column", remedy)

    def asarray(self, given: Any, function: str, name: str) -> Any:
        """Return a column in float64, or as it is if it is a mask; numbers stay as they are.

        A product with 1.0 converts numbers, and is refused for text and dates, which a cast takes.
        """
        if isinstance(given, pl.Expr):
            if name == "where":
                return leaf(given, "bool")
            return Column(operator.mul, leaf(given, "float64"), lifted(1.0))
        if isinstance(given, np.ndarray) and given.ndim == 0:
            return given.item()
        return super().asarray(given, function, name)

    def stacked(self, name: str) -> str:
        """Return what to pass instead of a list of columns."""
        return "Call the loss once for each column."

    def remedy(self, given: Any) -> str:
        """Return what to pass instead of something else."""
        return "Pass an expression, such as polars.col(...)."

    def has_dtype(self, name: str) -> bool:
        """Return whether results may have a dtype of this name."""
        return name in _DTYPES

    def dtype(self, name: str) -> Any:
        """Return the name itself."""
        return name

    def dtype_name_of(self, dtype: Any) -> str:
        """Return the name of a dtype, in lower case as everywhere else."""
        return str(dtype).lower()

    def promote(self, arrays: Sequence[Any]) -> str:
        """Return float64, in which all columns are computed."""
        return "float64"

    def full(self, value: float, dtype: Any, like: Any) -> Any:
        """Return a literal."""
        return lifted(value)

    def cast(self, x: Any, name: str) -> Any:
        """Return a column in another dtype. That of a float64 column to float64 is skipped."""
        dtype = _DTYPES[name]
        x = lifted(x)
        return x if x.dtype == name else Column(lambda x: x.cast(dtype), x)

    def concrete(self, computation: Computation) -> bool:
        """Return False: values are not known before a query runs."""
        return False

    def value(self, computation: Computation) -> Any:
        """Return the loss, a mean as Polars' own where nothing is left out or weighted."""
        plain = computation.reduction == "mean" and isinstance(computation.denominator, str)
        if not plain or denominator_outputs(computation):
            return super().value(computation)
        results = self.run(computation, (stored("value", computation.expressions.value),))
        mean = Column(pl.Expr.mean, results["value"], aggregates=True)
        return self.cast(mean, computation.dtype)

    def combined(self, computation: Computation, results: Mapping[str, Any]) -> Any:
        """Return the loss from sums: 0 where no row takes part, and null if there are none."""
        total = results["value"]
        if computation.reduction == "mean":
            divisor = denominator(self, computation, results)
            if "denominator" in results:
                nothing = (divisor == 0) & (total == 0)
                total = choice(nothing, 0.0, total / divisor)
            elif isinstance(divisor, Column):
                total = kept(divisor > 0, total / divisor)
            else:
                total = total / divisor
        return self.cast(total, computation.dtype)

    def size(self, computation: Computation) -> Any:
        """Return the number of rows in which nothing is null."""
        return self.sum(_is_valid(computation))

    def deliver(self, computation: Computation, output: Output, result: Any) -> Any:
        """Reduce an output; it is null where an argument is, unless a mask leaves it out."""
        result = lifted(result)
        if output.role == "count":
            return self.sum(result & _is_valid(computation))
        if result.hides_nulls or len(leaves(result)) < len(_columns(computation)):
            condition = _is_valid(computation)
            if "where" in computation.arrays:
                condition = condition | ~lifted(computation.arrays["where"])
            result = kept(condition, result)
        return result if output.role == "store" else self.sum(result)

    def sum(self, x: Any) -> Any:
        """Return the sum of a column, which skips nulls."""
        return Column(pl.Expr.sum, x, aggregates=True)

    def like_argument(self, computation: Computation, name: str, gradient: Any) -> Any:
        """Return a gradient in the dtype of the result."""
        return self.cast(gradient, computation.dtype)

    def results(
        self, computation: Computation, names: Sequence[str], found: tuple[Any, ...]
    ) -> tuple[Any, ...]:
        """Return expressions with the name of the loss, and derivatives with that of theirs."""
        titles = ["", *(f"_gradient_{name}" for name in names)]
        titles += [f"_hessian_{name}" for name in names]
        return tuple(
            expression(x).alias(f"{computation.function}{title}")
            for x, title in zip(found, titles, strict=False)
        )


def _columns(computation: Computation) -> list[Column]:
    """Return the expressions that were passed."""
    return leaves(*(x for x in computation.arrays.values() if isinstance(x, Column)))


def _is_valid(computation: Computation) -> Column:
    """Return where no argument is null."""
    conditions = (Column(pl.Expr.is_not_null, x, dtype="bool") for x in _columns(computation))
    return reduce(operator.and_, conditions)


def _scaled(c: Any, x: Any) -> Any:
    """Return a product that is 0 where the coefficient is, even if the other factor is infinite."""
    c, x = lifted(c), lifted(x)
    if c.is_known and c.value != 0:
        return x if c.value == 1 else c * x
    return PRIMITIVES["scale"].compute(FUNCTIONS, c, x)


FUNCTIONS = Functions()
ColumnOperations.native = {"scale": _scaled}
BACKEND = PolarsBackend(FUNCTIONS)
