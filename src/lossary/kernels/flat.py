"""Kernels of elementwise losses: sixteen neighbouring elements at a time, whatever their order.

What is left over at the end of the data is copied to a padded vector on the stack, so that one
loop serves all: its addresses are those of the arrays, or those of the padded vectors.
"""

from __future__ import annotations

from typing import ClassVar

from lossary.formula.expression import Expression
from lossary.formula.plan import Output, Plan
from lossary.kernels.form import Form
from lossary.kernels.frame import Frame, Site
from lossary.kernels.lanes import LANES, Lanes


class FlatKernel(Frame):
    """Writes a loop over all elements. A unit is an element."""

    sizes: ClassVar[tuple[str, ...]] = ("size",)

    def __init__(self, plan: Plan, form: Form) -> None:
        super().__init__(plan, form)
        self.read = [leaf for leaf in plan.leaves if not self.is_scalar(leaf)]

    def chunk(self, start: Lanes, stop: Lanes, totals: list[Lanes]) -> list[Lanes]:
        """Write the loop over a chunk."""
        code = self.code
        pads = {str(leaf.value): code.stack(self.leaf_type(leaf), LANES) for leaf in self.read}
        for output in self.plan.stored:
            pads[output.name] = code.stack(self.stored_type(output), LANES)

        def body(place: Lanes, totals: list[Lanes]) -> list[Lanes]:
            rest = stop - place
            short = rest < LANES
            addresses: dict[str, Lanes] = {}
            for leaf in self.read:
                name, type_ = str(leaf.value), self.leaf_type(leaf)
                addresses[name] = code.at(self.arrays[name], place, type_)

            def fill() -> None:
                for leaf in self.read:
                    name = str(leaf.value)
                    self._copy(addresses[name], pads[name], rest, self.leaf_type(leaf))

            code.branch(short, fill)
            site = _FlatSite(
                self, {name: short.select(pads[name], x) for name, x in addresses.items()}
            )
            values = {o.name: site.register(o.expression) for o in self.plan.outputs}
            self._start = place
            kept = [(output, self._target(output, place)) for output in self.plan.stored]
            for output, target in kept:
                stored = self.delivered(output, values[output.name])
                code.store(stored, short.select(pads[output.name], target))

            def empty() -> None:
                for output, target in kept:
                    self._copy(pads[output.name], target, rest, self.stored_type(output))

            if kept:
                code.branch(short, empty)
            if not totals:
                return []
            part = code.iota("i32") < rest.to("i32")
            return self.add(totals, values, part)

        return code.loop(stop, LANES, totals, body, start=start)

    def place(self) -> Lanes:
        """Return the places of sixteen elements."""
        return self._start.to("f64").splat() + self.code.iota("f64")

    def _target(self, output: Output, place: Lanes) -> Lanes:
        return self.code.at(self.outputs[output.name], place, self.stored_type(output))

    def _copy(self, source: Lanes, target: Lanes, count: Lanes, type_: str) -> None:
        """Copy a few neighbouring elements."""
        code = self.code

        def one(i: Lanes, _: list[Lanes]) -> list[Lanes]:
            code.store(code.load(code.at(source, i, type_), type_, 1), code.at(target, i, type_))
            return []

        code.loop(count, 1, [], one)


class _FlatSite(Site):
    def __init__(self, frame: FlatKernel, addresses: dict[str, Lanes]) -> None:
        super().__init__(frame)
        self._addresses = addresses

    def load(self, leaf: Expression) -> Lanes:
        """Read sixteen elements."""
        frame = self.frame
        given = frame.code.load(self._addresses[str(leaf.value)], frame.leaf_type(leaf))
        return frame.converted(leaf, given, frame.elements)
