"""Kernels in which the loop over rows is the vectorised one.

``ColumnsWriter`` is for a class axis that is not the last: arrays are (outer, classes, inner), and
the loop over ``inner`` is vectorised. ``ShortRowsWriter`` is for a last axis of few classes, too
few to fill a loop: blocks of rows are transposed into scratch memory first.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import ClassVar

from lossary.formula.expression import Expression, Kind
from lossary.formula.plan import Output, Pass
from lossary.kernels.blocks import BlockWriter, LastAxisWriter
from lossary.kernels.writer import Site, by_row

#: Rows in a block: where they lie side by side, and where they are transposed into scratch memory,
#: which is to stay in the nearest cache.
COLUMN_BLOCK = 128
ROW_BLOCK = 64
#: So many classes are brought into a reduction together.
GROUP = 4


class ColumnsWriter(BlockWriter):
    """Writes a loop over units: a block of neighbouring rows, all their classes."""

    sizes = ("size", "classes", "inner")
    block: ClassVar[int] = COLUMN_BLOCK
    at: ClassVar[str] = "i"

    # --- what the two layouts do differently --------------------------------------------------
    def begin_unit(self) -> None:
        """Find the block of rows."""
        self.lines.add(f"blocks = (inner + {self.block - 1}) // {self.block}")
        self.lines.add("outer = unit // blocks")
        self.lines.add(f"begin = unit % blocks * {self.block}")
        self.lines.add(f"width = min({self.block}, inner - begin)")

    def shape_of(self, leaf: Expression) -> str:
        """Return the shape of the array behind a leaf."""
        if not by_row(leaf):
            return "(classes,)"
        outer = f"size // ((inner + {self.block - 1}) // {self.block})"
        return f"({outer}, classes, inner)" if leaf.kind is Kind.ELEMENT else f"({outer}, inner)"

    def load(self, leaf: Expression, index: str = "j") -> str:
        """Return how a leaf is read at a class of the block's row i."""
        return self.load_at_label(leaf, index)

    def load_at_label(self, leaf: Expression, index: str) -> str:
        """Return how a leaf is read at one class of the block's row i."""
        if not by_row(leaf):
            return f"a_{leaf.value}[{index}]"
        return f"a_{leaf.value}[outer, {index}, begin + i]"

    def row_place(self, name: str) -> str:
        """Return where an array of row values holds that of the block's row i."""
        return f"{name}[outer, begin + i]"

    def store_place(self, output: Output) -> str:
        """Return where an output is stored at class j of the block's row i."""
        return f"o_{output.name}[outer, j, begin + i]"

    def make_scratch(self) -> None:
        """Make the arrays of row values, and those of a group of classes."""
        for place in range(max((len(s.sums) for s in self.plan.passes), default=0)):
            self.scratch(f"b{place}", self.precision, GROUP, self.block)
            if self.precision == "f64":
                self.scratch(f"c{place}", "f64", self.block)
        super().make_scratch()

    # --- passes -------------------------------------------------------------------------------
    def sweep(self, sweep: Pass) -> None:
        """Write a pass: class by class, each for all rows."""
        self._maxima([item for item in sweep.reductions if item.operation == "max"])
        rest = replace(sweep, reductions=sweep.sums)
        if rest.sums:
            self._sums(rest)
        elif rest.outputs:
            self.lines.open("for j in range(classes):")
            self._values(rest)
            self.lines.close()

    def _maxima(self, maxima: list[Expression]) -> None:
        """Find maxima over several classes at a time: that spares most of the scratch memory."""
        if not maxima:
            return
        lines = self.lines
        for item in maxima:
            lines.add(f"s{self.place(item)}[:] = -math.inf")
        lines.open(f"for j in range(0, classes, {GROUP}):")
        for step in range(GROUP):
            # The last class once more does not change a maximum.
            lines.add(f"j{step} = min(j + {step}, classes - 1)")
        lines.open("for i in range(width):")
        for step in range(GROUP):
            site = Site(partial(self.load, index=f"j{step}"), f"j{step}", f"v{step}_")
            self.elements([item.arguments[0] for item in maxima], site)
            for item in maxima:
                total, value = f"s{self.place(item)}[i]", self.element(item.arguments[0], site)
                lines.add(f"{total} = ops.maximum({total}, {value})")
        lines.close()
        lines.close()

    def _sums(self, sweep: Pass) -> None:
        """Write the values of a group of classes to scratch memory, and add them up there.

        Float32 is added up in float64, float64 with what its additions lose.
        """
        lines = self.lines
        wide = self.precision == "f64"
        totals = [f"s{self.place(item)}[i]" for item in sweep.sums]
        for block, item in enumerate(sweep.sums):
            lines.add(f"s{self.place(item)}[:] = 0.0")
            if wide:
                lines.add(f"c{block}[:] = 0.0")
        lines.open(f"for base in range(0, classes, {GROUP}):")
        lines.add(f"group = min({GROUP}, classes - base)")
        lines.open("for k in range(group):")
        lines.add("j = base + k")
        self._values(sweep)
        lines.close()
        lines.open(f"for k in range(group, {GROUP}):")
        for block, _ in enumerate(totals):
            lines.add(f"b{block}[k] = 0.0")
        lines.close()
        lines.open("for i in range(width):")
        for block, total in enumerate(totals):
            values = " + ".join(f"f64(b{block}[{k}, i])" for k in range(GROUP))
            running = f"{total}, c{block}[i]"
            added = f"{running} = sums.add({running}, {values})"
            lines.add(added if wide else f"{total} += {values}")
        lines.close()
        lines.close()
        if wide:
            lines.open("for i in range(width):")
            for block, total in enumerate(totals):
                lines.add(f"{total} = sums.complete({total}, c{block}[i])")
            lines.close()

    def _values(self, sweep: Pass) -> None:
        """Compute the values of sums, and the outputs, of a class of all rows."""
        self.lines.open("for i in range(width):")
        site = Site(self.load)
        self.elements(sweep.wanted, site)
        for block, item in enumerate(sweep.sums):
            self.lines.add(f"b{block}[k, i] = {self.element(item.arguments[0], site)}")
        for output in sweep.outputs:
            value = self.element(output.expression, site)
            self.deliver(output, value, self.store_place(output))
        self.lines.close()


