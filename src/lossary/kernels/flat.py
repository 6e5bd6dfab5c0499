"""Kernels of elementwise losses: sixteen contiguous elements at a time, in memory order.

The remainder at the end of the data is copied to a padded vector on the stack, so that the same
loop body runs on the arrays and on the padded vectors.
"""

from __future__ import annotations

from typing import ClassVar

from lossary.formula.expression import Expression
from lossary.formula.plan import Plan
from lossary.kernels.form import Form
from lossary.kernels.frame import Frame, Site
from lossary.kernels.functions import smaller
from lossary.kernels.lanes import LANES, Lanes


class FlatKernel(Frame):
    """Writes a loop over all elements. A unit is an element."""

    sizes: ClassVar[tuple[str, ...]] = ("size",)

    def __init__(self, plan: Plan, form: Form) -> None:
        super().__init__(plan, form)
        self.read = [leaf for leaf in plan.leaves if not self.is_scalar(leaf)]

    def chunk(self, start: Lanes, stop: Lanes, totals: list[Lanes]) -> list[Lanes]:
        """Write the loop over a chunk: first over full vectors, then over the remainder."""
        code = self.code
        rest = (stop - start) % LANES
        whole = stop - rest
        types = {str(leaf.value): self.leaf_type(leaf) for leaf in self.read}
        types |= {f"-> {output.name}": self.stored_type(output) for output in self.plan.stored}
        arrays = {name: x for name, x in self.arrays.items() if name in types}
        arrays |= {f"-> {name}": x for name, x in self.outputs.items()}
        pads = {name: code.stack(type_, LANES) for name, type_ in types.items()}

        def part(number: Lanes, totals: list[Lanes]) -> list[Lanes]:
            short = number > 0
            first = short.select(whole, start)
            starts = {name: code.at(arrays[name], first, types[name]) for name in types}
            bases = {name: short.select(pads[name], x) for name, x in starts.items()}

            def copy(outputs: bool) -> None:
                for name, type_ in types.items():
                    if name.startswith("-> ") is outputs:
                        ends = (pads[name], starts[name])
                        self._copy(*(ends if outputs else ends[::-1]), rest, type_)

            def body(offset: Lanes, totals: list[Lanes]) -> list[Lanes]:
                self._start = first + offset
                addresses = {name: code.at(x, offset, types[name]) for name, x in bases.items()}
                site = _FlatSite(self, addresses)
                values = {o.name: site.register(o.expression) for o in self.plan.outputs}
                for output in self.plan.stored:
                    given = self.as_stored(output, values[output.name])
                    code.store(given, addresses[f"-> {output.name}"])
                return self.add(totals, values, None)

            code.branch(short, lambda: copy(outputs=False))
            count = short.select(rest, whole - start)
            found = code.loop(count, LANES, self.start(), body)
            code.branch(short, lambda: copy(outputs=True))
            return self.merged(totals, found, code.iota() < smaller(count, LANES))

        return code.loop(smaller(rest, 1) + 1, 1, totals, part)

    def indices(self) -> Lanes:
        """Return the indices of sixteen elements."""
        return self._start.to("f64").splat() + self.code.iota("f64")

    def _copy(self, source: Lanes, target: Lanes, count: Lanes, type_: str) -> None:
        """Copy ``count`` contiguous elements."""
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
