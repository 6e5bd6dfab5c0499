"""Base of kernels for losses along an axis: blocks of sixteen rows, and passes over classes.

A block computes row values for sixteen rows at once, in float64, one row per lane. Between them,
passes over the classes compute elements and reduce them. The memory layout of elements is left to
subclasses: in *rows* a lane of an element is a class, in *columns* it is a row.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from itertools import zip_longest
from typing import NamedTuple

from lossary.formula.expression import LEAVES, Expression, Kind, is_number
from lossary.formula.plan import Output, Pass, Spill
from lossary.kernels.code import Code
from lossary.kernels.form import is_class_vector
from lossary.kernels.frame import Frame, Site
from lossary.kernels.functions import absolute
from lossary.kernels.lanes import Lanes
from lossary.kernels.registers import Registers


class ClassFrame(Frame):
    """Writes blocks of sixteen rows; ``first`` is the index of a block's first row."""

    first: Lanes
    #: Mask of the lanes whose rows belong to this block and to no other.
    valid: Lanes

    def block(self, totals: list[Lanes]) -> list[Lanes]:
        """Write the computation of a block of rows and return the new totals."""
        constants = dict(self.row), dict(self.rounded)
        for leaf in self.plan.leaves:
            if leaf.kind is Kind.ROW and not self.is_scalar(leaf):
                self.keep(leaf, self.load_row(leaf))
        self._row_values(0)
        for number, sweep in enumerate(self.plan.passes):
            for item, value in zip(sweep.reductions, self.sweep(number, sweep), strict=True):
                self.keep(item, value.to("f64"))
            self._row_values(number + 1)
        values = {}
        for output in self.plan.outputs:
            if output.expression.kind is Kind.ELEMENT:
                continue
            values[output.name] = self.rows.lift(self.row_value(output.expression))
            if output.role == "store":
                self.store_row(output, self.as_stored(output, values[output.name]))
        self.row, self.rounded = constants
        return self.add(totals, values, self.valid)

    def indices(self) -> Lanes:
        """Return the element index of the first class of each row of the block."""
        rows = self.first.to("f64").splat() + self.code.iota("f64")
        return rows * self.size["classes"].to("f64").splat()

    # --- implemented by each layout -------------------------------------------------------
    def load_row(self, leaf: Expression) -> Lanes:
        """Read an array of row values for the block, in float64; labels as int64."""
        raise NotImplementedError

    def store_row(self, output: Output, value: Lanes) -> None:
        """Store row values of the block."""
        raise NotImplementedError

    def sweep(self, number: int, sweep: Pass) -> list[Lanes]:
        """Write a pass over the classes and return its reductions, a lane for each row."""
        raise NotImplementedError

    def gathered(self, leaf: Expression, label: Lanes) -> Lanes:
        """Read an array of elements at the class of each row's label, in the type of elements."""
        raise NotImplementedError

    def gather(self, leaf: Expression, index: Lanes, machine: Registers) -> Lanes:
        """Read an array at sixteen indices, in a machine's type; labels as int64."""
        type_ = self.leaf_type(leaf)
        addresses = self.code.at(self.arrays[str(leaf.value)], index, type_)
        given = self.code.gather(addresses, type_, self.code.constant(True, "mask"), 0)
        return self.converted(leaf, given, machine)

    # --- row values -----------------------------------------------------------------------
    def _row_values(self, stage: int) -> None:
        """Compute the row values that become available at a stage, after its preceding passes."""
        for item in self.plan.row_values:
            reduced = item.operation in {"sum", "max", *LEAVES}
            if self.plan.stages[id(item)] == stage and not reduced:
                self.keep(item, self._row_value(item))

    def _row_value(self, item: Expression) -> Lanes:
        if item.operation == "at_label":
            values, label = item.arguments
            given, inside = self._label(label)
            found = _LabelSite(self, inside.select(given, 0)).register(values)
            return inside.select(found.to("f64"), 0)
        return self.rows.lift(self.rows.spell(item, [self.row_value(x) for x in item.arguments]))

    def _label(self, label: Expression) -> tuple[Lanes, Lanes]:
        """Return labels, and the mask of those in range."""
        if label.operation == "literal":
            given = self.code.constant(label.value, "i64")  # type: ignore[arg-type]
        else:
            given = self.row[id(label)].to("i64")
        return given, (given >= 0) & (given < self.size["classes"])

    # --- elements -------------------------------------------------------------------------
    def elements_of(self, number: int, sweep: Pass, site: ClassSite) -> list[Lanes]:
        """Compute the elements of a pass and return the inputs of its reductions.

        Reload elements spilled by earlier passes first, then spill those that later passes need,
        and store the outputs.
        """
        for spill in self.spills:
            if spill.first < number <= spill.last:
                site.known[id(spill.element)] = site.reload(spill.output)
        count = len(sweep.reductions)
        conditions = map(counted, sweep.reductions)
        bounds = map(self.bound_of, sweep.reductions)
        values = [
            site.register(bound.element)
            if bound is not None
            else site.register(item)
            if condition is None
            else site.value(condition)
            for item, condition, bound in zip_longest(sweep.wanted, conditions, bounds)
        ]
        for spill in self.spills:
            if spill.first == number:
                site.store(spill.output, site.register(spill.element))
        for output, value in zip(sweep.outputs, values[count:], strict=True):
            if output.role == "store":
                site.store(output, value)
        return values[:count]

    def bound_of(self, reduction: Expression) -> Bound | None:
        """Return the bound that a layout compares only the largest bits of a row with, if any."""
        return None

    @cached_property
    def spills(self) -> list[Spill]:
        """The spills whose output memory stores elements without rounding."""
        wanted = {"f32": "float32", "f64": "float64"}[self.form.compute]
        return [s for s in self.plan.spills if self.dtypes[f"-> {s.output.name}"] == wanted]


