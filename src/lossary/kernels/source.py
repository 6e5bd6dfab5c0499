"""Plan to Numba source: one function that makes all passes over a range of chunks.

Three layouts of the data, one function each:

* ``flat``: elementwise losses; every array is one-dimensional.
* ``rows``: the class axis is last; arrays are (rows, classes) and the loop over classes is the
  vectorised one. What belongs to a row is computed in float64: it costs little and keeps the
  last steps (a logarithm, a difference of large numbers) from losing what the loop has earned.
* ``columns``: the class axis is not last; arrays are (outer, classes, inner), the loop over
  ``inner`` is the vectorised one, and row values live in small scratch arrays.

Sums are accumulated in float64 and written per chunk, so that adding the chunks in order gives
the same bits for any number of threads. A loop that holds a float64 is vectorised half as wide, so
float32 kernels work in blocks: one loop computes a block of values into scratch memory that stays
in the nearest cache, another adds them up.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Literal

from lossary.formula.expression import LEAVES, Expression, Kind, walk
from lossary.formula.plan import Output, Pass, Plan
from lossary.formula.primitives import PRIMITIVES

Layout = Literal["flat", "rows", "columns"]
Precision = Literal["f32", "f64"]

COLUMN_BLOCK = 128
BLOCK = 512

_HEADER = """\
import math

import numba
import numpy as np

from lossary.kernels import intrinsics as ops
from lossary.kernels import vector_math as vm

f32 = np.float32
f64 = np.float64
i32 = np.int32
NOWHERE = False


