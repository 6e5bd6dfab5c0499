"""Kernels of losses along an axis: what all layouts share.

They work on blocks of neighbouring rows: a pass over the classes of all rows of the block, then
what belongs to the rows themselves, which lives in small arrays on the stack. So the loops over
row values are vectorised too. Row values are computed in float64: they cost little, and the last
steps (a logarithm, a difference of large numbers) must not lose what the loops have earned.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from typing import Any, ClassVar

from lossary.formula.elements import named_index
from lossary.formula.expression import LEAVES, Expression, Kind
from lossary.formula.plan import Output, Pass
from lossary.formula.primitives import PRIMITIVES
from lossary.kernels.writer import Writer, by_row


class BlockWriter(Writer):
    """Writes a loop over units, each a block of rows with all their classes.

    ``block`` is the largest number of rows in a unit, ``at`` the name of a row's number in it.
    """

    block: ClassVar[int]
    at: ClassVar[str]

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        # Row values that the loop at hand has computed: they need not be read from their arrays.
        self._at_hand: set[int] = set()
        stages = range(len(self.plan.passes) + 1)
        self._loops = [_runs(self._row_values_of(stage)) for stage in stages]
        self._kept = self._needed_elsewhere()

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
        """Make the arrays of those row values that are needed beyond the loop they come from."""
        for item in self.row_values():
            kind: str = "f64" if item.operation != "max" else self.precision
            kind = "i64" if item.operation == "label" else kind
            kind = "bool" if self.is_boolean(item) else kind
            if id(item) in self._kept:
                self.scratch(f"s{self.place(item)}", kind, self.block)
            if self.is_rounded(item) or item.operation == "label":
                kind = "i32" if item.operation == "label" else self.precision
                self.scratch(f"e{self.place(item)}", kind, self.block)

    def _row_values_of(self, stage: int) -> list[Expression]:
        """Return the row values of a stage: those that its pass has reduced, then the others."""
        finished = [
            item
            for item in self.row_values()
            if item.operation in {"sum", "max"} and self.plan.stages[id(item)] == stage
        ]
        return [*finished, *self.row_items(stage)]

    def _needed_elsewhere(self) -> set[int]:
        """Return the ids of the row values that other loops read than the one they come from."""
        runs = [items for stage in self._loops for items in stage]
        loop_of = {id(item): number for number, items in enumerate(runs) for item in items}
        last = {id(item) for item in (self._loops[-1] or [[]])[-1]}
        needed = {id(o.expression) for o in self.plan.outputs if id(o.expression) not in last}
        needed |= {id(x) for x in self.row_values() if x.operation in {"sum", "max", "label"}}
        for user in self.plan.nodes:
            for item in user.arguments:
                # Elements read the rounded value, which has an array of its own, unless it is
                # what they compare their index with.
                element = user.kind is Kind.ELEMENT and named_index(user) is not item
                same = loop_of.get(id(item)) == loop_of.get(id(user))
                if not same and not (element and self.is_rounded(item)):
                    needed.add(id(item))
        return needed

    def reference(self, item: Expression) -> str:
        """Return the name of a row value or constant in float64."""
        if not self._varies(item) or id(item) in self._at_hand:
            return super().reference(item)
        place = f"s{self.place(item)}[{self.at}]"
        return f"f64({place})" if item.operation == "max" else place

    def rounded_reference(self, item: Expression) -> str:
        """Return the name of a row value or constant in the working precision."""
        return super().rounded_reference(item) + (f"[{self.at}]" if self._varies(item) else "")

    def is_named(self, index: str, named: Expression) -> str:
        """Compare a class index with a row's label or another row value."""
        if named.operation == "label" and self._varies(named):
            return f"(i32({index}) == e{self.place(named)}[{self.at}])"
        return super().is_named(index, named)

    def open_rows(self) -> None:
        """Begin a loop over the block's rows."""
        self.lines.open(f"for {self.at} in range(width):")

    def _varies(self, item: Expression) -> bool:
        return item.kind is Kind.ROW and not self.is_scalar(item)

    def _stage(self, stage: int, outputs: Iterable[Output]) -> None:
        """Write the loops of a stage; outputs are delivered in the last of them."""
        loops = [x for x in self._loops[stage] if any(map(self._changes, x))]
        outputs = list(outputs)
        if outputs and not loops:
            loops = [[]]
        for number, items in enumerate(loops, 1):
            self.open_rows()
            for item in items:
                self._row_value(item)
            for output in outputs if number == len(loops) else ():
                value = self.row(output.expression)
                self.deliver(output, value, self.row_place(f"o_{output.name}"))
            self._at_hand.clear()
            self.lines.close()

    def _changes(self, item: Expression) -> bool:
        return item.operation not in {"sum", "max"} or self.is_rounded(item)

    def _row_value(self, item: Expression) -> None:
        """Compute a row value; keep it if it is needed elsewhere."""
        lines, place = self.lines, self.place(item)
        if item.operation in {"sum", "max"}:
            name = self.reference(item)
        else:
            name = f"n{place}"
            self._compute(item, name)
            self._at_hand.add(id(item))
            if id(item) in self._kept:
                lines.add(f"s{place}[{self.at}] = {name}")
        if item.operation == "label":
            lines.add(f"e{place}[{self.at}] = i32({name})")
        elif self.is_rounded(item):
            lines.add(f"e{place}[{self.at}] = {self.precision}({name})")

    def _compute(self, item: Expression, name: str) -> None:
        if item.operation in LEAVES:
            mask = " != 0" if item.operation == "mask" else ""
            value = self.row_place(f"a_{item.value}") + mask
            value = f"f64({value})" if item.operation == "argument" else value
            self.lines.add(f"{name} = {value}")
        elif item.operation == "at_label":
            self.at_label(item, name)
        else:
            arguments = [self.row(child) for child in item.arguments]
            self.lines.add(f"{name} = {self.spell(item, arguments, 'f64')}")


class LastAxisWriter(BlockWriter):
    """What the layouts share whose arrays are (rows, classes)."""

    def shape_of(self, leaf: Expression) -> str:
        """Return the shape of the array behind a leaf."""
        if not by_row(leaf):
            return "(classes,)"
        return "(rows, classes)" if leaf.kind is Kind.ELEMENT else "(rows,)"

    def row_place(self, name: str) -> str:
        """Return where an array of row values holds that of the row at hand."""
        return f"{name}[begin + {self.at}]"

    def load_at_label(self, leaf: Expression, index: str) -> str:
        """Return how a leaf is read at one class of the row at hand."""
        place = f"begin + {self.at}, {index}" if by_row(leaf) else index
        return f"a_{leaf.value}[{place}]"


def _runs(items: list[Expression]) -> list[list[Expression]]:
    """Cut row values into those that are gathered at the label and the others.

    A loop with a gather is not vectorised, so it must not hold anything that takes long.
    """
    if not any(row.costly for x in items if (row := PRIMITIVES.get(x.operation)) is not None):
        return [items] if items else []
    return [list(run) for _, run in groupby(items, lambda item: item.operation == "at_label")]
