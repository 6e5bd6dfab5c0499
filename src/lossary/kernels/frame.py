"""Base of the kernels of all layouts: arguments, chunks, totals, leaves, constants.

A kernel is ``void kernel(words)``. The words are numbers of eight bytes, in this order:

- the first chunk that the kernel works on, and the one after its last;
- the sizes that its layout needs, and the units of a chunk;
- the addresses of the arrays and of the stored outputs;
- the parameters (float64);
- the address of the partial results, to which each chunk writes its totals (float64).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar, NamedTuple

from lossary.formula.elements import label_compared
from lossary.formula.expression import LEAVES, Expression, Kind
from lossary.formula.plan import Output, Plan
from lossary.kernels import halves
from lossary.kernels.code import Code
from lossary.kernels.form import STARTS, Form
from lossary.kernels.functions import smaller
from lossary.kernels.lanes import Lanes
from lossary.kernels.registers import Registers

#: From the names of dtypes to the types in registers. bfloat16 and bool are read as integers.
TYPES = {
    "float16": "f16",
    "bfloat16": "i16",
    "float32": "f32",
    "float64": "f64",
    "bool": "i8",
    **{f"{sign}int{bits}": f"i{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)},
}


class Total(NamedTuple):
    """A running total of a chunk: its combining operation and its type."""

    combine: Callable[[Registers, Lanes, Lanes], Lanes]
    type: str = "f64"


def _add(machine: Registers, a: Lanes, b: Lanes) -> Lanes:
    return a + b


#: By role: how a kernel reduces an output over its elements or rows.
TOTALS = {
    "sum": Total(_add),
    "count": Total(_add, "i32"),  # a chunk has fewer elements than that
    "minimum": Total(Registers.minimum),
    "maximum": Total(Registers.maximum),
    "first": Total(Registers.minimum),
}


class Frame:
    """Writes one kernel; each layout has a subclass.

    ``elements`` is the machine on which elements are computed, ``rows`` that of row values,
    constants and totals, which are always float64.
    """

    #: Names of the sizes among the words; the first is the number of units.
    sizes: ClassVar[tuple[str, ...]]

    def __init__(self, plan: Plan, form: Form) -> None:
        self.plan = plan
        self.form = form
        self.dtypes = dict(form.dtypes)
        self.code = Code("kernel", {"words": "ptr"})
        self.elements = Registers(self.code, form.compute, form.compute)
        self.rows = Registers(self.code, "f64", form.compute)
        self.arrays: dict[str, Lanes] = {}
        self.outputs: dict[str, Lanes] = {}
        self.row: dict[int, Lanes] = {}
        self.rounded: dict[int, Lanes] = {}

    # --- the function ---------------------------------------------------------------------
    def text(self) -> str:
        """Return the kernel as LLVM IR."""
        code = self.code
        first, last, size, step = self._read_words()
        self._constants()

        def chunk(number: Lanes, _: list[Lanes]) -> list[Lanes]:
            start = number * step
            stop = smaller(start + step, size)
            self._store_totals(number, self.chunk(start, stop, self.start()))
            return []

        code.loop(last, 1, [], chunk, start=first)
        return code.text()

    def chunk(self, start: Lanes, stop: Lanes, totals: list[Lanes]) -> list[Lanes]:
        """Write the computation of one chunk of units and return its totals."""
        raise NotImplementedError

    def _read_words(self) -> tuple[Lanes, Lanes, Lanes, Lanes]:
        code, position = self.code, 0

        def word(type_: str) -> Lanes:
            nonlocal position
            position += 1
            return code.load(code.at(code.given["words"], position - 1, "i64"), type_, 1)

        first, last = word("i64"), word("i64")
        self.size = {name: word("i64") for name in self.sizes}
        step = word("i64")
        for leaf in self.plan.leaves:
            self.arrays[str(leaf.value)] = word("ptr")
        for output in self.plan.stored:
            self.outputs[output.name] = word("ptr")
        self._parameters = {name: word("f64").splat() for name in self.plan.parameters}
        self._partials = word("ptr")
        return first, last, self.size[self.sizes[0]], step

    def _store_totals(self, chunk: Lanes, totals: Sequence[Lanes]) -> None:
        """Fold the lanes of a chunk's totals, in a fixed order, and store them."""
        code, count = self.code, len(totals)
        for number, (output, total) in enumerate(zip(self.plan.reduced, totals, strict=True)):
            combine = TOTALS[output.role].combine
            folded = total.folded(partial(combine, self.rows))
            code.store(folded.to("f64"), code.at(self._partials, chunk * count + number, "f64"))

    def start(self) -> list[Lanes]:
        """Return the initial totals, over no elements."""
        roles = [output.role for output in self.plan.reduced]
        return [self.code.constant(STARTS[role], TOTALS[role].type) for role in roles]

    def add(
        self, totals: Sequence[Lanes], values: Mapping[str, Lanes], part: Lanes | None
    ) -> list[Lanes]:
        """Add values to the totals, in the lanes where the mask ``part`` holds."""
        given = []
        for output in self.plan.reduced:
            value = values[output.name]
            if output.role == "first":
                value = self.indices() + value.to("f64")
            given.append(value.to(TOTALS[output.role].type))
        return self.merged(totals, given, part)

    def merged(
        self, totals: Sequence[Lanes], others: Sequence[Lanes], part: Lanes | None
    ) -> list[Lanes]:
        """Combine totals with others, in the lanes where the mask ``part`` holds."""
        found = []
        for output, total, other in zip(self.plan.reduced, totals, others, strict=True):
            value = other if part is None else part.select(other, STARTS[output.role])
            found.append(TOTALS[output.role].combine(self.rows, total, value))
        return found

    def indices(self) -> Lanes:
        """Return the indices of the current elements, or of the first class of each row."""
        raise NotImplementedError

    def balance(self, x: Expression, own: Lanes) -> Lanes:
        """Return how many elements x of each row are below its own, less how many are above."""
        raise NotImplementedError

    # --- values ---------------------------------------------------------------------------
    def _constants(self) -> None:
        """Compute constants once; read the arrays that hold one number."""
        for item in self.plan.nodes:
            if item.operation in LEAVES and str(item.value) in self.form.scalars:
                self.keep(item, self._scalar(item))
            elif item.kind is Kind.CONSTANT and item.operation not in {"literal", *LEAVES}:
                self.keep(item, self._constant(item))

    def _constant(self, item: Expression) -> Lanes:
        if item.operation == "parameter":
            return self._parameters[str(item.value)]
        if item.operation == "class_count":
            return self.size["classes"].to("f64").splat()
        return self.rows.lift(self.rows.spell(item, [self.row_value(x) for x in item.arguments]))

    def _scalar(self, leaf: Expression) -> Lanes:
        name = str(leaf.value)
        given = self.code.load(self.arrays[name], TYPES[self.dtypes[name]], 1)
        return self.converted(leaf, given.splat(), self.rows)

    def keep(self, item: Expression, value: Lanes) -> None:
        """Record a row value or constant, and its rounded form if elements use it.

        That of labels is as wide as elements. Those that do not fit are out of range, and their
        rows do not depend on it.
        """
        self.row[id(item)] = value
        if id(item) in self.plan.used_by_elements or item.kind is not Kind.ROW:
            type_ = self.form.compute if value.is_real else integers(self.form.compute)
            self.rounded[id(item)] = value if value.type == "mask" else value.to(type_)

    def row_value(self, item: Expression) -> Any:
        """Return a row value or constant in float64; literals are Python numbers."""
        if item.operation == "literal":
            return float(item.value)  # type: ignore[arg-type]
        value = self.row[id(item)]
        return value if value.is_real or value.type == "mask" else value.to("f64")

    def converted(self, leaf: Expression, x: Lanes, machine: Registers) -> Lanes:
        """Convert values read from a leaf's array to a machine's type; labels to int64."""
        dtype = self.dtypes[str(leaf.value)]
        if leaf.operation == "mask":
            return x != 0
        if leaf.operation == "label":
            return x.unsigned("i64") if dtype.startswith(("u", "b")) else x.to("i64")
        if dtype == "bfloat16":
            return halves.widened(x).to(machine.type)
        if dtype.startswith("u") or dtype == "bool":
            return x.unsigned(machine.type)
        return x.to(machine.type)

    def as_stored(self, output: Output, value: Lanes) -> Lanes:
        """Convert a value to the type in which an output is stored."""
        dtype = self.dtypes[f"-> {output.name}"]
        if dtype == "bfloat16":
            return halves.narrowed(value)
        if dtype == "float16":
            return halves.half(value)
        return value.to(TYPES[dtype])

    def stored_type(self, output: Output) -> str:
        """Return the type of an output in memory."""
        return TYPES[self.dtypes[f"-> {output.name}"]]

    def leaf_type(self, leaf: Expression) -> str:
        """Return the type of a leaf in memory."""
        return TYPES[self.dtypes[str(leaf.value)]]

    def is_scalar(self, item: Expression) -> bool:
        """Return whether a node is an array that holds one number."""
        return item.operation in LEAVES and str(item.value) in self.form.scalars


