"""Rewriting of expressions, node by node, from the leaves up."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from lossary.formula.expression import Expression, node, walk
from lossary.formula.primitives import PRIMITIVES

Rules = Mapping[str, Callable[..., Expression]]


def rewrite(outputs: tuple[Expression, ...], rules: Rules) -> tuple[Expression, ...]:
    """Return the outputs with every operation that has a rule replaced."""
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
        found = replacements.get(id(item))
        arguments = [rewritten[id(child)] for child in item.arguments]
        rewritten[id(item)] = _with(item, arguments) if found is None else found
    return rewritten[id(output)]


def _with(item: Expression, arguments: list[Expression]) -> Expression:
    return node(item.operation, *arguments) if arguments else item


def expand(output: Expression) -> Expression:
    """Replace composites that have no derivative of their own by what they stand for."""
    (expanded,) = rewrite((output,), _EARLY)
    return expanded


def spelled_out(*outputs: Expression) -> tuple[Expression, ...]:
    """Replace the composites that were differentiated as such by what they stand for."""
    return rewrite(outputs, _LATE)


def _expansions(early: bool) -> Rules:
    return {
        name: row.expand
        for name, row in PRIMITIVES.items()
        if row.expand is not None and row.early is early
    }


_EARLY = _expansions(early=True)
_LATE = _expansions(early=False)