class _LabelSite(Site):
    """Computes elements at the class of each row's label."""

    frame: ClassFrame

    def __init__(self, frame: ClassFrame, label: Lanes) -> None:
        super().__init__(frame)
        self._label = label

    def load(self, leaf: Expression) -> Lanes:
        """Read an array at the label's class."""
        if is_class_vector(leaf):
            return self.frame.gather(leaf, self._label, self.frame.elements)
        return self.frame.gathered(leaf, self._label)

    def index(self) -> Lanes:
        """Return the labels."""
        return self._label


class ClassSite(Site):
    """Computes elements of a pass; also stores outputs and reloads spilled elements."""

    def store(self, output: Output, value: Lanes) -> None:
        """Write elements into an output's memory."""
        raise NotImplementedError

    def reload(self, output: Output) -> Lanes:
        """Read elements from an output's memory."""
        raise NotImplementedError


def counted(reduction: Expression) -> Expression | None:
    """Return the condition whose elements a sum counts; None if it is another reduction."""
    (x,) = reduction.arguments
    if reduction.operation == "sum" and x.operation == "where":
        condition, one, zero = x.arguments
        if is_number(one, 1.0) and is_number(zero, 0.0) and condition.kind is Kind.ELEMENT:
            return condition
    return None


class Bound(NamedTuple):
    """The number that an element must not exceed, which must not be negative either.

    ``condition`` holds for the elements that break this.
    """

    element: Expression
    most: float
    condition: Expression


def bound_counted(reduction: Expression) -> Bound | None:
    """Return the bound if a sum counts the elements that are not from 0 to a number."""
    condition = counted(reduction)
    if condition is None or condition.operation != "logical_not":
        return None
    (inside,) = condition.arguments
    if _is_at_least_zero(inside):
        return Bound(inside.arguments[1], math.inf, condition)
    if inside.operation != "logical_and":
        return None
    low, high = inside.arguments
    if not _is_at_least_zero(low) or high.operation != "less_equal":
        return None
    element, most = high.arguments
    if element is not low.arguments[1] or most.operation != "literal":
        return None
    return Bound(element, float(most.value), condition)  # type: ignore[arg-type]


def _is_at_least_zero(item: Expression) -> bool:
    return (
        item.operation == "less_equal"
        and is_number(item.arguments[0], 0.0)
        and item.arguments[1].kind is Kind.ELEMENT
    )


