"""Plan to Numba source: one function that makes all passes over a range of chunks.

Three layouts of the data, one function each:

* ``flat``: elementwise losses; every array is one-dimensional.
* ``rows``: the class axis is last; arrays are (rows, classes) and the loop over classes is the
  vectorised one. What belongs to a row is computed in float64: it costs little and keeps the
  last steps (a logarithm, a difference of large numbers) from losing what the loop has earned.
* ``columns``: the class axis is not last; arrays are (outer, classes, inner), the loop over
  ``inner`` is the vectorised one, and row values live in small scratch arrays.

Sums are accumulated in float64 and written per chunk, so that adding the chunks in order gives
the same bits for any number of threads.
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

_HEADER = """\
import math

import numba
import numpy as np

from lossary.kernels import intrinsics as ops
from lossary.kernels import vector_math as vm

f32 = np.float32
f64 = np.float64
i32 = np.int32


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
        self._open_chunks()
        for leaf in self.plan.leaves:
            if str(leaf.value) not in self.scalars:
                lines.add(f"x_{leaf.value} = a_{leaf.value}[start:stop]")
        for output in self.stored:
            lines.add(f"y_{output.name} = o_{output.name}[start:stop]")
        lines.open("for i in range(stop - start):")
        self._elements([output.expression for output in self.plan.outputs], "i")
        for output in self.plan.outputs:
            self._deliver(output, self._element(output.expression), f"y_{output.name}[i]")
        lines.close()
        self._close_chunks()

    def _rows(self) -> None:
        lines = self.lines
        self._scalar_leaves(Kind.ROW)
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
                value = self._row(output.expression)
                self._deliver(output, value, f"o_{output.name}[row]", wide=True)
        lines.close()
        self._close_chunks()

    def _columns(self) -> None:
        lines = self.lines
        self._scalar_leaves(Kind.ROW)
        for item in self._row_values():
            kind: str = "f64" if item.operation != "max" else self.precision
            kind = "np.int64" if item.operation == "label" else kind
            kind = "np.bool_" if self._is_boolean(item) else kind
            lines.add(f"s{self._place(item)} = np.empty({COLUMN_BLOCK}, {kind})")
        lines.add(f"blocks = (inner + {COLUMN_BLOCK - 1}) // {COLUMN_BLOCK}")
        self._open_chunks()
        lines.open("for unit in range(start, stop):")
        lines.add("outer = unit // blocks")
        lines.add(f"begin = unit % blocks * {COLUMN_BLOCK}")
        lines.add(f"width = min({COLUMN_BLOCK}, inner - begin)")
        lines.add("end = begin + width")
        for number, sweep in enumerate(self.plan.passes):
            self._column_stage(number, ())
            self._column_pass(sweep)
        rows = [o for o in self.plan.outputs if o.expression.kind is not Kind.ELEMENT]
        self._column_stage(len(self.plan.passes), rows)
        lines.close()
        self._close_chunks()

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

    def _deliver(self, output: Output, value: str, place: str, wide: bool = False) -> None:
        if output.role == "store":
            self.lines.add(f"{place} = {value}")
            return
        total = f"t{self.reduced.index(output)}"
        if output.role == "sum" and not wide:
            value = f"f64({value})"
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
        if id(item) in self.rounded and item.operation != "label" and not self._is_boolean(item):
            place = self._place(item)
            self.lines.add(f"e{place} = {self.precision}(n{place})")

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
    def _elements(self, outputs: Iterable[Expression], index: str, prefix: str = "v") -> None:
        """Write what the outputs need per element, each node once."""
        for item in walk(*outputs):
            if item.kind is not Kind.ELEMENT or item.operation == "index":
                continue
            name = f"{prefix}{self._place(item)}"
            if item.operation in LEAVES:
                if str(item.value) not in self.scalars:
                    mask = " != 0" if item.operation == "mask" else ""
                    self.lines.add(f"{name} = {self._load(item, index)}{mask}")
                elif prefix != "v":
                    self.lines.add(f"{name} = v{self._place(item)}")
                continue
            self.lines.add(f"{name} = {self._element_value(item, index, prefix)}")

    def _load(self, leaf: Expression, index: str) -> str:
        if self.layout != "columns":
            return f"x_{leaf.value}[{index}]"
        if not self._by_row(leaf):
            return f"a_{leaf.value}[{index}]"
        return f"a_{leaf.value}[outer, {index}, begin + i]"

    def _element_value(self, item: Expression, index: str, prefix: str) -> str:
        if item.operation == "equal":
            for one, other in (item.arguments, item.arguments[::-1]):
                if one.operation == "index":
                    return f"(i32({index}) == i32({self._reference(other)}))"
        arguments = [self._element(child, index, prefix) for child in item.arguments]
        return self._spell(item, arguments, self.precision)

    def _element(self, item: Expression, index: str = "j", prefix: str = "v") -> str:
        """Return the name of a node where elements are computed."""
        if item.operation == "literal":
            return f"{self.precision}({_number(item)})"
        if item.operation == "index":
            return f"{self.precision}({index})"
        if item.kind is Kind.ELEMENT:
            return f"{prefix}{self._place(item)}"
        if item.operation == "label" or self._is_boolean(item):
            return self._reference(item)
        if self.layout == "columns" and item.kind is Kind.ROW and not self._is_scalar(item):
            return f"{self.precision}(s{self._place(item)}[i])"
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
        prefix = f"{index}_"
        self._elements([values], index, prefix)
        self.lines.add(f"{name} = f64({self._element(values, index, prefix)})")

    def _row_pass(self, sweep: Pass) -> None:
        if not sweep.reductions and not sweep.outputs:
            return
        for item in sweep.reductions:
            start = "0.0" if item.operation == "sum" else f"{self.precision}(-math.inf)"
            self.lines.add(f"r{self._place(item)} = {start}")
        self.lines.open("for j in range(classes):")
        self._sweep_body(sweep, lambda item: f"r{self._place(item)}", "y_{name}[j]")
        self.lines.close()
        for item in sweep.reductions:
            self.lines.add(f"n{self._place(item)} = f64(r{self._place(item)})")
            self._round(item)

    def _sweep_body(self, sweep: Pass, total: Callable[[Expression], str], store: str) -> None:
        wanted = [item.arguments[0] for item in sweep.reductions]
        wanted += [output.expression for output in sweep.outputs]
        self._elements(wanted, "j")
        for item in sweep.reductions:
            value, name = self._element(item.arguments[0]), total(item)
            update = (
                f"ops.accumulate({name}, f64({value}))"
                if item.operation == "sum"
                else f"ops.maximum({name}, {value})"
            )
            self.lines.add(f"{name} = {update}")
        for output in sweep.outputs:
            place = store.format(name=output.name)
            self._deliver(output, self._element(output.expression), place)

    # --- columns ------------------------------------------------------------------------------
    def _column_stage(self, stage: int, outputs: Iterable[Output]) -> None:
        items = self._row_items(stage)
        outputs = list(outputs)
        if not items and not outputs:
            return
        self.lines.open("for i in range(width):")
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
        for output in outputs:
            value = self._row(output.expression)
            self._deliver(output, value, f"o_{output.name}[outer, begin + i]", wide=True)
        self.lines.close()

    def _column_pass(self, sweep: Pass) -> None:
        if not sweep.reductions and not sweep.outputs:
            return
        for item in sweep.reductions:
            start = "0.0" if item.operation == "sum" else "-math.inf"
            self.lines.add(f"s{self._place(item)}[:] = {start}")
        self.lines.open("for j in range(classes):")
        self.lines.open("for i in range(width):")
        store = "o_{name}[outer, j, begin + i]"
        self._sweep_body(sweep, lambda item: f"s{self._place(item)}[i]", store)
        self.lines.close()
        self.lines.close()

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