def integers(compute: str) -> str:
    """Return the integer type of the same width as elements."""
    return "i32" if compute == "f32" else "i64"


class Site:
    """Computes elements; subclasses provide leaves, the class index and row values.

    Values are cached, so that each node is computed once.
    """

    def __init__(self, frame: Frame) -> None:
        self.frame = frame
        self.known: dict[int, Any] = {}

    def load(self, leaf: Expression) -> Lanes:
        """Read an array, in the type of elements."""
        raise NotImplementedError

    def index(self) -> Lanes:
        """Return the class index as integers."""
        raise NotImplementedError

    def rounded(self, item: Expression) -> Lanes:
        """Return a row value or constant in the type of elements; labels as integers."""
        return self.frame.rounded[id(item)]

    def value(self, item: Expression) -> Any:
        """Return the value of a node for these elements; literals are Python numbers."""
        if item.operation == "literal":
            return float(item.value)  # type: ignore[arg-type]
        if item.kind is not Kind.ELEMENT or self.frame.is_scalar(item):
            found = self.rounded(item)
            return found if found.type == "mask" else found.to(self.frame.elements.type)
        if id(item) not in self.known:
            self.known[id(item)] = self._computed(item)
        return self.known[id(item)]

    def register(self, item: Expression) -> Lanes:
        """Return the value of a node in a register."""
        return self.frame.elements.lift(self.value(item))

    def _computed(self, item: Expression) -> Any:
        frame = self.frame
        if item.operation in LEAVES:
            return self.load(item)
        if item.operation == "index":
            return self.index().to(frame.form.compute)
        if item.operation == "compared_balance":
            return frame.balance(item.arguments[0], self.register(item.arguments[0]))
        label = label_compared(item)
        if label is not None and label.operation == "label":
            return self.is_label(self.rounded(label))
        return frame.elements.spell(item, [self.value(x) for x in item.arguments])

    def is_label(self, label: Lanes) -> Lanes:
        """Return the mask of elements whose class is the label."""
        index = self.index()
        return index == label.to(index.type)
