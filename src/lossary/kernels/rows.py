"""Kernels of losses along the last axis: the lanes of an element are sixteen contiguous classes.

Row values are computed for all rows of a block at once and stored on the stack, from which each
row's loop over classes reads its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from lossary.formula.elements import walk_elements
from lossary.formula.expression import Expression, Kind
from lossary.formula.plan import Output, Pass
from lossary.kernels.classes import (
    Bound,
    ClassFrame,
    ClassSite,
    Running,
    bound_counted,
)
from lossary.kernels.form import is_class_vector
from lossary.kernels.frame import integers
from lossary.kernels.functions import smaller
from lossary.kernels.lanes import LANES, Lanes


class RowKernel(ClassFrame):
    """Writes a loop over blocks of ``height`` rows, at most sixteen."""

    sizes: ClassVar[tuple[str, ...]] = ("size", "classes", "rows", "height")

    def chunk(self, start: Lanes, stop: Lanes, totals: list[Lanes]) -> list[Lanes]:
        """Write the loop over the blocks of a chunk."""
        self._slots: dict[int, Lanes] = {}

        def unit(number: Lanes, totals: list[Lanes]) -> list[Lanes]:
            rows, height = self.size["rows"], self.size["height"]
            self.first = number * height
            self.width = smaller(height, rows - self.first)
            self.valid = self.code.iota() < self.width.splat()
            last = (rows - 1).splat()
            indices = self.first.splat() + self.code.iota()
            self._rows = (indices < last).select(indices, last)
            return self.block(totals)

        return self.code.loop(stop, 1, totals, unit, start=start)

    def load_row(self, leaf: Expression) -> Lanes:
        """Read an array of row values; lanes beyond the last row read the last row."""
        return self.gather(leaf, self._rows, self.rows)

    def store_row(self, output: Output, value: Lanes) -> None:
        """Store row values, one by one."""
        code, type_ = self.code, value.type
        buffer = code.stack(type_, LANES)
        code.store(value, buffer)

        def one(row: Lanes, _: list[Lanes]) -> list[Lanes]:
            target = code.at(self.outputs[output.name], self.first + row, type_)
            code.store(code.load(code.at(buffer, row, type_), type_, 1), target)
            return []

        code.loop(self.width, 1, [], one)

    def keep(self, item: Expression, value: Lanes) -> None:
        """Record a row value; if elements use it, also store it on the stack for each row."""
        super().keep(item, value)
        varies = item.kind is Kind.ROW and not self.is_scalar(item)
        if varies and id(item) in self.plan.used_by_elements:
            rounded = self.rounded[id(item)]
            rounded = rounded.to("i8") if rounded.type == "mask" else rounded
            if id(item) not in self._slots:
                self._slots[id(item)] = self.code.stack(rounded.type, LANES)
            self.code.store(rounded, self._slots[id(item)])

    def _row_inputs(self, sweep: Pass, row: Lanes) -> dict[int, Lanes]:
        """Return the constants and the values of one row that a pass uses, in all lanes."""
        found = dict(self.rounded)
        for item in walk_elements(sweep.wanted):
            for used in item.arguments:
                if id(used) in self._slots and id(used) in self.rounded:
                    found[id(used)] = self._slot_value(used, row)
        return found

    def _slot_value(self, item: Expression, row: Lanes) -> Lanes:
        is_mask = self.rounded[id(item)].type == "mask"
        type_ = "i8" if is_mask else self.rounded[id(item)].type
        value = self.code.load(self.code.at(self._slots[id(item)], row, type_), type_, 1)
        return (value != 0 if is_mask else value).splat()

    def bound_of(self, reduction: Expression) -> Bound | None:
        """Return the bound of a count: only rows with bits beyond it are counted, in a loop."""
        return bound_counted(reduction)

    def sweep(self, number: int, sweep: Pass) -> list[Lanes]:
        """Write a pass: for each row, sixteen classes at a time and then the remainder."""
        code = self.code
        bounds = [bound_counted(item) for item in sweep.reductions]
        running = Running(code, self.form.compute, sweep, bounds)
        results = [code.stack("f64", LANES) for _ in sweep.reductions]

        def one(row: Lanes, _: list[Lanes]) -> list[Lanes]:
            values = self._row_inputs(sweep, row)

            def update(site: _RowSite, carried: list[Lanes], part: Lanes | None) -> list[Lanes]:
                return running.updated(carried, self.elements_of(number, sweep, site), part)

            folded = running.folded(self._loops(row, values, running.start(), update))
            for slot, value, bound in zip(results, folded, bounds, strict=True):
                target = code.at(slot, row, "f64")
                if bound is None:
                    code.store(value.to("f64"), target)
                else:
                    self._count_beyond(bound, value, (row, values), target)
            return []

        code.loop(self.width, 1, [], one)
        return [code.load(slot, "f64") for slot in results]

    def _loops(
        self, row: Lanes, values: dict[int, Lanes], start: list[Lanes], update: _Update
    ) -> list[Lanes]:
        """Write the loops over the classes of a row; return the carried registers."""
        code, classes = self.code, self.size["classes"]
        base, whole = (self.first + row) * classes, classes & -LANES

        def full(index: Lanes, carried: list[Lanes]) -> list[Lanes]:
            return update(_RowSite(self, values, base + index, index, None), carried, None)

        def rest(index: Lanes, carried: list[Lanes]) -> list[Lanes]:
            part = code.iota("i32") < (classes - index).to("i32")
            return update(_RowSite(self, values, base + index, index, part), carried, part)

        carried = code.loop(whole, LANES, start, full)
        return code.loop(classes, LANES, carried, rest, start=whole)

    def _count_beyond(
        self,
        bound: Bound,
        bits: Lanes,
        place: tuple[Lanes, dict[int, Lanes]],
        target: Lanes,
    ) -> None:
        """Store how many elements of a row a sum counts: 0 if no bits are beyond the bound."""
        code = self.code
        code.store(code.constant(0, "f64", 1), target)
        limit = code.constant(bound.most, self.form.compute, 1).bits()

        def update(site: _RowSite, carried: list[Lanes], part: Lanes | None) -> list[Lanes]:
            found = site.value(bound.condition)
            return [carried[0] + (found if part is None else part & found).to("i32")]

        def count() -> None:
            (total,) = self._loops(*place, [code.constant(0, "i32")], update)
            code.store(total.folded(lambda a, b: a + b).to("f64"), target)

        code.branch((bits < 0) | (bits > limit), count)

    def gathered(self, leaf: Expression, label: Lanes) -> Lanes:
        """Read an array of elements at the class of each row's label, in the type of elements."""
        offset = self._rows * self.size["classes"].splat() + label
        return self.gather(leaf, offset, self.elements)


