"""Plans cut at their reductions, for rows that are longer than what one thread should work on.

A plan computes a row as a whole: passes over its classes, row values between them. Cut, it is a
plan for each pass, which runs on any piece of a row and stores its reductions of that piece, and a
plan of the row values, which come from the combined reductions. What was reduced by earlier passes
is an array of row values to the later ones.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from lossary.formula.expression import Expression, Kind, argument, mask, walk
from lossary.formula.plan import REDUCTIONS, Output, Plan, make_plan
from lossary.formula.rewrite import replace
from lossary.formula.table import PRIMITIVES

#: Name of the array that holds the number of classes of the whole row.
CLASS_COUNT = "class count"


class CutPass(NamedTuple):
    """One pass: its plan for a piece of a row, and the operations of the reductions it stores."""

    plan: Plan
    reductions: dict[str, str]


class Cut(NamedTuple):
    """The passes over a row, and the plan of what is computed from their reductions, if any.

    In ``rows`` a row value is an element.
    """

    passes: tuple[CutPass, ...]
    rows: Plan | None


@lru_cache(maxsize=256)
def cut(plan: Plan) -> Cut | None:
    """Return a plan cut at its reductions; None if it treats the elements of a row differently."""
    if not plan.passes or not all(map(_is_alike, plan.nodes)):
        return None
    if any(output.role == "first" for output in plan.outputs):
        return None
    known = {
        id(item): argument(CLASS_COUNT, Kind.ROW)
        for item in plan.nodes
        if item.operation == "class_count"
    }
    passes = []
    for number, sweep in enumerate(plan.passes):
        named = {f"reduction {number}.{i}": item for i, item in enumerate(sweep.reductions)}
        outputs = [Output(name, replace(item, known), "store") for name, item in named.items()]
        outputs += [o._replace(source=replace(o.expression, known)) for o in sweep.outputs]
        operations = {name: item.operation for name, item in named.items()}
        passes.append(CutPass(make_plan(tuple(outputs)), operations))
        known |= {id(item): argument(name, Kind.ROW) for name, item in named.items()}
    rows = tuple(
        output._replace(source=_as_elements(replace(output.expression, known)))
        for output in plan.outputs
        if output.expression.kind is not Kind.ELEMENT
    )
    return Cut(tuple(passes), make_plan(rows) if rows else None)


def _is_alike(item: Expression) -> bool:
    """Return whether a node treats all elements of a row alike, and can be combined from pieces."""
    if item.operation == "label" or item.value == "class_weights":
        return False
    primitive = PRIMITIVES.get(item.operation)
    if primitive is None or item.operation in REDUCTIONS:
        return True
    return not (primitive.reduces or primitive.mixes or primitive.per_class)


def _as_elements(row: Expression) -> Expression:
    """Return the expression of a row value with an element for every array of row values."""
    make = {"argument": argument, "mask": mask}
    found = {
        id(item): make[item.operation](str(item.value), Kind.ELEMENT)
        for item in walk(row)
        if item.operation in make and item.kind is Kind.ROW
    }
    return replace(row, found)