class ShortRowsWriter(LastAxisWriter, ColumnsWriter):
    """Writes a loop over blocks of rows, transposed on the way in and on the way out."""

    sizes = ("size", "classes", "rows")
    block: ClassVar[int] = ROW_BLOCK

    def begin_unit(self) -> None:
        """Transpose a block of rows into scratch memory."""
        lines = self.lines
        lines.add(f"begin = unit * {self.block}")
        lines.add(f"width = min({self.block}, rows - begin)")
        for leaf in self._transposed():
            rows, columns = f"a_{leaf.value}", f"x_{leaf.value}"
            lines.add(f"transpose.into_columns({rows}, begin, width, {columns})")

    def end_unit(self) -> None:
        """Transpose what was stored back."""
        for output in self.element_outputs():
            rows, columns = f"o_{output.name}", f"y_{output.name}"
            self.lines.add(f"transpose.into_rows({columns}, {rows}, begin, width)")

    def load(self, leaf: Expression, index: str = "j") -> str:
        """Return how a leaf is read at a class of the block's row i."""
        return f"x_{leaf.value}[{index}, i]" if by_row(leaf) else f"a_{leaf.value}[{index}]"

    def store_place(self, output: Output) -> str:
        """Return where an output is stored at class j of the block's row i."""
        return f"y_{output.name}[j, i]"

    def make_scratch(self) -> None:
        """Make the scratch memory that rows are transposed to."""
        super().make_scratch()
        names = [f"x_{leaf.value}" for leaf in self._transposed()]
        names += [f"y_{output.name}" for output in self.element_outputs()]
        for name in names:
            self.lines.add(f"{name} = np.empty((classes, {self.block}), {self.precision})")

    def _transposed(self) -> list[Expression]:
        return [x for x in self.leaves(Kind.ELEMENT) if by_row(x) and not self.is_scalar(x)]
