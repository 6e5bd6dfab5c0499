"""Kernels of losses along an axis: what all layouts share.

They work on blocks of neighbouring rows: a pass over the classes of all rows of the block, then
what belongs to the rows themselves, which lives in small arrays on the stack. So the loops over
row values are vectorised too. Row values are computed in float64: they cost little, and the last
steps (a logarithm, a difference of large numbers) must not lose what the loops have earned.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import ClassVar

from lossary.formula.expression import LEAVES, Expression, Kind
from lossary.formula.plan import Output, Pass
from lossary.kernels.writer import Writer


class BlockWriter(Writer):
    """Writes a loop over units, each a block of rows with all their classes.

    ``block`` is the largest number of rows in a unit, ``at`` the name of a row's number in it.
    """

    block: ClassVar[int]
    at: ClassVar[str]

    def body(self) -> None:
        """Write the loop over units."""
        lines = self.lines
        self.scalar_leaves(Kind.ROW)
        self.make_scratch()
        self.open_chunks()
        lines.open("for unit in range(start, stop):")
        self.begin_unit()
        for number, sweep in enumerate(self.plan.passes):
            self._stage(number, ())
            self.sweep(sweep)
        rows = [o for o in self.plan.outputs if o.expression.kind is not Kind.ELEMENT]
        self._stage(len(self.plan.passes), rows)
        self.end_unit()
        lines.close()
        self.close_chunks()

    # --- what the layouts do differently ------------------------------------------------------
    def begin_unit(self) -> None:
        """Find the block's first row, and how many it has."""
        raise NotImplementedError

    def sweep(self, sweep: Pass) -> None:
        """Write a pass over the classes of the block's rows."""
        raise NotImplementedError

    def end_unit(self) -> None:
        """Finish the block of rows."""

    def row_place(self, name: str) -> str:
        """Return where an array of row values holds that of the row at hand."""
        raise NotImplementedError

    # --- row values ---------------------------------------------------------------------------
    def make_scratch(self) -> None:
        """Make the arrays of row values."""
        for item in self.row_values():
            kind: str = "f64" if item.operation != "max" else self.precision
            kind = "i64" if item.operation == "label" else kind
            kind = "bool" if self.is_boolean(item) else kind
            self.scratch(f"s{self.place(item)}", kind, self.block)
            if self.is_rounded(item) or item.operation == "label":
                kind = "i32" if item.operation == "label" else self.precision
                self.scratch(f"e{self.place(item)}", kind, self.block)

    def reference(self, item: Expression) -> str:
        """Return the name of a row value or constant in float64."""
        if not self._varies(item):
            return super().reference(item)
        place = f"s{self.place(item)}[{self.at}]"
        return f"f64({place})" if item.operation == "max" else place

    def rounded_reference(self, item: Expression) -> str:
        """Return the name of a row value or constant in the working precision."""
        return super().rounded_reference(item) + (f"[{self.at}]" if self._varies(item) else "")

    def index_reference(self, item: Expression) -> str:
        """Return a row's label where elements compare their index with it, in 32 bits."""
        if item.operation == "label" and self._varies(item):
            return f"e{self.place(item)}[{self.at}]"
        return super().index_reference(item)

    def open_rows(self) -> None:
        """Begin a loop over the block's rows."""
        self.lines.open(f"for {self.at} in range(width):")

    def _varies(self, item: Expression) -> bool:
        return item.kind is Kind.ROW and not self.is_scalar(item)

    def _stage(self, stage: int, outputs: Iterable[Output]) -> None:
        finished = [
            item
            for item in self.row_values()
            if item.operation in {"sum", "max"} and self.plan.stages[id(item)] == stage
        ]
        for gathers, items in _runs([*finished, *self.row_items(stage)]):
            if gathers or any(self._changes(item) for item in items):
                self.open_rows()
                for item in items:
                    self._row_value(item)
                self.lines.close()
        outputs = list(outputs)
        if outputs:
            self.open_rows()
            for output in outputs:
                self.deliver(
                    output, self.row(output.expression), self.row_place(f"o_{output.name}")
                )
            self.lines.close()

    def _changes(self, item: Expression) -> bool:
        return item.operation not in {"sum", "max"} or self.is_rounded(item)

    def _row_value(self, item: Expression) -> None:
        name = f"s{self.place(item)}[{self.at}]"
        if item.operation in LEAVES:
            mask = " != 0" if item.operation == "mask" else ""
            self.lines.add(f"{name} = {self.row_place(f'a_{item.value}')}{mask}")
        elif item.operation == "at_label":
            self.at_label(item, name)
        elif item.operation not in {"sum", "max"}:
            arguments = [self.row(child) for child in item.arguments]
            self.lines.add(f"{name} = {self.spell(item, arguments, 'f64')}")
        if item.operation == "label":
            self.lines.add(f"e{self.place(item)}[{self.at}] = i32({name})")
        elif self.is_rounded(item):
            self.lines.add(f"e{self.place(item)}[{self.at}] = {self.precision}({name})")


def _runs(items: list[Expression]) -> Iterator[tuple[bool, list[Expression]]]:
    """Cut row values into those that are gathered at the label and the others.

    A loop with a gather is not vectorised, so it must not hold anything else.
    """
    for gathers, run in groupby(items, lambda item: item.operation == "at_label"):
        yield gathers, list(run)
