"""Rewriting of expressions, node by node, from the leaves up."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import reduce
from operator import is_

from lossary.formula.expression import LEAVES, Expression, Kind, node, walk
from lossary.formula.table import PRIMITIVES, Primitive

#: From the names of operations to functions of their rewritten operands.
Rules = Mapping[str, Callable[..., Expression]]


def rewrite(outputs: tuple[Expression, ...], rules: Rules) -> tuple[Expression, ...]:
    """Return the outputs with every operation that has a rule replaced by what the rule returns."""
    nodes = list(walk(*outputs))
    if not any(item.operation in rules for item in nodes):
        return outputs
    rewritten: dict[int, Expression] = {}
    for item in nodes:
        rule = rules.get(item.operation) if item.arguments else None
        arguments = [rewritten[id(child)] for child in item.arguments]
        rewritten[id(item)] = rule(*arguments) if rule else _with(item, arguments)
    return tuple([rewritten[id(output)] for output in outputs])


def replace(output: Expression, replacements: Mapping[int, Expression]) -> Expression:
    """Return the output with the nodes of these ids replaced by others."""
    rewritten: dict[int, Expression] = {}
    for item in walk(output):
        replacement = replacements.get(id(item))
        if replacement is None:
            arguments = [rewritten[id(child)] for child in item.arguments]
            replacement = _with(item, arguments)
        rewritten[id(item)] = replacement
    return rewritten[id(output)]


def _with(item: Expression, arguments: list[Expression]) -> Expression:
    """Return a node's operation on other arguments."""
    is_unchanged = all(map(is_, arguments, item.arguments))
    return item if is_unchanged else node(item.operation, *arguments)


def expand(output: Expression) -> Expression:
    """Expand the composites that have no derivative of their own."""
    (expanded,) = rewrite((output,), _expansions(first=True))
    return expanded


def expand_all(*outputs: Expression) -> tuple[Expression, ...]:
    """Expand all composites, those in their expansions too, once derivatives are taken."""
    rules = _expansions(first=False) | _expansions(first=True)
    while (expanded := rewrite(outputs, rules)) is not outputs:
        outputs = expanded
    return outputs


def mixes_rows(output: Expression) -> bool:
    """Return whether elements of an expression depend on others of their row, not on sums alone."""
    return any(PRIMITIVES[item.operation].mixes for item in walk(output) if item.arguments)


def masked_rows(output: Expression, mask: Expression) -> Expression:
    """Leave elements out of all that mixes or reduces their row, and of the class count.

    In a row in another order the mask is in that order too: the elements left out come last.
    """
    count = node("sum", node("where", mask, 1, 0))
    rewritten: dict[int, Expression] = {}
    # By node, the mask of its elements; None if no leaf below it has elements.
    masks: dict[int, Expression | None] = {}
    for item in walk(output):
        arguments = [rewritten[id(child)] for child in item.arguments]
        given = [masks[id(child)] for child in item.arguments]
        own = _joined(given)
        if item.operation in LEAVES and item.kind is Kind.ELEMENT:
            own = mask
        elif item.operation == "sorted_by":
            arguments[1] = node("where", _either(given[1], mask), arguments[1], math.nan)
            taking_part = node("where", _either(given[0], mask), 1, 0)
            own = 0 < node("sorted_by", taking_part, arguments[1])
        elif arguments:
            arguments = _masked(PRIMITIVES[item.operation], arguments, given, mask)
        rewritten[id(item)] = count if item.operation == "class_count" else _with(item, arguments)
        masks[id(item)] = own if item.kind is Kind.ELEMENT else None
    return rewritten[id(output)]


def _masked(
    primitive: Primitive,
    arguments: list[Expression],
    masks: list[Expression | None],
    mask: Expression,
) -> list[Expression]:
    """Return the operands of a primitive without what the elements left out would add."""
    found = list(arguments)
    if primitive.neutral is not None:
        for index, x in enumerate(arguments):
            # What mixes a row has its elements first; others, at the same positions, are not mixed.
            is_taken = primitive.operands[index].kind == "element" and primitive.reduces
            if index == 0 or (is_taken and x.kind is Kind.ELEMENT):
                taken = _either(masks[index], mask)
                found[index] = node("where", taken, x, primitive.neutral)
    if primitive.reduces:
        for index, spec in enumerate(primitive.operands):
            if spec.kind == "condition":
                found[index] = node("logical_and", arguments[index], _either(masks[index], mask))
    return found


def _either(found: Expression | None, otherwise: Expression) -> Expression:
    return otherwise if found is None else found


def _joined(masks: list[Expression | None]) -> Expression | None:
    """Return the condition that every one of these holds."""
    found = {id(mask): mask for mask in masks if mask is not None}
    conditions = list(found.values())
    return reduce(lambda a, b: a & b, conditions) if conditions else None


def _expansions(*, first: bool) -> dict[str, Callable[..., Expression]]:
    return {
        name: primitive.expand
        for name, primitive in PRIMITIVES.items()
        if primitive.expand is not None and primitive.expands_first is first
    }
