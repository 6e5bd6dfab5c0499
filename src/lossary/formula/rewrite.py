"""Rewriting of expressions, node by node, from the leaves up."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from lossary.formula.expression import Expression, node, walk
from lossary.formula.table import PRIMITIVES

#: From the names of operations to functions of their rewritten operands.
Rules = Mapping[str, Callable[..., Expression]]


def rewrite(outputs: tuple[Expression, ...], rules: Rules) -> tuple[Expression, ...]:
    """Return the outputs with every operation that has a rule replaced by what the rule returns."""
    rewritten: dict[int, Expression] = {}
    for item in walk(*outputs):
        rule = rules.get(item.operation) if item.arguments else None
        arguments = [rewritten[id(child)] for child in item.arguments]
        rewritten[id(item)] = rule(*arguments) if rule else _with(item, arguments)
    return tuple(rewritten[id(output)] for output in outputs)


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
    return node(item.operation, *arguments) if arguments else item


def expand(output: Expression) -> Expression:
    """Expand the composites that have no derivative of their own."""
    (expanded,) = rewrite((output,), _expansions(first=True))
    return expanded


def expand_all(*outputs: Expression) -> tuple[Expression, ...]:
    """Expand the composites that are differentiated as they are, once that is done."""
    return rewrite(outputs, _expansions(first=False))


def masked_rows(output: Expression, mask: Expression) -> Expression:
    """Leave elements out of every sum, maximum and norm of their row, and of the class count."""
    count = node("sum", node("where", mask, 1, 0))
    rewritten: dict[int, Expression] = {}
    for item in walk(output):
        arguments = [rewritten[id(child)] for child in item.arguments]
        neutral = PRIMITIVES[item.operation].neutral if arguments else None
        if neutral is not None:
            arguments[0] = node("where", mask, arguments[0], neutral)
        rewritten[id(item)] = count if item.operation == "class_count" else _with(item, arguments)
    return rewritten[id(output)]


def _expansions(*, first: bool) -> Rules:
    return {
        name: primitive.expand
        for name, primitive in PRIMITIVES.items()
        if primitive.expand is not None and primitive.expands_first is first
    }
