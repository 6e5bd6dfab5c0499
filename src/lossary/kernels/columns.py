"""Kernels in which the lanes of an element are sixteen neighbouring rows.

``ColumnKernel`` is for a class axis that is not the last in memory: arrays are (outer, classes,
inner), and sixteen neighbours along ``inner`` are a block. ``ShortRowKernel`` is for few classes
and an ``inner`` below sixteen, such as 1, where the class axis is the last. The rows of a block are
transposed into scratch memory, where they are columns; outputs are transposed back from there.

The last block along an axis starts early enough to be full. It recomputes some rows of the block
before, but neither stores nor counts them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import ClassVar

from lossary.formula.expression import Expression, Kind
from lossary.formula.plan import Output, Pass, Plan
from lossary.kernels.classes import ClassFrame, ClassSite, Running
from lossary.kernels.form import SHORT, Form, is_class_vector
from lossary.kernels.frame import integers
from lossary.kernels.functions import smaller
from lossary.kernels.lanes import LANES, Lanes

#: Rows and classes of the squares that are transposed in registers. Eight take 4 per cent less time
#: and a tenth more to compile.
_SIDE = 4


class ColumnKernel(ClassFrame):
    """Writes a loop over blocks of sixteen rows that lie side by side, at least sixteen of them."""

    sizes: ClassVar[tuple[str, ...]] = ("size", "classes", "inner")

    def chunk(self, start: Lanes, stop: Lanes, totals: list[Lanes]) -> list[Lanes]:
        """Write the loop over the blocks of a chunk."""

        def unit(number: Lanes, totals: list[Lanes]) -> list[Lanes]:
            self._set_block(number)
            return self.block(totals)

        return self.code.loop(stop, 1, totals, unit, start=start)

    def _set_block(self, unit: Lanes) -> None:
        """Set the first row of a block, its memory offset, and the mask of valid rows."""
        inner, classes = self.size["inner"], self.size["classes"]
        blocks = (inner + (LANES - 1)) // LANES
        outer, begin = unit // blocks, unit % blocks * LANES
        moved = smaller(begin, inner - LANES)
        self.first = outer * inner + moved
        self.base = outer * classes * inner + moved
        self.stride = inner
        self.valid = self.code.iota() >= begin - moved

    def load_row(self, leaf: Expression) -> Lanes:
        """Read an array of row values for the block, in float64; labels as int64."""
        type_ = self.leaf_type(leaf)
        address = self.code.at(self.arrays[str(leaf.value)], self.first, type_)
        return self.converted(leaf, self.code.load(address, type_), self.rows)

    def store_row(self, output: Output, value: Lanes) -> None:
        """Store row values of the block."""
        address = self.code.at(self.outputs[output.name], self.first, value.type)
        self.code.store_part(value, address, self.valid)

    def sweep(self, number: int, sweep: Pass) -> list[Lanes]:
        """Write a pass: class by class."""
        running = Running(self.code, self.form.compute, sweep)

        def one(index: Lanes, carried: list[Lanes]) -> list[Lanes]:
            values = self.elements_of(number, sweep, self.site(index))
            return running.updated(carried, values)

        carried = self.code.loop(self.size["classes"], 1, running.start(), one)
        return running.lanes(carried)

    def site(self, index: Lanes) -> ClassSite:
        """Return the site that computes the elements of one class."""
        return _ColumnSite(self, index)

    def balance(self, x: Expression, own: Lanes) -> Lanes:
        """Return how many elements x of each row are below its own, less how many are above."""

        def one(index: Lanes, carried: list[Lanes]) -> list[Lanes]:
            other, (below, above) = self.site(index).register(x), carried
            below = (other < own).select(below + 1.0, below)
            return [below, (other > own).select(above + 1.0, above)]

        zero = self.code.constant(0, self.form.compute)
        below, above = self.code.loop(self.size["classes"], 1, [zero, zero], one)
        return (own == own).select(below - above, math.nan)

    def gathered(self, leaf: Expression, label: Lanes) -> Lanes:
        """Read an array of elements at the class of each row's label, in the type of elements."""
        offset = self.base + (label * self.stride.splat() + self.code.iota())
        return self.gather(leaf, offset, self.elements)


