"""Kernels of elementwise losses: every array is one-dimensional."""

from __future__ import annotations

from lossary.formula.expression import Expression, Kind
from lossary.kernels.writer import Site, Writer

BLOCK = 512


class FlatWriter(Writer):
    """Writes a loop over elements, in blocks whose values are added up in a second loop."""

    sizes = ("size",)

    def body(self) -> None:
        """Write the loop over blocks."""
        lines = self.lines
        self.scalar_leaves(Kind.ELEMENT)
        sums = [output for output in self.reduced if output.role == "sum"]
        counts = [place for place, o in enumerate(self.reduced) if o.role == "count"]
        if self.precision == "f32":
            for place, _ in enumerate(sums):
                self.scratch(f"b{place}", "f32", BLOCK)
        self.open_chunks()
        lines.open(f"for base in range(start, stop, {BLOCK}):")
        lines.add(f"width = min({BLOCK}, stop - base)")
        for leaf in self.plan.leaves:
            if str(leaf.value) not in self.scalars:
                lines.add(f"x_{leaf.value} = a_{leaf.value}[base : base + width]")
        for output in self.stored:
            lines.add(f"y_{output.name} = o_{output.name}[base : base + width]")
        for place in counts:
            lines.add(f"c{place} = {self.precision}(0)")
        self._loop()
        if self.precision == "f32":
            self.add_up(f"t{self.reduced.index(output)}" for output in sums)
        for place in counts:
            lines.add(f"t{place} += np.int64(c{place})")
        lines.close()
        self.close_chunks()

    def shape_of(self, leaf: Expression) -> str:
        """Return the shape of the array behind a leaf."""
        return "(size,)"

    def _loop(self) -> None:
        lines = self.lines
        lines.open("for i in range(width):")
        site = Site(self._load, "i")
        self.elements([output.expression for output in self.plan.outputs], site)
        block = 0
        for output in self.plan.outputs:
            value = self.element(output.expression, site)
            if output.role == "count":
                flag = f"ops.select({value}, {self.precision}(1), {self.precision}(0))"
                total = f"c{self.reduced.index(output)}"
                lines.add(f"{total} = ops.accumulate({total}, {flag})")
            elif output.role == "sum" and self.precision == "f32":
                lines.add(f"b{block}[i] = {value}")
                block += 1
            else:
                self.deliver(output, value, f"y_{output.name}[i]")
        lines.close()

    def _load(self, leaf: Expression) -> str:
        """Read an element; float32 is widened where the kernel works in float64."""
        element = f"x_{leaf.value}[i]"
        return f"{self.precision}({element})" if leaf.operation == "argument" else element
