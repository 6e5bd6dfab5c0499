"""Columns of queries: a loss is an expression of the library, which an engine computes later.

Columns have neither shapes nor values before a query runs. One is a 0-d array here, a list of them
along the class axis an array of one axis, and all are computed in float64. A backend is the
spelling of a library and how it takes and names its columns.

A null is a row of which something is not known. Its loss is null, and so is what rows are reduced
to with it, unless :func:`lossary.options` says to skip such rows.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any, ClassVar

import numpy as np

from lossary.backends.base import Backend
from lossary.backends.column_functions import (
    ColumnList,
    ColumnOperations,
    Functions,
    each,
    in_pairs,
)
from lossary.backends.column_nodes import Column, choice, kept, leaf, leaves, lifted, strict
from lossary.backends.column_spelling import Spelling
from lossary.definition.computation import Computation
from lossary.definition.outputs import denominator_outputs, stored
from lossary.definition.reduction import denominator
from lossary.definition.request import Request
from lossary.errors import type_error, value_error
from lossary.formula.expression import Kind
from lossary.formula.plan import Output
from lossary.options import skips_nulls


class ColumnBackend(Backend):
    """Columns of a library, lists of them along the class axis, and Python's numbers."""

    operations = ColumnOperations
    takes_lists = True
    #: The types of the library's columns, and of its values that are one for all rows.
    columns: ClassVar[tuple[type, ...]]
    #: How a user writes the column ``{}``.
    spelled_column = ""

    def __init__(self, spelling: Spelling) -> None:
        super().__init__(Functions())
        self.spelling = spelling

    def column(self, name: str) -> str:
        """Return how a user writes a column of this name."""
        return self.spelled_column.format(repr(name))

    def number_column(self, given: Any, function: str, name: str) -> Any:
        """Return a user's column as numbers in float64, or raise where it can be told."""
        raise NotImplementedError

    def condition_column(self, given: Any, function: str) -> Any:
        """Return a user's column of conditions, or raise where it can be told."""
        return given

    # --- what is taken ----------------------------------------------------------------------------
    def checked_request(self, request: Request) -> Request:
        """Refuse a row that is not a list of columns, and arguments made from all rows at once.

        The class axis comes after that of the rows, which a list of columns does not have.
        """
        loss = request.loss
        if loss.axis is None:
            return request
        first, given = loss.arguments[0], request.arrays[0]
        if isinstance(given, (list, tuple)) and not given:
            requirement = "must be a list of columns, one for each class"
            raise value_error(loss.name, first, requirement, "an empty list")
        if loss.prepare:
            requirement = "must be arrays for a loss that looks at all rows beforehand"
            raise type_error(loss.name, first, requirement, "columns", "Pass arrays.")
        if isinstance(given, self.columns):
            requirement = "must be a list of columns, one for each class"
            remedy = f"Pass [{self.column('a')}, {self.column('b')}, ...]."
            raise type_error(loss.name, first, requirement, "one column", remedy)
        return request._replace(axis=-1) if request.axis == 1 else request

    def asarray(self, given: Any, function: str, name: str) -> Any:
        """Return columns as nodes; numbers stay as they are."""
        if isinstance(given, (list, tuple)) and not isinstance(given, ColumnList):
            return ColumnList(lifted(self.asarray(x, function, name)) for x in given)
        if isinstance(given, self.columns):
            if name == "where":
                return leaf(self.condition_column(given, function), "bool")
            dtype = "int64" if name == "targets" else "float64"
            return leaf(self.number_column(given, function, name), dtype)
        if isinstance(given, np.ndarray) and given.ndim == 0:
            return given.item()
        return given if isinstance(given, ColumnList) else super().asarray(given, function, name)

    def from_numpy(self, x: Any, function: str, name: str) -> Any:
        """Return numbers along the class axis, the same ones for each row."""
        if x.ndim == 0:
            return x.item()
        if x.ndim == 1:
            return ColumnList(map(lifted, x.tolist()))
        requirement, remedy = "must be one number for each class", f"Pass {self.column('a')}."
        raise type_error(function, name, requirement, f"an array of shape {x.shape}", remedy)

    def stacked(self, name: str) -> str:
        """Return what to pass instead of a list of columns."""
        return "Call the loss once for each column."

    def remedy(self, given: Any) -> str:
        """Return what to pass instead of something else."""
        return f"Pass an expression, such as {self.column('name')}."

    # --- dtypes -----------------------------------------------------------------------------------
    def has_dtype(self, name: str) -> bool:
        """Return whether results may have a dtype of this name."""
        return name in {"float32", "float64"}

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
        """Return columns in another dtype; numbers are float64 already."""

        def converted(x: Any) -> Column:
            x = lifted(x)
            if x.dtype == "bool":
                x = choice(x, 1.0, 0.0) if x.value is not None else Column("as_number", x)
            return Column("float32", x) if name == "float32" else x

        return each(converted, x)

    def shaped(self, computation: Computation, name: str, x: Any) -> Any:
        """Return the argument: what is one for all classes fits lists of any length."""
        return x

    def prepared(self, computation: Computation) -> dict[str, Any]:
        """Return the values of all symbols. Labels that are not whole numbers become NaN."""
        values = super().prepared(computation)
        if computation.expressions.variant.labels:
            label = lifted(values["targets"])
            if label.value is None:
                label = choice(~(Column("floor", label) == label), np.nan, label)
            values["targets"] = label
        return values

    # --- running ----------------------------------------------------------------------------------
    def concrete(self, computation: Computation) -> bool:
        """Return False: values are not known before a query runs."""
        return False

    def value(self, computation: Computation) -> Any:
        """Return the loss, a mean as the library's own where nothing is left out or weighted."""
        plain = computation.reduction == "mean" and isinstance(computation.denominator, str)
        if not plain or denominator_outputs(computation):
            return super().value(computation)
        results = self.run(computation, (stored("value", computation.expressions.value),))
        mean = Column("mean", self._unless_unknown(computation, results["value"]))
        return self.cast(self._whole(computation, mean), computation.dtype)

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
        return self._total(computation, Column("as_number", _is_valid(computation)))

    def deliver(self, computation: Computation, output: Output, result: Any) -> Any:
        """Reduce an output; it is null where an argument is, unless a mask leaves it out."""
        if output.expression.kind is Kind.ELEMENT and computation.axes:
            result = each(lambda x: lifted(x), result)
        if output.role == "count":
            counted = Column("as_number", lifted(result) & _is_valid(computation))
            return self._total(computation, counted)
        if output.role == "store":
            return each(lambda x: self._null_where_unknown(computation, lifted(x)), result)
        return self._total(computation, self._unless_unknown(computation, lifted(result)))

    def _total(self, computation: Computation, x: Column) -> Column:
        return self._whole(computation, Column("sum", x))

    def _whole(self, computation: Computation, total: Column) -> Column:
        """Return what rows were reduced to; null if something was, unless such rows are skipped."""
        if skips_nulls():
            return total
        return kept(Column("all", _takes_part_known(computation), dtype="bool"), total)

    def _unless_unknown(self, computation: Computation, x: Column) -> Column:
        """Return what is summed: without rows that are skipped."""
        return self._null_where_unknown(computation, x) if skips_nulls() else x

    def _null_where_unknown(self, computation: Computation, x: Column) -> Column:
        """Return values that are null where an argument is, unless a mask leaves them out."""
        if len(strict(x, self.spelling.hiding)) == len(_columns(computation)):
            return x
        condition = _is_valid(computation)
        if "where" in computation.arrays and not computation.expressions.variant.element_mask:
            condition = condition | ~lifted(computation.arrays["where"])
        return kept(condition, x)

    def like_argument(self, computation: Computation, name: str, gradient: Any) -> Any:
        """Return a gradient in the dtype of the result."""
        return self.cast(gradient, computation.dtype)

    def results(
        self, computation: Computation, names: Sequence[str], found: tuple[Any, ...]
    ) -> tuple[Any, ...]:
        """Return expressions with the name of the loss, and derivatives with that of theirs.

        Those along a list are a list.
        """
        titles = ["", *(f"_gradient_{name}" for name in names)]
        titles += [f"_hessian_{name}" for name in names]
        return tuple(
            self._named(x, f"{computation.function}{title}")
            for x, title in zip(found, titles, strict=False)
        )

    def _named(self, x: Any, name: str) -> Any:
        if isinstance(x, ColumnList):
            return [self._named(column, f"{name}_{k}") for k, column in enumerate(x)]
        return self.spelling.named(self.spelling.expression(lifted(x)), name)