class _ColumnSite(ClassSite):
    """One class of the block's rows."""

    frame: ColumnKernel

    def __init__(self, frame: ColumnKernel, index: Lanes) -> None:
        super().__init__(frame)
        self._index = index
        self._offset = frame.base + index * frame.stride

    def load(self, leaf: Expression) -> Lanes:
        """Read an array at this class."""
        frame, type_ = self.frame, self.frame.leaf_type(leaf)
        array = frame.arrays[str(leaf.value)]
        if is_class_vector(leaf):
            given = frame.code.load(frame.code.at(array, self._index, type_), type_, 1).splat()
        else:
            given = frame.code.load(frame.code.at(array, self._offset, type_), type_)
        return frame.converted(leaf, given, frame.elements)

    def index(self) -> Lanes:
        """Return the class index, the same in all lanes."""
        return self._index.to(integers(self.frame.form.compute)).splat()

    def store(self, output: Output, value: Lanes) -> None:
        """Write elements into an output's memory."""
        frame = self.frame
        given = frame.as_stored(output, value)
        address = frame.code.at(frame.outputs[output.name], self._offset, given.type)
        frame.code.store_part(given, address, frame.valid)

    def reload(self, output: Output) -> Lanes:
        """Read elements from an output's memory."""
        frame, type_ = self.frame, self.frame.stored_type(output)
        address = frame.code.at(frame.outputs[output.name], self._offset, type_)
        return frame.code.load(address, type_)


class ShortRowKernel(ColumnKernel):
    """Writes a loop over blocks of sixteen rows of few classes, at least sixteen of them."""

    sizes: ClassVar[tuple[str, ...]] = ("size", "classes", "rows", "inner")

    def __init__(self, plan: Plan, form: Form) -> None:
        super().__init__(plan, form)
        self._leaves = [
            leaf
            for leaf in plan.leaves
            if leaf.kind is Kind.ELEMENT and not (is_class_vector(leaf) or self.is_scalar(leaf))
        ]
        self._made = [o for o in plan.stored if o.expression.kind is Kind.ELEMENT]
        names = [str(leaf.value) for leaf in self._leaves]
        names += [f"-> {output.name}" for output in self._made]
        self._tiles = {name: self.code.stack(form.compute, SHORT * LANES) for name in names}

    def _set_block(self, unit: Lanes) -> None:
        """Set the first row of a block, its offset in the tiles, and the mask of valid rows."""
        begin = unit * LANES
        self.first = smaller(begin, self.size["rows"] - LANES)
        self.valid = self.code.iota() >= begin - self.first
        self.stride = self.code.constant(LANES, "i64", 1)
        self.base = self.code.constant(0, "i64", 1)
        self._set_row_offsets()

    def _set_row_offsets(self) -> None:
        """Set the memory offsets of the first class of each row; a block may span two ``outer``."""
        classes, inner = self.size["classes"], self.size["inner"]
        outer = self.first // inner
        along = (self.first - outer * inner).to("i32") + self.code.iota("i32")
        # The numbers are below 32, so the truncated float32 quotient is exact. Processors have no
        # vector division of integers.
        after = (along.to("f32") / inner.to("f32")).to("i32").to("i64")
        self._begin = outer * inner * classes
        self._rows = along.to("i64") + after * (inner * (classes - 1))

    def _at(self, array: Lanes, index: Lanes, type_: str) -> Lanes:
        """Return the addresses of one class of the rows of a block."""
        start = self.code.at(array, self._begin + index * self.size["inner"], type_)
        return self.code.at(start, self._rows, type_)

    def block(self, totals: list[Lanes]) -> list[Lanes]:
        """Transpose the rows of a block, compute, and transpose the outputs back."""
        if self._leaves:
            self._transpose(self._fetch_square, self._fetch, self.code.constant(True, "mask", 1))
        totals = super().block(totals)
        if self._made:
            self._transpose(self._put_square, self._put, self.valid.lane(0))
        return totals

    def _transpose(
        self, square: Callable[[Lanes, Lanes], None], one: Callable[[Lanes], None], whole: Lanes
    ) -> None:
        """Write a loop over squares if rows are long enough, else over single classes."""
        code, classes = self.code, self.size["classes"]
        rows = code.constant(LANES, "i64", 1)

        def squares(index: Lanes, _: list[Lanes]) -> list[Lanes]:
            begin = smaller(
                index, classes - _SIDE
            )  # the last square starts early enough to be full

            def half(row: Lanes, _: list[Lanes]) -> list[Lanes]:
                square(begin, row)
                return []

            return code.loop(rows, _SIDE, [], half)

        def single(index: Lanes, _: list[Lanes]) -> list[Lanes]:
            one(index)
            return []

        fit = whole & (self.size["inner"] == 1) & (classes >= _SIDE)
        count = fit.select(classes, 0)
        code.loop(count, _SIDE, [], squares)
        code.loop(classes, 1, [], single, start=count)

    def _in_tile(self, name: str, index: Lanes, row: Lanes | int = 0) -> Lanes:
        """Return the address of a class and a row in a tile."""
        return self.code.at(self._tiles[name], index * LANES + row, self.form.compute)

    def _in_rows(self, array: Lanes, index: Lanes, row: Lanes, type_: str) -> list[Lanes]:
        """Return the addresses of a class in the consecutive rows of a square."""
        classes = self.size["classes"]
        start = self.code.at(array, self._begin + row * classes + index, type_)
        return [self.code.at(start, classes * number, type_) for number in range(_SIDE)]

    def _fetch(self, index: Lanes) -> None:
        """Copy a class to the tiles."""
        for leaf in self._leaves:
            name, type_ = str(leaf.value), self.leaf_type(leaf)
            addresses = self._at(self.arrays[name], index, type_)
            given = self.code.gather(addresses, type_, self.code.constant(True, "mask"), 0)
            self.code.store(self.converted(leaf, given, self.elements), self._in_tile(name, index))

    def _fetch_square(self, index: Lanes, row: Lanes) -> None:
        """Copy neighbouring classes of neighbouring rows to the tiles."""
        for leaf in self._leaves:
            name, type_ = str(leaf.value), self.leaf_type(leaf)
            addresses = self._in_rows(self.arrays[name], index, row, type_)
            rows = [self.code.load(address, type_, _SIDE) for address in addresses]
            for offset, column in enumerate(transposed(rows)):
                value = self.converted(leaf, column, self.elements)
                self.code.store(value, self._in_tile(name, index + offset, row))

    def _put(self, index: Lanes) -> None:
        """Copy a class from the tiles of outputs."""
        for output in self._made:
            value = self.code.load(self._in_tile(f"-> {output.name}", index), self.form.compute)
            value = self.as_stored(output, value)
            addresses = self._at(self.outputs[output.name], index, value.type)
            self.code.scatter(value, addresses, self.valid)

    def _put_square(self, index: Lanes, row: Lanes) -> None:
        """Copy neighbouring classes of neighbouring rows from the tiles of outputs."""
        for output in self._made:
            name, type_ = f"-> {output.name}", self.stored_type(output)
            sources = [self._in_tile(name, index + offset, row) for offset in range(_SIDE)]
            columns = [self.code.load(address, self.form.compute, _SIDE) for address in sources]
            rows = transposed([self.as_stored(output, column) for column in columns])
            addresses = self._in_rows(self.outputs[output.name], index, row, type_)
            for value, address in zip(rows, addresses, strict=True):
                self.code.store(value, address)

    def site(self, index: Lanes) -> ClassSite:
        """Return the site that computes the elements of one class."""
        return _TileSite(self, index)

    def tile_of(self, name: str) -> Lanes:
        """Return the address of the tile of an array, or of an output if named ``-> NAME``."""
        return self._tiles[name]

    def gathered(self, leaf: Expression, label: Lanes) -> Lanes:
        """Read an array of elements at the class of each row's label, in the type of elements."""
        code, type_ = self.code, self.form.compute
        offset = label * LANES + code.iota()
        addresses = code.at(self._tiles[str(leaf.value)], offset, type_)
        return code.gather(addresses, type_, code.constant(True, "mask"), 0)


