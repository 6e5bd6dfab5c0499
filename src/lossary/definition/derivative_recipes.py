"""Derivatives of large formulas as recipes: a plan in the cache is found without writing them.

A formula is large if it has many nodes, or a function that is computed by a series or polynomials.
"""

from __future__ import annotations

from typing import Literal

from lossary.definition.expressions import LossExpressions
from lossary.formula.expression import Expression, walk
from lossary.formula.recipe import Recipe
from lossary.formula.table import PRIMITIVES

#: Formulas of as many nodes are large. The plans of others take less than 2 ms to make, little more
#: than it takes to read them.
LARGE = 64


def derivative_source(
    expressions: LossExpressions,
    order: Literal["gradient", "hessian"],
    name: str,
    cotangent: Expression,
) -> Expression | Recipe:
    """Return the gradient or diagonal Hessian with respect to an argument, or how it is written."""

    def write() -> Expression:
        derive = expressions.gradient if order == "gradient" else expressions.hessian
        return derive(name, cotangent)

    if not is_large(expressions.formula):
        return write()
    facts = (order, name, *expressions.derivation_facts)
    return Recipe(repr(facts), (cotangent, *expressions.derivation_parts), write)


def is_large(formula: Expression) -> bool:
    """Return whether the plan of a formula's derivatives takes longer to make than to read."""
    nodes = list(walk(formula))
    return len(nodes) >= LARGE or any(map(_has_series, nodes))


def _has_series(item: Expression) -> bool:
    primitive = PRIMITIVES.get(item.operation)
    return primitive is not None and primitive.expand is not None and primitive.approximate