class NarrowRowKernel(RowKernel):
    """Writes a loop over a few rows of fewer than sixteen classes.

    A row is one part of a vector, so the loop over full vectors is left out, which would take a
    fifth of the time to compile. The numbers are those of ``RowKernel``.
    """

    def _loops(
        self, row: Lanes, values: dict[int, Lanes], start: list[Lanes], update: _Update
    ) -> list[Lanes]:
        code, classes = self.code, self.size["classes"]
        index = code.constant(0, "i64", 1)
        part = code.iota("i32") < classes.to("i32").splat()
        base = (self.first + row) * classes
        return update(_RowSite(self, values, base, index, part), start, part)


class _RowSite(ClassSite):
    """Sixteen classes of a row, limited to the mask ``part`` if given."""

    frame: RowKernel

    def __init__(
        self,
        frame: RowKernel,
        values: dict[int, Lanes],
        offset: Lanes,
        index: Lanes,
        part: Lanes | None,
    ) -> None:
        super().__init__(frame)
        self._values, self._offset, self._index, self._part = values, offset, index, part

    def rounded(self, item: Expression) -> Lanes:
        """Return the row's value, or a constant."""
        return self._values[id(item)]

    def load(self, leaf: Expression) -> Lanes:
        """Read an array at these classes."""
        frame, type_ = self.frame, self.frame.leaf_type(leaf)
        offset = self._index if is_class_vector(leaf) else self._offset
        given = self._read(frame.arrays[str(leaf.value)], offset, type_)
        return frame.converted(leaf, given, frame.elements)

    def index(self) -> Lanes:
        """Return the class indices."""
        type_ = integers(self.frame.form.compute)
        return self._index.to(type_).splat() + self.frame.code.iota(type_)

    def store(self, output: Output, value: Lanes) -> None:
        """Write elements into an output's memory."""
        code = self.frame.code
        given = self.frame.as_stored(output, value)
        address = code.at(self.frame.outputs[output.name], self._offset, given.type)
        if self._part is None:
            code.store(given, address)
        else:
            code.store_part(given, address, self._part)

    def reload(self, output: Output) -> Lanes:
        """Read elements from an output's memory."""
        frame = self.frame
        return self._read(frame.outputs[output.name], self._offset, frame.stored_type(output))

    def _read(self, array: Lanes, offset: Lanes, type_: str) -> Lanes:
        code = self.frame.code
        address = code.at(array, offset, type_)
        if self._part is None:
            return code.load(address, type_)
        return code.load_part(address, type_, self._part, 0)


_Update = Callable[[_RowSite, list[Lanes], Lanes | None], list[Lanes]]