class _TileSite(_ColumnSite):
    """One class of the block's rows, in scratch memory."""

    frame: ShortRowKernel

    def load(self, leaf: Expression) -> Lanes:
        """Read an array at this class."""
        if is_class_vector(leaf):
            return super().load(leaf)
        return self._read(str(leaf.value))

    def store(self, output: Output, value: Lanes) -> None:
        """Write elements into the tile of an output."""
        tile = self.frame.tile_of(f"-> {output.name}")
        self.frame.code.store(value, self.frame.code.at(tile, self._offset, value.type))

    def reload(self, output: Output) -> Lanes:
        """Read elements from the tile of an output."""
        return self._read(f"-> {output.name}")

    def _read(self, name: str) -> Lanes:
        code, type_ = self.frame.code, self.frame.form.compute
        return code.load(code.at(self.frame.tile_of(name), self._offset, type_), type_)


def transposed(rows: Sequence[Lanes]) -> list[Lanes]:
    """Transpose a square: swap its off-diagonal blocks, for block sizes 1, 2, 4, ..."""
    found, side = list(rows), len(rows)
    step = 1
    while step < side:
        low = [j if not j & step else side + j - step for j in range(side)]
        high = [j + step if not j & step else side + j for j in range(side)]
        for i in range(side):
            if not i & step:
                a, b = found[i], found[i + step]
                found[i], found[i + step] = a.shuffled(low, b), a.shuffled(high, b)
        step *= 2
    return found
