"""Plans: an expression cut into the passes over a row that a kernel has to make.

Every reduction along the class axis needs the results of the passes before it. The *stage* of a
node is the number of passes that must be complete before it can be evaluated: a reduction is
computed during the pass numbered by its argument's stage and is available one stage later. An
element output (a gradient) is written during the pass numbered by its own stage.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from lossary.formula.expression import LEAVES, Expression, Kind, walk
from lossary.formula.lower import lower

Role = Literal["store", "sum", "count", "minimum", "maximum"]


@dataclass(frozen=True, slots=True)
class Output:
    """What a kernel delivers: an expression stored per element, or reduced over everything."""

    name: str
    expression: Expression
    role: Role


@dataclass(frozen=True, slots=True)
class Pass:
    """One sweep over the classes of a row: reductions updated and outputs written in it."""

    reductions: tuple[Expression, ...]
    outputs: tuple[Output, ...]

    @property
    def sums(self) -> tuple[Expression, ...]:
        """The reductions that are sums."""
        return tuple(item for item in self.reductions if item.operation == "sum")


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
        passes=tuple(_pass(number, nodes, stages, elements) for number in range(count)),
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
