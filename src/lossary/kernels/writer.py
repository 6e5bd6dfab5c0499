"""What the writers of all layouts share: the frame of a kernel, constants, and element code."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from lossary.formula.elements import named_index, walk_elements
from lossary.formula.expression import LEAVES, Expression, Kind
from lossary.formula.plan import Output, Plan
from lossary.formula.primitives import PRIMITIVES

Precision = Literal["f32", "f64"]

_HEADER = """\
import math

import numba
import numpy as np

from lossary.kernels import intrinsics as ops
from lossary.kernels import sums
from lossary.kernels import transpose
from lossary.kernels import vector_math as vm

f32 = np.float32
f64 = np.float64
i32 = np.int32
HERE = True
ELSEWHERE = False


@numba.njit(nogil=True, error_model="numpy", fastmath={{"contract"}})
def {name}({arguments}):
"""


@dataclass(slots=True)
class Lines:
    """Source lines under construction."""

    text: list[str] = field(default_factory=list)
    depth: int = 1

    def add(self, line: str) -> None:
        """Add a line."""
        self.text.append("    " * self.depth + line)

    def open(self, line: str) -> None:
        """Add a line that begins a block."""
        self.add(line)
        self.depth += 1

    def close(self) -> None:
        """End a block."""
        self.depth -= 1


@dataclass(frozen=True, slots=True)
class Site:
    """Where element code stands.

    How it loads a leaf, the class index there, the prefix of its names, and whether the index is
    the one that a row names (empty: it has to be compared).
    """

    load: Callable[[Expression], str]
    index: str = "j"
    prefix: str = "v"
    hit: str = ""


class Writer:
    """Writes the source of one kernel; each layout has a subclass.

    Names in a kernel: ``a_`` arrays and ``o_`` outputs as they are given, ``d_`` addresses of
    arrays, ``p_`` parameters, ``n`` values of a row in float64 and ``e`` the same rounded for the
    elements, ``v`` elements, ``b`` scratch memory, ``r`` running reductions of a row, ``c`` what
    such sums have lost, ``t`` totals of a chunk.
    """

    sizes: ClassVar[tuple[str, ...]]

    def __init__(
        self,
        plan: Plan,
        precision: Precision,
        scalars: frozenset[str],
        addresses: Mapping[str, str],
    ) -> None:
        self.plan = plan
        self.precision = precision
        self.scalars = scalars
        self.addresses = addresses
        self.lines = Lines()
        self.places = {id(item): place for place, item in enumerate(plan.nodes)}
        self.rounded = _used_by_elements(plan)
        self.reduced = [output for output in plan.outputs if output.role != "store"]
        self.stored = [output for output in plan.outputs if output.role == "store"]

    # --- the function -------------------------------------------------------------------------
    def source(self, name: str) -> str:
        """Return the module that defines the kernel."""
        self._find_arrays()
        self.constants()
        self.body()
        header = _HEADER.format(name=name, arguments=", ".join(self._arguments()))
        return header + "\n".join(self.lines.text) + "\n"

    def body(self) -> None:
        """Write what follows the constants."""
        raise NotImplementedError

    def _arguments(self) -> list[str]:
        names = [f"{'d' if x.value in self.addresses else 'a'}_{x.value}" for x in self.plan.leaves]
        parameters = [f"p_{name}" for name in self.plan.parameters]
        outputs = [f"o_{output.name}" for output in self.stored]
        return ["first", "last", "step", *self.sizes, *names, *parameters, *outputs, "partials"]

    def _find_arrays(self) -> None:
        """Make arrays of the addresses that are given in their place."""
        for leaf in self.plan.leaves:
            dtype = self.addresses.get(str(leaf.value))
            if dtype is not None:
                shape = "(1,)" if self.is_scalar(leaf) else self.shape_of(leaf)
                pointer = f"ops.to_{dtype}(d_{leaf.value})"
                self.lines.add(f"a_{leaf.value} = numba.carray({pointer}, {shape})")

    def scratch(self, name: str, kind: str, *shape: int) -> None:
        """Make an array of a fixed shape on the stack."""
        self.lines.add(f"{name} = numba.carray(ops.stack_{kind}({math.prod(shape)}), {shape})")

    def shape_of(self, leaf: Expression) -> str:
        """Return the shape of the array behind a leaf."""
        raise NotImplementedError

    # --- chunks -------------------------------------------------------------------------------
    def open_chunks(self) -> None:
        """Begin the loop over chunks, each with its own totals."""
        lines = self.lines
        lines.open("for chunk in range(first, last):")
        lines.add("start = chunk * step")
        lines.add("stop = min(start + step, size)")
        for place, output in enumerate(self.reduced):
            lines.add(f"t{place} = {_START[output.role].format(f=self._total_type(output))}")

    def close_chunks(self) -> None:
        """End the loop over chunks."""
        for place, _ in enumerate(self.reduced):
            self.lines.add(f"partials[chunk, {place}] = t{place}")
        self.lines.close()

    def _total_type(self, output: Output) -> str:
        wide = output.role in {"sum", "count"} or output.expression.kind is not Kind.ELEMENT
        return "f64" if wide else self.precision

    def deliver(self, output: Output, value: str, place: str) -> None:
        """Store a value, or bring it into its total."""
        if output.role == "store":
            self.lines.add(f"{place} = {value}")
            return
        total = f"t{self.reduced.index(output)}"
        self.lines.add(f"{total} = {_UPDATE[output.role].format(total=total, value=value)}")

    def add_up(self, totals: Iterable[str]) -> None:
        """Add the scratch memory, a block of values, to float64 totals."""
        totals = list(totals)
        if totals:
            self.lines.open("for i in range(width):")
            for place, total in enumerate(totals):
                self.lines.add(f"{total} = ops.accumulate({total}, f64(b{place}[i]))")
            self.lines.close()

    # --- what does not vary -------------------------------------------------------------------
    def constants(self) -> None:
        """Compute constants once, in float64, and round those that elements use."""
        for item in self.plan.nodes:
            if item.kind is Kind.CONSTANT and item.operation not in {"literal", *LEAVES}:
                name = f"n{self.place(item)}"
                spelled = (
                    f"f64(p_{item.value})"
                    if item.operation == "parameter"
                    else self.spell(item, [self.row(child) for child in item.arguments], "f64")
                )
                self.lines.add(f"{name} = {spelled}")
                self.round(item)

    def round(self, item: Expression) -> None:
        """Round a float64 value to the working precision, if elements use it."""
        if self.is_rounded(item):
            place = self.place(item)
            self.lines.add(f"e{place} = {self.precision}(n{place})")

    def is_rounded(self, item: Expression) -> bool:
        """Tell whether elements are computed from a row value or a constant."""
        varies = item.operation != "label" and not self.is_boolean(item)
        return id(item) in self.rounded and varies

    def scalar_leaves(self, kind: Kind) -> None:
        """Read the leaves that are one number."""
        for leaf in self.plan.leaves:
            if str(leaf.value) in self.scalars and leaf.kind is kind:
                prefix = "v" if kind is Kind.ELEMENT else "n"
                self.leaf(leaf, f"{prefix}{self.place(leaf)}", "[0]", kind)

    def leaf(self, leaf: Expression, name: str, index: str, kind: Kind) -> None:
        """Read a leaf."""
        spelled = f"a_{leaf.value}{index}"
        if leaf.operation == "mask":
            spelled += " != 0"
        elif leaf.operation == "argument" and kind is not Kind.ELEMENT:
            spelled = f"f64({spelled})"
        self.lines.add(f"{name} = {spelled}")
        if kind is Kind.ROW:
            self.round(leaf)

    # --- elements -----------------------------------------------------------------------------
    def elements(self, outputs: Iterable[Expression], site: Site) -> None:
        """Write what the outputs need per element, each node once."""
        for item in walk_elements(outputs):
            if item.operation == "index":
                continue
            name = f"{site.prefix}{self.place(item)}"
            if item.operation not in LEAVES:
                self.lines.add(f"{name} = {self._element_value(item, site)}")
            elif str(item.value) not in self.scalars:
                mask = " != 0" if item.operation == "mask" else ""
                self.lines.add(f"{name} = {site.load(item)}{mask}")

    def _element_value(self, item: Expression, site: Site) -> str:
        named = named_index(item)
        if named is not None:
            return site.hit or self.is_named(site.index, named)
        arguments = [self.element(child, site) for child in item.arguments]
        return self.spell(item, arguments, self.precision)

    def is_named(self, index: str, named: Expression) -> str:
        """Compare a class index with a row's label or another row value."""
        if named.operation == "label":
            return f"(i32({index}) == i32({self.reference(named)}))"
        return f"(f64({index}) == {self.row(named)})"

    def element(self, item: Expression, site: Site) -> str:
        """Return the name of a node where elements are computed."""
        if item.operation == "literal":
            return f"{self.precision}({_number(item)})"
        if item.operation == "index":
            return f"{self.precision}({site.index})"
        if item.kind is Kind.ELEMENT:
            leaf = item.operation in LEAVES and str(item.value) in self.scalars
            return f"{'v' if leaf else site.prefix}{self.place(item)}"
        if item.operation == "label" or self.is_boolean(item):
            return self.reference(item)
        return self.rounded_reference(item)

    def rounded_reference(self, item: Expression) -> str:
        """Return the name of a row value or constant in the working precision."""
        return f"e{self.place(item)}"

    # --- rows ---------------------------------------------------------------------------------
    def row(self, item: Expression) -> str:
        """Return the name of a node where row values are computed."""
        if item.operation == "literal":
            return f"f64({_number(item)})"
        return self.reference(item)

    def reference(self, item: Expression) -> str:
        """Return the name of a row value or constant in float64."""
        return f"n{self.place(item)}"

    def row_items(self, stage: int) -> list[Expression]:
        """Return the row values, other than loop reductions, that belong to a stage."""
        return [
            item
            for item in self.row_values()
            if self.plan.stages[id(item)] == stage and item.operation not in {"sum", "max"}
        ]

    def row_values(self) -> list[Expression]:
        """Return the values that vary from row to row."""
        return [
            item for item in self.plan.nodes if item.kind is Kind.ROW and not self.is_scalar(item)
        ]

    def at_label(self, item: Expression, name: str) -> None:
        """Evaluate an element expression at the label; where that is no class, 0."""
        values, label = item.arguments
        index = f"l{self.place(item)}"
        given = self.row(label)
        self.lines.add(f"{index} = np.int64({given})")
        self.lines.add(f"{index}_valid = 0 <= {index} < classes and {index} == {given}")
        self.lines.open(f"if not {index}_valid:")
        self.lines.add(f"{index} = 0")
        self.lines.close()
        site = Site(lambda leaf: self.load_at_label(leaf, index), index, f"{index}_")
        self.elements([values], site)
        value = self.element(values, site)
        self.lines.add(f"{name} = ops.select({index}_valid, f64({value}), 0.0)")

    def load_at_label(self, leaf: Expression, index: str) -> str:
        """Return how a leaf is read at one class of the row at hand."""
        raise NotImplementedError

    # --- small questions ----------------------------------------------------------------------
    def spell(self, item: Expression, arguments: list[str], precision: str) -> str:
        """Write an operation in a precision."""
        kernel = PRIMITIVES[item.operation].kernel
        return kernel.format(*arguments, s=precision, f=precision, w=self.precision)

    def place(self, item: Expression) -> int:
        """Return the number of a node, of which its names are made."""
        return self.places[id(item)]

    def leaves(self, kind: Kind) -> list[Expression]:
        """Return the leaves of a kind."""
        return [leaf for leaf in self.plan.leaves if leaf.kind is kind]

    def element_outputs(self) -> list[Output]:
        """Return the outputs that are stored per element."""
        return [o for o in self.stored if o.expression.kind is Kind.ELEMENT]

    def is_scalar(self, item: Expression) -> bool:
        """Tell whether a node is a leaf that is one number."""
        return item.operation in LEAVES and str(item.value) in self.scalars

    def is_boolean(self, item: Expression) -> bool:
        """Tell whether a node is a condition."""
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


def by_row(leaf: Expression) -> bool:
    """Tell whether a leaf has rows; class weights have classes alone."""
    return leaf.value != "class_weights"


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
