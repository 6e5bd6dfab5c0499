"""Plans: the passes over a row that a kernel makes to evaluate expressions.

Every reduction along the class axis needs the results of the passes before it. The *stage* of a
node is the number of passes that must be complete before it can be evaluated: a reduction is
computed during the pass numbered by its argument's stage and is available one stage later. An
element output (a gradient) is written during the pass numbered by its own stage.

An element that costs more to compute than to read from memory is computed in one pass only. That
pass spills it into the memory of an element output that a later pass writes, and the passes up to
that one reload it.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Literal, NamedTuple

from lossary.formula.elements import depends_on_label, walk_elements
from lossary.formula.expression import LEAVES, Expression, Kind, walk
from lossary.formula.lower import lower, sort
from lossary.formula.plan_text import read_text, text_of
from lossary.formula.recipe import Recipe, ingredients_of, task_of
from lossary.formula.table import PRIMITIVES

Role = Literal["store", "sum", "count", "minimum", "maximum", "first"]
REDUCTIONS = ("sum", "max")


class Output(NamedTuple):
    """One result of a kernel: an expression stored per element, or reduced over all of them.

    Attributes
    ----------
    name : str
        What the result is called.
    source : Expression or Recipe
        What is computed, or how it is written.
    role : {"store", "sum", "count", "minimum", "maximum", "first"}
        "store" keeps every value, the others reduce. "first" finds an element or a row: the
        expression is 0 at those searched for, or their class, and infinity elsewhere. The result
        is the index of the first one in C order, times the number of classes, plus the class.
    """

    name: str
    source: Expression | Recipe
    role: Role

    @property
    def expression(self) -> Expression:
        """What is computed."""
        return self.source.expression if isinstance(self.source, Recipe) else self.source


class Spill(NamedTuple):
    """An element that is kept in the memory of an output.

    Pass ``first`` computes and spills it; later passes up to ``last`` reload it. Pass ``last``
    then overwrites it with the output itself.
    """

    element: Expression
    output: Output
    first: int
    last: int


class Pass(NamedTuple):
    """One pass over the classes of a row, with the reductions and element outputs of its stage."""

    reductions: tuple[Expression, ...]
    outputs: tuple[Output, ...]

    @property
    def wanted(self) -> tuple[Expression, ...]:
        """The expressions that are computed for each element."""
        reduced = tuple(item.arguments[0] for item in self.reductions)
        return reduced + tuple(output.expression for output in self.outputs)


class Plan:
    """What a kernel computes, in which passes.

    Attributes
    ----------
    outputs : tuple of Output
        The results, with lowered expressions.
    leaves : tuple of Expression
        The symbols of the arrays that are read.
    parameters : tuple of str
        The names of the parameters that are passed.
    nodes : tuple of Expression
        All nodes, in the order of their computation.
    """

    def __init__(self, outputs: tuple[Output, ...]) -> None:
        self.outputs = outputs
        self.nodes = tuple(walk(*(output.expression for output in outputs)))
        self.leaves = tuple(item for item in self.nodes if item.operation in LEAVES)
        parameters = (item for item in self.nodes if item.operation == "parameter")
        self.parameters = tuple(str(item.value) for item in parameters)

    # Computed only if a kernel has to be written: one from the cache does not need it.
    @cached_property
    def stages(self) -> dict[int, int]:
        """The stage of each node by its id."""
        return _stages(self.nodes)

    @cached_property
    def passes(self) -> tuple[Pass, ...]:
        """The passes over a row."""
        return _passes(self)

    @cached_property
    def spills(self) -> tuple[Spill, ...]:
        """The elements that are computed once and kept."""
        return _spills(self.passes)

    @cached_property
    def mixes(self) -> bool:
        """Whether elements of a row depend on others of it, not on sums alone."""
        return any(PRIMITIVES[item.operation].mixes for item in self.nodes if item.arguments)

    @cached_property
    def compares(self) -> bool:
        """Whether elements of a row are compared with all others of it."""
        return any(item.operation == "compared_balance" for item in self.nodes)

    @cached_property
    def by_order(self) -> Plan:
        """The same plan with rows in order in place of comparisons of all elements."""
        found = sort(*(output.expression for output in self.outputs))
        pairs = zip(self.outputs, found, strict=True)
        return Plan(tuple(output._replace(source=x) for output, x in pairs))

    @cached_property
    def text(self) -> str:
        """The nodes and outputs as text: plans of equal texts have equal kernels."""
        return text_of(self.nodes, [(f"{o.role} {o.name}", o.expression) for o in self.outputs])

    @property
    def stored(self) -> tuple[Output, ...]:
        """The outputs that are kept per element or row."""
        return tuple(output for output in self.outputs if output.role == "store")

    @property
    def reduced(self) -> tuple[Output, ...]:
        """The outputs that are reduced over all elements or rows."""
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

    def may_overwrite(self, name: str, output: Output, *, spilled: bool) -> bool:
        """Return whether an output may lie in the memory of an array of elements.

        It may if nothing reads the array after the first pass that writes into the output: in that
        pass each element is read before it is written.

        Parameters
        ----------
        name : str
            The array.
        output : Output
            An output of elements, as many as the array has.
        spilled : bool
            Whether elements are spilled into outputs.
        """
        if self.mixes or self.compares:
            return False
        spills = self.spills if spilled else ()
        first = min([self.stages[id(output.expression)],
                     *(spill.first for spill in spills if spill.output is output)])  # fmt: skip
        read = [item.arguments[:1] for item in self.row_values
                if item.operation == "at_label" and self.stages[id(item)] > first]  # fmt: skip
        walks = [walk_elements(x) for x in read]
        for number, sweep in enumerate(self.passes):
            if number > first:
                known = {id(s.element) for s in spills if s.first < number <= s.last}
                walks.append(_computed(sweep.wanted, known))
        return not any(_is_array(item, name) for walk in walks for item in walk)


def request_text(outputs: tuple[Output, ...]) -> str:
    """Return what the plan of outputs depends on as text, without writing what is not written."""
    named = [
        (f"{output.role} {output.name} {task_of(output.source)}", ingredient)
        for output in outputs
        for ingredient in ingredients_of(output.source)
    ]
    return text_of(walk(*(item for _, item in named)), named)


def plan_of_text(text: str, outputs: tuple[Output, ...]) -> Plan | None:
    """Return the plan of outputs from its text; None if the text is of no plan of theirs."""
    try:
        found = read_text(text)
    except (LookupError, TypeError, ValueError):
        return None
    if [name for name, _ in found] != [f"{o.role} {o.name}" for o in outputs]:
        return None
    pairs = zip(outputs, found, strict=True)
    plan = Plan(tuple(output._replace(source=item) for output, (_, item) in pairs))
    return plan if plan.text == text else None


def make_plan(outputs: tuple[Output, ...]) -> Plan:
    """Return the plan of a kernel that computes these outputs."""
    lowered = lower(*(output.expression for output in outputs))
    pairs = zip(outputs, lowered, strict=True)
    return Plan(tuple(Output(o.name, expression, o.role) for o, expression in pairs))


def _passes(plan: Plan) -> tuple[Pass, ...]:
    """Cut a plan into passes."""
    stages = plan.stages
    elements = [output for output in plan.outputs if output.expression.kind is Kind.ELEMENT]
    reductions = [item for item in plan.nodes if item.operation in REDUCTIONS]
    counts = [stages[id(item)] for item in reductions]
    counts += [stages[id(output.expression)] + 1 for output in elements]
    return tuple(
        Pass(
            tuple(item for item in reductions if stages[id(item)] == number + 1),
            tuple(o for o in elements if stages[id(o.expression)] == number),
        )
        for number in range(max(counts, default=0))
    )


def _stages(nodes: tuple[Expression, ...]) -> dict[int, int]:
    """Return the stage of each node by its id."""
    stages: dict[int, int] = {}
    for item in nodes:
        stage = max((stages[id(child)] for child in item.arguments), default=0)
        stages[id(item)] = stage + (item.operation in REDUCTIONS)
    return stages


def _spills(passes: tuple[Pass, ...]) -> tuple[Spill, ...]:
    """Choose for each output that is written late a costly element that it needs from before.

    An output's memory holds one element at most, from the pass that computes the element first to
    the one that writes the output; so nothing overwrites it before it is read for the last time.
    """
    first: dict[int, int] = {}
    found: list[Spill] = []
    for number, current in enumerate(passes):
        for output in current.outputs:
            if output.role != "store":
                continue
            spilled = {id(spill.element) for spill in found}
            candidates = [
                item
                for item in walk_elements([output.expression], spilled)
                if _is_costly(item)
                and id(item) not in spilled
                and first.get(id(item), number) < number
                and not depends_on_label(item)
            ]
            if candidates:
                latest = candidates[-1]
                found.append(Spill(latest, output, first[id(latest)], number))
        for item in walk_elements(current.wanted):
            first.setdefault(id(item), number)
    return tuple(found)


def _computed(wanted: tuple[Expression, ...], known: set[int]) -> Iterator[Expression]:
    """Yield the elements that a pass computes or reads, without those that it reloads."""
    return (item for item in walk_elements(wanted, known) if id(item) not in known)


def _is_array(item: Expression, name: str) -> bool:
    return item.operation in LEAVES and item.value == name


def _is_costly(item: Expression) -> bool:
    return item.operation in PRIMITIVES and PRIMITIVES[item.operation].costly