@numba.njit(nogil=True, error_model="numpy", fastmath={{"contract"}}, cache=CACHE)
def {name}({arguments}):
"""


@dataclass(slots=True)
class _Lines:
    """Source lines under construction."""

    text: list[str] = field(default_factory=list)
    depth: int = 1

    def add(self, line: str) -> None:
        self.text.append("    " * self.depth + line)

    def open(self, line: str) -> None:
        self.add(line)
        self.depth += 1

    def close(self) -> None:
        self.depth -= 1


@dataclass(frozen=True, slots=True)
class _Site:
    """Where element code stands.

    How it loads a leaf, the class index there, the prefix of its names, and how it tells whether
    the index is the one that a row names (empty: by comparing them).
    """

    load: Callable[[Expression], str]
    index: str = "j"
    prefix: str = "v"
    hits: str = ""


class KernelWriter:
    """Writes the source of one kernel."""

    def __init__(
        self, plan: Plan, precision: Precision, layout: Layout, scalars: frozenset[str]
    ) -> None:
        self.plan = plan
        self.precision = precision
        self.layout = layout
        self.scalars = scalars
        self.lines = _Lines()
        self.places = {id(item): place for place, item in enumerate(plan.nodes)}
        self.rounded = _used_by_elements(plan)
        self.reduced = [output for output in plan.outputs if output.role != "store"]
        self.stored = [output for output in plan.outputs if output.role == "store"]

    # --- the function -------------------------------------------------------------------------
    def source(self, name: str) -> str:
        """Return the module that defines the kernel."""
        self._constants()
        {"flat": self._flat, "rows": self._rows, "columns": self._columns}[self.layout]()
        header = _HEADER.format(name=name, arguments=", ".join(self._arguments()))
        return header + "\n".join(self.lines.text) + "\n"

    def _arguments(self) -> list[str]:
        sizes = {
            "flat": ["size"],
            "rows": ["size", "classes"],
            "columns": ["size", "classes", "inner"],
        }[self.layout]
        names = [f"a_{leaf.value}" for leaf in self.plan.leaves]
        parameters = [f"p_{name}" for name in self.plan.parameters]
        outputs = [f"o_{output.name}" for output in self.stored]
        return ["first", "last", "step", *sizes, *names, *parameters, *outputs, "partials"]

    def _flat(self) -> None:
        lines = self.lines
        self._scalar_leaves(Kind.ELEMENT)
        self._scratch(len([o for o in self.reduced if o.role == "sum"]))
        self._open_chunks()
        lines.open(f"for base in range(start, stop, {BLOCK}):")
        lines.add(f"width = min({BLOCK}, stop - base)")
        for leaf in self.plan.leaves:
            if str(leaf.value) not in self.scalars:
                lines.add(f"x_{leaf.value} = a_{leaf.value}[base : base + width]")
        for output in self.stored:
            lines.add(f"y_{output.name} = o_{output.name}[base : base + width]")
        counts = [self.reduced.index(o) for o in self.reduced if o.role == "count"]
        for place in counts:
            lines.add(f"c{place} = {self.precision}(0)")
        lines.open("for i in range(width):")
        site = _Site(lambda leaf: f"x_{leaf.value}[i]", "i")
        self._elements([output.expression for output in self.plan.outputs], site)
        sums = []
        for output in self.plan.outputs:
            value = self._element(output.expression, site)
            if output.role == "count":
                flag = f"ops.select({value}, {self.precision}(1), {self.precision}(0))"
                total = f"c{self.reduced.index(output)}"
                lines.add(f"{total} = ops.accumulate({total}, {flag})")
            elif output.role == "sum":
                sums.append((f"t{self.reduced.index(output)}", value))
                self._add_wide(len(sums) - 1, *sums[-1])
            else:
                self._deliver(output, value, f"y_{output.name}[i]")
        lines.close()
        self._add_scratch([total for total, _ in sums])
        for place in counts:
            lines.add(f"t{place} += np.int64(c{place})")
        lines.close()
        self._close_chunks()

    def _rows(self) -> None:
        lines = self.lines
        self._scalar_leaves(Kind.ROW)
        self._scratch(max((len(sweep.sums) for sweep in self.plan.passes), default=0))
        self._open_chunks()
        lines.open("for row in range(start, stop):")
        for leaf in self._leaves(Kind.ELEMENT):
            lines.add(f"x_{leaf.value} = a_{leaf.value}[{'row' if self._by_row(leaf) else ':'}]")
        for output in self._element_outputs():
            lines.add(f"y_{output.name} = o_{output.name}[row]")
        for number, sweep in enumerate(self.plan.passes):
            self._row_stage(number)
            self._row_pass(sweep)
        self._row_stage(len(self.plan.passes))
        for output in self.plan.outputs:
            if output.expression.kind is not Kind.ELEMENT:
                self._deliver(output, self._row(output.expression), f"o_{output.name}[row]")
        lines.close()
        self._close_chunks()

    def _columns(self) -> None:
        lines = self.lines
        self._scalar_leaves(Kind.ROW)
        self._scratch(max((len(sweep.sums) for sweep in self.plan.passes), default=0), COLUMN_BLOCK)
        for item in self._row_values():
            kind: str = "f64" if item.operation != "max" else self.precision
            kind = "np.int64" if item.operation == "label" else kind
            kind = "np.bool_" if self._is_boolean(item) else kind
            lines.add(f"s{self._place(item)} = np.empty({COLUMN_BLOCK}, {kind})")
            if self._is_rounded(item) or item.operation == "label":
                kind = "i32" if item.operation == "label" else self.precision
                lines.add(f"e{self._place(item)} = np.empty({COLUMN_BLOCK}, {kind})")
        lines.add(f"blocks = (inner + {COLUMN_BLOCK - 1}) // {COLUMN_BLOCK}")
        self._open_chunks()
        lines.open("for unit in range(start, stop):")
        lines.add("outer = unit // blocks")
        lines.add(f"begin = unit % blocks * {COLUMN_BLOCK}")
        lines.add(f"width = min({COLUMN_BLOCK}, inner - begin)")
        for number, sweep in enumerate(self.plan.passes):
            self._column_stage(number, ())
            self._column_pass(sweep)
        rows = [o for o in self.plan.outputs if o.expression.kind is not Kind.ELEMENT]
        self._column_stage(len(self.plan.passes), rows)
        lines.close()
        self._close_chunks()

    # --- sums in two steps --------------------------------------------------------------------
    def _scratch(self, count: int, length: int = BLOCK) -> None:
        if self.precision == "f32":
            for place in range(count):
                self.lines.add(f"b{place} = np.empty({length}, f32)")

    def _add_wide(self, place: int, total: str, value: str) -> None:
        """Add to a float64 total: at once in float64, by way of scratch memory in float32."""
        if self.precision == "f64":
            self.lines.add(f"{total} = ops.accumulate({total}, {value})")
        else:
            self.lines.add(f"b{place}[i] = {value}")

    def _add_scratch(self, totals: list[str]) -> None:
        if self.precision == "f32" and totals:
            self.lines.open("for i in range(width):")
            for place, total in enumerate(totals):
                self.lines.add(f"{total} = ops.accumulate({total}, f64(b{place}[i]))")
            self.lines.close()

    # --- chunks -------------------------------------------------------------------------------
    def _open_chunks(self) -> None:
        lines = self.lines
        lines.open("for chunk in range(first, last):")
        lines.add("start = chunk * step")
        lines.add("stop = min(start + step, size)")
        for place, output in enumerate(self.reduced):
            lines.add(f"t{place} = {_START[output.role].format(f=self._total_type(output))}")

    def _close_chunks(self) -> None:
        for place, _ in enumerate(self.reduced):
            self.lines.add(f"partials[chunk, {place}] = t{place}")
        self.lines.close()

    def _total_type(self, output: Output) -> str:
        wide = output.role in {"sum", "count"} or output.expression.kind is not Kind.ELEMENT
        return "f64" if wide else self.precision

    def _deliver(self, output: Output, value: str, place: str) -> None:
        if output.role == "store":
            self.lines.add(f"{place} = {value}")
            return
        total = f"t{self.reduced.index(output)}"
        self.lines.add(f"{total} = {_UPDATE[output.role].format(total=total, value=value)}")

    # --- what does not vary -------------------------------------------------------------------
    def _constants(self) -> None:
        """Compute constants once, in float64, and round those that elements use."""
        for item in self.plan.nodes:
            if item.kind is Kind.CONSTANT and item.operation not in {"literal", *LEAVES}:
                name = f"n{self._place(item)}"
                spelled = (
                    f"f64(p_{item.value})"
                    if item.operation == "parameter"
                    else self._spell(item, [self._row(child) for child in item.arguments], "f64")
                )
                self.lines.add(f"{name} = {spelled}")
                self._round(item)

    def _round(self, item: Expression) -> None:
        """Round a float64 value to the working precision, if elements use it."""
        if self._is_rounded(item):
            place = self._place(item)
            self.lines.add(f"e{place} = {self.precision}(n{place})")

    def _is_rounded(self, item: Expression) -> bool:
        varies = item.operation != "label" and not self._is_boolean(item)
        return id(item) in self.rounded and varies

    def _scalar_leaves(self, kind: Kind) -> None:
        for leaf in self.plan.leaves:
            if str(leaf.value) in self.scalars and leaf.kind is kind:
                prefix = "v" if kind is Kind.ELEMENT else "n"
                self._leaf(leaf, f"{prefix}{self._place(leaf)}", "[0]", kind)

    def _leaf(self, leaf: Expression, name: str, index: str, kind: Kind) -> None:
        spelled = f"a_{leaf.value}{index}"
        if leaf.operation == "mask":
            spelled += " != 0"
        elif leaf.operation == "argument" and kind is not Kind.ELEMENT:
            spelled = f"f64({spelled})"
        self.lines.add(f"{name} = {spelled}")
        if kind is Kind.ROW:
            self._round(leaf)

    # --- elements -----------------------------------------------------------------------------
    def _elements(self, outputs: Iterable[Expression], site: _Site) -> None:
        """Write what the outputs need per element, each node once."""
        for item in walk(*outputs):
            if item.kind is not Kind.ELEMENT or item.operation == "index":
                continue
            name = f"{site.prefix}{self._place(item)}"
            if item.operation not in LEAVES:
                self.lines.add(f"{name} = {self._element_value(item, site)}")
            elif str(item.value) not in self.scalars:
                mask = " != 0" if item.operation == "mask" else ""
                self.lines.add(f"{name} = {site.load(item)}{mask}")

    def _element_value(self, item: Expression, site: _Site) -> str:
        if item.operation == "equal":
            for one, other in (item.arguments, item.arguments[::-1]):
                if one.operation == "index":
                    return site.hits or f"(i32({site.index}) == {self._index_reference(other)})"
        arguments = [self._element(child, site) for child in item.arguments]
        return self._spell(item, arguments, self.precision)

    def _index_reference(self, item: Expression) -> str:
        """Return a row's label where elements compare their index with it, in 32 bits."""
        if item.operation == "label" and self.layout == "columns" and not self._is_scalar(item):
            return f"e{self._place(item)}[i]"
        return f"i32({self._reference(item)})"

    def _element(self, item: Expression, site: _Site) -> str:
        """Return the name of a node where elements are computed."""
        if item.operation == "literal":
            return f"{self.precision}({_number(item)})"
        if item.operation == "index":
            return f"{self.precision}({site.index})"
        if item.kind is Kind.ELEMENT:
            return f"{site.prefix}{self._place(item)}"
        if item.operation == "label" or self._is_boolean(item):
            return self._reference(item)
        if self.layout == "columns" and item.kind is Kind.ROW and not self._is_scalar(item):
            return f"e{self._place(item)}[i]"
        return f"e{self._place(item)}"

    # --- rows ---------------------------------------------------------------------------------
    def _row(self, item: Expression) -> str:
        """Return the name of a node where row values are computed."""
        if item.operation == "literal":
            return f"f64({_number(item)})"
        return self._reference(item)

    def _reference(self, item: Expression) -> str:
        varies = item.kind is Kind.ROW and not self._is_scalar(item)
        if self.layout == "columns" and varies:
            wide = item.operation != "max"
            return f"s{self._place(item)}[i]" if wide else f"f64(s{self._place(item)}[i])"
        return f"n{self._place(item)}"

    def _row_items(self, stage: int) -> list[Expression]:
        """Return the row values, other than loop reductions, that belong to a stage."""
        return [
            item
            for item in self.plan.nodes
            if item.kind is Kind.ROW
            and self.plan.stages[id(item)] == stage
            and item.operation not in {"sum", "max"}
            and not self._is_scalar(item)
        ]

    def _row_stage(self, stage: int) -> None:
        for item in self._row_items(stage):
            name = f"n{self._place(item)}"
            if item.operation in LEAVES:
                self._leaf(item, name, "[row]", Kind.ROW)
                continue
            if item.operation == "at_label":
                self._at_label(item, name)
            else:
                arguments = [self._row(child) for child in item.arguments]
                self.lines.add(f"{name} = {self._spell(item, arguments, 'f64')}")
            self._round(item)

    def _at_label(self, item: Expression, name: str) -> None:
        """Evaluate an element expression at the label; an invalid label reads class 0."""
        values, label = item.arguments
        index = f"l{self._place(item)}"
        given = self._reference(label)
        self.lines.add(f"{index} = np.int64({given})")
        self.lines.open(f"if {index} < 0 or {index} >= classes:")
        self.lines.add(f"{index} = 0")
        self.lines.close()
        site = _Site(lambda leaf: self._load_at(leaf, index), index, f"{index}_")
        self._elements([values], site)
        self.lines.add(f"{name} = f64({self._element(values, site)})")

    def _load_at(self, leaf: Expression, index: str) -> str:
        if self.layout != "columns":
            return f"x_{leaf.value}[{index}]"
        if not self._by_row(leaf):
            return f"a_{leaf.value}[{index}]"
        return f"a_{leaf.value}[outer, {index}, begin + i]"

    def _row_pass(self, sweep: Pass) -> None:
        if not sweep.reductions and not sweep.outputs:
            return
        lines = self.lines
        for item in sweep.reductions:
            start = "0.0" if item.operation == "sum" else f"{self.precision}(-math.inf)"
            lines.add(f"r{self._place(item)} = {start}")
        lines.open(f"for base in range(0, classes, {BLOCK}):")
        lines.add(f"width = min({BLOCK}, classes - base)")
        for leaf in self._leaves(Kind.ELEMENT):
            lines.add(f"z_{leaf.value} = x_{leaf.value}[base : base + width]")
        for output in sweep.outputs:
            lines.add(f"w_{output.name} = y_{output.name}[base : base + width]")
        named = self._named_indices(sweep)
        if len(named) == 1:
            # Only one block of a row holds the index that it names; the others need no comparison.
            lines.add(f"here = {self._reference(named[0])} - base")
            lines.open("if here >= 0 and here < width:")
            self._row_loop(sweep, "(i32(i) == i32(here))")
            lines.close()
            lines.open("else:")
            self._row_loop(sweep, "NOWHERE")
            lines.close()
        else:
            self._row_loop(sweep, "")
        self._add_scratch([f"r{self._place(item)}" for item in sweep.sums])
        lines.close()
        for item in sweep.reductions:
            lines.add(f"n{self._place(item)} = f64(r{self._place(item)})")
            self._round(item)

    def _row_loop(self, sweep: Pass, hits: str) -> None:
        self.lines.open("for i in range(width):")
        site = _Site(lambda leaf: f"z_{leaf.value}[i]", "(base + i)", hits=hits)
        self._sweep_body(sweep, site, lambda item: f"r{self._place(item)}", "w_{name}[i]")
        self.lines.close()

    def _named_indices(self, sweep: Pass) -> list[Expression]:
        """Return the row values that elements of a sweep compare their class index with."""
        wanted = [item.arguments[0] for item in sweep.reductions]
        wanted += [output.expression for output in sweep.outputs]
        found: dict[int, Expression] = {}
        for item in walk(*wanted):
            if item.operation == "equal":
                for one, other in (item.arguments, item.arguments[::-1]):
                    if one.operation == "index":
                        found[id(other)] = other
        return list(found.values())

    def _sweep_body(
        self, sweep: Pass, site: _Site, total: Callable[[Expression], str], store: str
    ) -> None:
        wanted = [item.arguments[0] for item in sweep.reductions]
        wanted += [output.expression for output in sweep.outputs]
        self._elements(wanted, site)
        for place, item in enumerate(sweep.sums):
            self._add_wide(place, total(item), self._element(item.arguments[0], site))
        for item in sweep.reductions:
            if item.operation == "max":
                name, value = total(item), self._element(item.arguments[0], site)
                self.lines.add(f"{name} = ops.maximum({name}, {value})")
        for output in sweep.outputs:
            target = store.format(name=output.name)
            self._deliver(output, self._element(output.expression, site), target)

    # --- columns ------------------------------------------------------------------------------
    def _column_stage(self, stage: int, outputs: Iterable[Output]) -> None:
        items = self._row_items(stage)
        finished = [
            item
            for item in self._row_values()
            if item.operation in {"sum", "max"} and self.plan.stages[id(item)] == stage
        ]
        outputs = list(outputs)
        if not items and not outputs and not any(map(self._is_rounded, finished)):
            return
        self.lines.open("for i in range(width):")
        for item in finished:
            self._round_column(item)
        for item in items:
            name = f"s{self._place(item)}[i]"
            if item.operation in LEAVES:
                mask = " != 0" if item.operation == "mask" else ""
                self.lines.add(f"{name} = a_{item.value}[outer, begin + i]{mask}")
            elif item.operation == "at_label":
                self._at_label(item, name)
            else:
                arguments = [self._row(child) for child in item.arguments]
                self.lines.add(f"{name} = {self._spell(item, arguments, 'f64')}")
            self._round_column(item)
        for output in outputs:
            place = f"o_{output.name}[outer, begin + i]"
            self._deliver(output, self._row(output.expression), place)
        self.lines.close()

    def _round_column(self, item: Expression) -> None:
        place = self._place(item)
        if item.operation == "label":
            self.lines.add(f"e{place}[i] = i32(s{place}[i])")
        elif self._is_rounded(item):
            self.lines.add(f"e{place}[i] = {self.precision}(s{place}[i])")

    def _column_pass(self, sweep: Pass) -> None:
        if not sweep.reductions and not sweep.outputs:
            return
        lines = self.lines
        for item in sweep.reductions:
            start = "0.0" if item.operation == "sum" else "-math.inf"
            lines.add(f"s{self._place(item)}[:] = {start}")
        lines.open("for j in range(classes):")
        lines.open("for i in range(width):")
        site = _Site(lambda leaf: self._load_at(leaf, "j"))
        store = "o_{name}[outer, j, begin + i]"
        self._sweep_body(sweep, site, lambda item: f"s{self._place(item)}[i]", store)
        lines.close()
        self._add_scratch([f"s{self._place(item)}[i]" for item in sweep.sums])
        lines.close()

    # --- small questions ----------------------------------------------------------------------
    def _spell(self, item: Expression, arguments: list[str], precision: str) -> str:
        return PRIMITIVES[item.operation].kernel.format(*arguments, s=precision, f=precision)

    def _place(self, item: Expression) -> int:
        return self.places[id(item)]

    def _leaves(self, kind: Kind) -> list[Expression]:
        return [leaf for leaf in self.plan.leaves if leaf.kind is kind]

    def _element_outputs(self) -> list[Output]:
        return [o for o in self.stored if o.expression.kind is Kind.ELEMENT]

    def _row_values(self) -> list[Expression]:
        return [
            item for item in self.plan.nodes if item.kind is Kind.ROW and not self._is_scalar(item)
        ]

    def _is_scalar(self, item: Expression) -> bool:
        return item.operation in LEAVES and str(item.value) in self.scalars

    def _by_row(self, leaf: Expression) -> bool:
        return leaf.value != "class_weights"

    def _is_boolean(self, item: Expression) -> bool:
        return item.operation == "mask" or (
            item.operation in PRIMITIVES and PRIMITIVES[item.operation].boolean
        )


_START = {"sum": "0.0", "count": "0", "minimum": "{f}(math.inf)", "maximum": "{f}(-math.inf)"}
_UPDATE = {
    "sum": "ops.accumulate({total}, {value})",
    "count": "{total} + np.int64({value})",
    "minimum": "ops.minimum({total}, {value})",
    "maximum": "ops.maximum({total}, {value})",
}


def _used_by_elements(plan: Plan) -> set[int]:
    """Return the ids of the row values and constants that elements are computed from."""
    used = {id(o.expression) for o in plan.outputs}
    for item in plan.nodes:
        if item.kind is Kind.ELEMENT or item.operation in {"sum", "max", "at_label"}:
            used.update(id(child) for child in item.arguments)
    return used


def _number(item: Expression) -> str:
    value = float(item.value)  # type: ignore[arg-type]
    if math.isnan(value):
        return "math.nan"
    if math.isinf(value):
        return "math.inf" if value > 0 else "-math.inf"
    return repr(value)
