"""Plans: an expression cut into the passes over a row that a kernel has to make.

Every reduction along the class axis needs the results of the passes before it. The *stage* of a
node is the number of passes that must be complete before it can be evaluated: a reduction is
computed during the pass numbered by its argument's stage and is available one stage later. An
element output (a gradient) is written during the pass numbered by its own stage.

An element that costs more than memory does is computed in one pass only: that pass spills it into
the memory of an element output that a later pass writes, and the passes from then on reload it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from lossary.formula.elements import asks, walk_elements
from lossary.formula.expression import LEAVES, Expression, Kind, walk
from lossary.formula.lower import lower
from lossary.formula.primitives import PRIMITIVES

Role = Literal["store", "sum", "count", "minimum", "maximum", "first"]
REDUCTIONS = ("sum", "max")


@dataclass(frozen=True, slots=True)
class Output:
    """What a kernel delivers: an expression stored per element, or reduced over everything.

    The role "first" is for an expression that is 0 where an element or a row is searched for, or
    the class in that row, and infinity elsewhere. It gives the place of the first: elements or
    rows are numbered in C order, times the number of classes, plus the class.
    """

    name: str
    expression: Expression
    role: Role


@dataclass(frozen=True, slots=True)
class Spill:
    """An element that is kept in the memory of an output.

    Pass ``first`` computes and writes it; later passes up to ``last`` read it; in pass ``last``
    the output itself is written, after the element has been read.
    """

    element: Expression
    output: Output
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Pass:
    """One sweep over the classes of a row: reductions updated and outputs written in it."""

    reductions: tuple[Expression, ...]
    outputs: tuple[Output, ...]

    @property
    def wanted(self) -> tuple[Expression, ...]:
        """What is computed for each element."""
        reduced = tuple(item.arguments[0] for item in self.reductions)
        return reduced + tuple(output.expression for output in self.outputs)


@dataclass(frozen=True)
class Plan:
    """All that a kernel needs to know; ``stages`` maps the id of a node to its stage."""

    outputs: tuple[Output, ...]
    leaves: tuple[Expression, ...]
    parameters: tuple[str, ...]
    nodes: tuple[Expression, ...]
    stages: dict[int, int]
    passes: tuple[Pass, ...]
    spills: tuple[Spill, ...]

    @cached_property
    def text(self) -> str:
        """Everything that the plan says, as text: equal texts give equal kernels."""
        places = {id(item): place for place, item in enumerate(self.nodes)}
        nodes = [
            f"{item.operation} {item.kind} {item.value!r} {[places[id(x)] for x in item.arguments]}"
            for item in self.nodes
        ]
        outputs = [f"{o.name} {o.role} {places[id(o.expression)]}" for o in self.outputs]
        return "\n".join([*nodes, *outputs])

    @property
    def stored(self) -> tuple[Output, ...]:
        """The outputs that are kept per element or row."""
        return tuple(output for output in self.outputs if output.role == "store")

    @property
    def reduced(self) -> tuple[Output, ...]:
        """The outputs that are reduced over everything."""
        return tuple(output for output in self.outputs if output.role != "store")

    @cached_property
    def row_values(self) -> tuple[Expression, ...]:
        """The nodes that have one value per row, in the order of their computation."""
        return tuple(item for item in self.nodes if item.kind is Kind.ROW)

    @cached_property
    def used_by_elements(self) -> frozenset[int]:
        """The ids of the row values and constants that elements are computed from."""
        users = [item for item in self.nodes if item.kind is Kind.ELEMENT]
        return frozenset(
            id(x) for item in users for x in item.arguments if x.kind is not Kind.ELEMENT
        )


def make_plan(outputs: tuple[Output, ...]) -> Plan:
    """Cut the outputs into passes."""
    lowered = lower(*(output.expression for output in outputs))
    outputs = tuple(
        Output(output.name, expression, output.role)
        for output, expression in zip(outputs, lowered, strict=True)
    )
    nodes = tuple(walk(*lowered))
    stages = _stages(nodes)
    elements = [output for output in outputs if output.expression.kind is Kind.ELEMENT]
    reductions = [item for item in nodes if item.operation in REDUCTIONS]
    ends = [stages[id(item)] for item in reductions]
    ends += [stages[id(output.expression)] + 1 for output in elements]
    passes = tuple(
        Pass(
            tuple(item for item in reductions if stages[id(item)] == number + 1),
            tuple(o for o in elements if stages[id(o.expression)] == number),
        )
        for number in range(max(ends, default=0))
    )
    return Plan(
        outputs=outputs,
        leaves=tuple(item for item in nodes if item.operation in LEAVES),
        parameters=tuple(str(item.value) for item in nodes if item.operation == "parameter"),
        nodes=nodes,
        stages=stages,
        passes=passes,
        spills=_spills(passes),
    )


def _stages(nodes: tuple[Expression, ...]) -> dict[int, int]:
    stages: dict[int, int] = {}
    for item in nodes:
        stage = max((stages[id(child)] for child in item.arguments), default=0)
        stages[id(item)] = stage + (item.operation in REDUCTIONS)
    return stages


def _spills(passes: tuple[Pass, ...]) -> tuple[Spill, ...]:
    """Find for each output that is written late a costly element that it needs from before.

    An output's memory holds one element at most, from the pass that computes the element first to
    the one that writes the output; so nothing overwrites it before it is read for the last time.
    """
    first: dict[int, int] = {}
    found: list[Spill] = []
    for number, sweep in enumerate(passes):
        for output in sweep.outputs:
            taken = {id(spill.element) for spill in found}
            known = [
                item
                for item in walk_elements([output.expression], taken)
                if item.operation in PRIMITIVES
                and PRIMITIVES[item.operation].costly
                and id(item) not in taken
                and first.get(id(item), number) < number
                and not asks(item)
            ]
            if output.role == "store" and known:
                found.append(Spill(known[-1], output, first[id(known[-1])], number))
        for item in walk_elements(sweep.wanted):
            first.setdefault(id(item), number)
    return tuple(found)
