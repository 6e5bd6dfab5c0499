"""Kernels of losses along the last axis: the loop over the classes is the vectorised one.

Arrays are (rows, classes). A unit is a block of rows that stay in a near cache from one pass over
them to the next.

Where one class of a row is treated apart (the label's), no element of the loop is asked whether
it is that class: the loop treats all alike, and the one element is computed again and put in its
place before the values are reduced.
"""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from lossary.formula.elements import asks, named_index, walk_elements
from lossary.formula.expression import Expression, Kind
from lossary.formula.plan import Pass
from lossary.kernels.blocks import LastAxisWriter
from lossary.kernels.flat import BLOCK
from lossary.kernels.writer import Site, by_row

#: The most rows of a unit.
ROWS = 32
# Blocks are filled up to a multiple of this with zeros before they are added up, so that the
# vectorised loop leaves nothing over for a slow one.
LANES = 16
# Numbers of a vector. Where nothing is stored per element, a loop goes on into the next row until
# its last vector is whole; the zeros take the place of what it computes there.
VECTOR = 8
# So many classes of float64 are added up in vector registers before what is lost is looked at.
PART = 64


class RowsWriter(LastAxisWriter):
    """Writes a loop over blocks of rows, and for each row loops over its classes."""

    sizes = ("size", "classes", "rows", "block")
    block: ClassVar[int] = ROWS
    at: ClassVar[str] = "row"

    def begin_unit(self) -> None:
        """Find the block of rows."""
        self.lines.add("begin = unit * block")
        self.lines.add("width = min(block, rows - begin)")

    def make_scratch(self) -> None:
        """Make the arrays of row values, and those of a block of classes."""
        super().make_scratch()
        for place in range(max((len(self._by_way(s)) for s in self.plan.passes), default=0)):
            self.scratch(f"b{place}", self.precision, BLOCK + LANES)
        if any(map(self._goes_on, self.plan.passes)):
            for leaf in self.leaves(Kind.ELEMENT):
                self.lines.add(f"f_{leaf.value} = a_{leaf.value}.reshape(-1)")

    def sweep(self, sweep: Pass) -> None:
        """Write a pass: row by row, each in blocks of classes."""
        if not sweep.reductions and not sweep.outputs:
            return
        lines = self.lines
        self.open_rows()
        for item in sweep.reductions:
            start = "0.0" if item.operation == "sum" else f"{self.precision}(-math.inf)"
            lines.add(f"r{self.place(item)} = {start}")
        for item in sweep.sums:
            lines.add(f"c{self.place(item)} = 0.0")
        lines.open(f"for base in range(0, classes, {BLOCK}):")
        lines.add(f"span = min({BLOCK}, classes - base)")
        self._cut_block(sweep)
        self._block(sweep)
        lines.close()
        for item in sweep.reductions:
            place = self.place(item)
            total = f"sums.complete(r{place}, c{place})" if item.operation == "sum" else f"r{place}"
            lines.add(f"s{place}[row] = {total}")
        lines.close()

    def _cut_block(self, sweep: Pass) -> None:
        """Cut a block of classes out of the row; the loop over them reaches to ``reach``."""
        lines = self.lines
        if self._goes_on(sweep):
            lines.add("place = (begin + row) * classes + base")
            whole = f"(span + {VECTOR - 1}) // {VECTOR} * {VECTOR}"
            lines.add(f"reach = min({whole}, rows * classes - place)")
            for leaf in self.leaves(Kind.ELEMENT):
                lines.add(f"z_{leaf.value} = f_{leaf.value}[place : place + reach]")
            return
        lines.add("reach = span")
        for leaf in self.leaves(Kind.ELEMENT):
            row = "begin + row, " if by_row(leaf) else ""
            lines.add(f"z_{leaf.value} = a_{leaf.value}[{row}base : base + span]")
        for output in sweep.memory:
            lines.add(f"w_{output.name} = o_{output.name}[begin + row, base : base + span]")

    def _goes_on(self, sweep: Pass) -> bool:
        """Tell whether the loop over classes may go on into the next row."""
        leaves = self.leaves(Kind.ELEMENT)
        by_way = len(sweep.sums) == len(sweep.reductions) and self.precision == "f32"
        plain = all(by_row(leaf) and not self.is_scalar(leaf) for leaf in leaves)
        return bool(sweep.sums and by_way and plain and leaves and not sweep.memory)

    def _block(self, sweep: Pass) -> None:
        lines = self.lines
        named = _named_indices(sweep)
        # Of several named classes each element has to be asked which it is.
        apart = len(named) == 1
        by_way = self._by_way(sweep)
        scratch = [self.place(item) for item in by_way]
        direct = [place for place in map(self.place, sweep.sums) if place not in scratch]
        site = Site(lambda leaf: f"z_{leaf.value}[i]", "(base + i)")
        if direct:
            lines.open(f"for part in range(0, span, {PART}):")
            for place in direct:
                lines.add(f"q{place} = 0.0")
            lines.open(f"for i in range(part, min(part + {PART}, span)):")
        else:
            lines.open("for i in range(reach):")
        self._values(sweep, sweep, replace(site, hit="ELSEWHERE") if apart else site)
        lines.close()
        if direct:
            for place in direct:
                self._add(place)
            lines.close()
        if apart:
            reference = self.row(named[0])
            lines.add(f"i = np.int64({reference}) - base")
            lines.open(f"if i >= 0 and i < span and base + i == {reference}:")
            self._values(sweep, sweep.of_named_class, replace(site, hit="HERE", prefix="h"))
            lines.close()
        for number, item in enumerate(by_way):
            self._bring_in(item, f"b{number}")

    def _bring_in(self, item: Expression, block: str) -> None:
        """Bring a block of scratch memory into a running reduction."""
        lines, place = self.lines, self.place(item)
        if item.operation == "sum" and self.precision == "f64":
            running = f"r{place}, c{place}"
            lines.add(f"{running} = sums.add_block({running}, {block}, span)")
            return
        if item.operation == "sum":
            lines.open(f"for i in range(span, span + {LANES}):")
            lines.add(f"{block}[i] = 0.0")
            lines.close()
            lines.add(f"q{place} = 0.0")
            lines.open(f"for i in range((span + {LANES - 1}) // {LANES} * {LANES}):")
        else:
            lines.open("for i in range(span):")
        lines.add(self._reduced(item, f"{block}[i]"))
        lines.close()
        if item.operation == "sum":
            self._add(place)

    def _add(self, place: int) -> None:
        """Add the sum of a part of the classes to that of all."""
        running = f"r{place}, c{place}"
        self.lines.add(f"{running} = sums.add({running}, q{place})")

    def _values(self, sweep: Pass, part: Pass, site: Site) -> None:
        """Compute one element for a pass, or for the part of it that asks for the named class."""
        self.elements(part.wanted, site)
        places = {id(item): place for place, item in enumerate(self._by_way(sweep))}
        for item in part.reductions:
            value = self.element(item.arguments[0], site)
            place = places.get(id(item))
            line = self._reduced(item, value) if place is None else f"b{place}[i] = {value}"
            self.lines.add(line)
        for output in part.outputs:
            self.deliver(output, self.element(output.expression, site), f"w_{output.name}[i]")

    def _reduced(self, item: Expression, value: str) -> str:
        """Return the line that brings a value into a running reduction."""
        place = self.place(item)
        if item.operation == "max":
            return f"r{place} = ops.maximum(r{place}, {value})"
        return f"q{place} = ops.accumulate(q{place}, f64({value}))"

    def _by_way(self, sweep: Pass) -> list[Expression]:
        """Return the reductions whose values go by way of scratch memory.

        Sums in float32, as they are added up in float64; and what depends on the named class.
        """
        narrow = self.precision == "f32"
        return [
            item
            for item in sweep.reductions
            if (narrow and item.operation == "sum") or asks(item.arguments[0])
        ]


def _named_indices(sweep: Pass) -> list[Expression]:
    """Return the row values that elements of a sweep compare their class index with."""
    named = (named_index(item) for item in walk_elements(sweep.wanted))
    return list({id(item): item for item in named if item is not None}.values())