def _columns(computation: Computation) -> list[Column]:
    """Return the columns that were passed."""
    given = computation.arrays.values()
    lists = (x if isinstance(x, ColumnList) else (x,) for x in given)
    return leaves(*(x for row in lists for x in row if isinstance(x, Column)))


def _is_valid(computation: Computation) -> Column:
    """Return where no argument is null; of a row, no element that takes part."""
    conditions: list[Any] = []
    mask = computation.arrays.get("where")
    for name, x in computation.arrays.items():
        known = each(_is_known, x)
        if isinstance(mask, ColumnList) and name != "where" and isinstance(known, ColumnList):
            known = each(lambda known, taken: known | ~taken, known, mask)
        conditions += known if isinstance(known, ColumnList) else [known]
    return lifted(in_pairs(operator.and_, conditions, True))


def _is_known(x: Any) -> Column:
    """Return where a column is not null."""
    found = [Column("is_known", column, dtype="bool") for column in leaves(lifted(x))]
    return reduce(operator.and_, found, lifted(True))


def _takes_part_known(computation: Computation) -> Column:
    """Return where nothing is null, or a mask says that it does not matter."""
    known = _is_valid(computation)
    mask = computation.arrays.get("where")
    if mask is None or isinstance(mask, ColumnList):
        return known
    return known | (_is_known(mask) & ~lifted(mask))
