"""Plans: an expression cut into the passes over a row that a kernel has to make.

Every reduction along the class axis needs the results of the passes before it. The *stage* of a
node is the number of passes that must be complete before it can be evaluated: a reduction is
computed during the pass numbered by its argument's stage and is available one stage later. An
element output (a gradient) is written during the pass numbered by its own stage.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from lossary.formula.elements import asks, walk_elements
from lossary.formula.expression import LEAVES, Expression, Kind, walk
from lossary.formula.lower import lower
from lossary.formula.primitives import PRIMITIVES

Role = Literal["store", "sum", "count", "minimum", "maximum"]


@dataclass(frozen=True, slots=True)
class Output:
    """What a kernel delivers: an expression stored per element, or reduced over everything."""

    name: str
    expression: Expression
    role: Role


@dataclass(frozen=True, slots=True)
class Pass:
    """One sweep over the classes of a row: reductions updated and outputs written in it.

    Elements that cost more than memory does are not computed in every pass that needs them: the
    first one ``keeps`` them where an output will be written, the later ones ``find`` them there.
    """

    reductions: tuple[Expression, ...]
    outputs: tuple[Output, ...]
    keeps: tuple[tuple[Expression, Output], ...] = ()
    finds: tuple[tuple[Expression, Output], ...] = ()

    @property
    def sums(self) -> tuple[Expression, ...]:
        """The reductions that are sums."""
        return tuple(item for item in self.reductions if item.operation == "sum")

    @property
    def wanted(self) -> tuple[Expression, ...]:
        """What is computed for each element."""
        reduced = tuple(item.arguments[0] for item in self.reductions)
        return reduced + tuple(output.expression for output in self.outputs)

    @property
    def memory(self) -> tuple[Output, ...]:
        """The outputs whose memory is written or read."""
        kept = [output for _, output in (*self.keeps, *self.finds)]
        return tuple({output.name: output for output in (*self.outputs, *kept)}.values())

    @property
    def of_named_class(self) -> Pass:
        """The part that depends on which class a row names."""
        return Pass(
            tuple(item for item in self.reductions if asks(item.arguments[0])),
            tuple(output for output in self.outputs if asks(output.expression)),
        )


@dataclass(frozen=True, slots=True)
class Plan:
    """All that a kernel needs to know; ``stages`` maps the id of a node to its stage."""

    outputs: tuple[Output, ...]
    leaves: tuple[Expression, ...]
    parameters: tuple[str, ...]
    nodes: tuple[Expression, ...]
    stages: dict[int, int]
    passes: tuple[Pass, ...]

    @property
    def has_rows(self) -> bool:
        """Whether the outputs depend on reductions along a class axis."""
        return any(item.kind is Kind.ROW for item in self.nodes)


def make_plan(outputs: tuple[Output, ...]) -> Plan:
    """Cut the outputs into passes."""
    lowered = lower(*(output.expression for output in outputs))
    outputs = tuple(
        Output(output.name, expression, output.role)
        for output, expression in zip(outputs, lowered, strict=True)
    )
    nodes = tuple(walk(*lowered))
    stages = _stages(nodes)
    count = 1 + max(
        (_pass_of(item, stages) for item in nodes if item.operation in {"sum", "max"}), default=-1
    )
    elements = [output for output in outputs if output.expression.kind is Kind.ELEMENT]
    count = max([count, *(stages[id(output.expression)] + 1 for output in elements)])
    return Plan(
        outputs=outputs,
        leaves=tuple(item for item in nodes if item.operation in LEAVES),
        parameters=tuple(str(item.value) for item in nodes if item.operation == "parameter"),
        nodes=nodes,
        stages=stages,
        passes=_keeping([_pass(number, nodes, stages, elements) for number in range(count)]),
    )


def _stages(nodes: tuple[Expression, ...]) -> dict[int, int]:
    stages: dict[int, int] = {}
    for item in nodes:
        stage = max((stages[id(child)] for child in item.arguments), default=0)
        stages[id(item)] = stage + (item.operation in {"sum", "max"})
    return stages


def _pass_of(reduction: Expression, stages: dict[int, int]) -> int:
    return stages[id(reduction)] - 1


def _pass(
    number: int,
    nodes: tuple[Expression, ...],
    stages: dict[int, int],
    elements: list[Output],
) -> Pass:
    reductions = tuple(
        item
        for item in nodes
        if item.operation in {"sum", "max"} and _pass_of(item, stages) == number
    )
    outputs = tuple(output for output in elements if stages[id(output.expression)] == number)
    return Pass(reductions, outputs)


def _keeping(passes: list[Pass]) -> tuple[Pass, ...]:
    """Let passes keep what later ones need, where the outputs of these will be written."""
    first: dict[int, int] = {}
    keeps: list[list[tuple[Expression, Output]]] = [[] for _ in passes]
    finds: list[list[tuple[Expression, Output]]] = [[] for _ in passes]
    for number, sweep in enumerate(passes):
        kept: set[int] = set()
        for output in sweep.outputs:
            known = [
                item
                for item in walk_elements([output.expression])
                if id(item) in first and id(item) not in kept and _is_costly(item)
            ]
            if output.role == "store" and known:
                place = first[id(known[-1])]
                kept.add(id(known[-1]))
                keeps[place].append((known[-1], output))
                for later in finds[place + 1 : number + 1]:
                    later.append((known[-1], output))
        for item in walk_elements(sweep.wanted):
            first.setdefault(id(item), number)
    return tuple(
        replace(sweep, keeps=tuple(keep), finds=tuple(find))
        for sweep, keep, find in zip(passes, keeps, finds, strict=True)
    )


def _is_costly(item: Expression) -> bool:
    """Tell whether an element is the same for every label, and dearer than memory."""
    row = PRIMITIVES.get(item.operation)
    return row is not None and row.costly and not asks(item)