class Running:
    """Running reductions of a pass: registers that a loop over classes carries.

    Counts run in integers, sums of float32 in float64. For a count with a bound, the largest bits
    of its elements run in the place of the count: those of negative numbers and of NaN are larger
    than the bits of a bound. Sums of float64 carry their rounding errors
    (Knuth's TwoSum, The Art of Computer Programming 2, 4.2.2). Maxima carry NaN in a separate
    register, which keeps the chain of dependent instructions short.
    """

    def __init__(
        self, code: Code, compute: str, sweep: Pass, bounds: Sequence[Bound | None] = ()
    ) -> None:
        self.code = code
        self.compute = compute
        self.operations = [
            "bits" if bound else item.operation if counted(item) is None else "count"
            for item, bound in zip_longest(sweep.reductions, bounds)
        ]

    def start(self) -> list[Lanes]:
        """Return the registers before the first class."""
        registers = []
        for operation in self.operations:
            if operation == "max":
                registers.append(self.code.constant(-math.inf, self.compute))
                registers.append(self.code.constant(0, self.compute))
            elif operation == "count":
                registers.append(self.code.constant(0, "i32"))
            elif operation == "bits":
                registers.append(self.code.constant(0, "i32" if self.compute == "f32" else "i64"))
            else:
                registers.append(self.code.constant(0, "f64"))
                if self.compute == "f64":
                    registers.append(self.code.constant(0, "f64"))
        return registers

    def pairs(self, registers: Sequence[Lanes]) -> list[list[Lanes]]:
        """Return the registers of each reduction."""
        rest = iter(registers)
        single = {"count", "bits", "sum"} if self.compute == "f32" else {"count", "bits"}
        return [
            [next(rest)] if operation in single else [next(rest), next(rest)]
            for operation in self.operations
        ]

    def updated(
        self, registers: Sequence[Lanes], values: Sequence[Lanes], part: Lanes | None = None
    ) -> list[Lanes]:
        """Add one value to each reduction, in the lanes where the mask ``part`` holds."""
        found = []
        groups = zip(self.operations, self.pairs(registers), values, strict=True)
        for operation, group, given in groups:
            value = given
            if part is not None:
                value = part.select(value, -math.inf if operation == "max" else 0)
            if operation == "count":
                found.append(group[0] + value.to("i32"))
            elif operation == "bits":
                found.append(group[0].call("umax", value.bits()))
            elif operation == "max":
                largest, nan = group
                found += [
                    (value > largest).select(value, largest),
                    (value != value).select(value, nan),
                ]
            elif len(group) == 1:
                found.append(group[0] + value.to("f64"))
            else:
                found += two_sum(group[0], group[1], value)
        return found

    def lanes(self, registers: Sequence[Lanes]) -> list[Lanes]:
        """Return each reduction where the lanes are rows."""
        return [
            self._finished(operation, group)
            for operation, group in zip(self.operations, self.pairs(registers), strict=True)
        ]

    def folded(self, registers: Sequence[Lanes]) -> list[Lanes]:
        """Return each reduction where the lanes are classes of one row, as scalars."""
        found = []
        for operation, group in zip(self.operations, self.pairs(registers), strict=True):
            while group[0].lanes > 1:
                group = self._halved(operation, group)
            found.append(self._finished(operation, group))
        return found

    def _halved(self, operation: str, group: Sequence[Lanes]) -> list[Lanes]:
        low, high = zip(*(x.halves() for x in group), strict=True)
        if operation == "max":
            return [(high[0] > low[0]).select(high[0], low[0]), low[1] + high[1]]
        if operation == "bits":
            return [low[0].call("umax", high[0])]
        if len(group) == 1:
            return [low[0] + high[0]]
        return two_sum(low[0], low[1] + high[1], high[0])

    def _finished(self, operation: str, group: Sequence[Lanes]) -> Lanes:
        if operation == "max":
            largest, nan = group
            return (nan != nan).select(nan, largest)
        if len(group) == 1:
            return group[0]
        total, lost = group
        return total + (absolute(lost) < math.inf).select(lost, 0)


def two_sum(total: Lanes, lost: Lanes, value: Lanes) -> list[Lanes]:
    """Return total + value, and the accumulated rounding error of these additions."""
    result = total + value
    back = result - total
    return [result, lost + ((total - (result - back)) + (value - back))]
