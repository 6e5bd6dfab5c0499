"""Derivatives of large formulas as recipes: a plan in the cache is found without writing them."""

from __future__ import annotations

from typing import Literal

from lossary.definition.expressions import LossExpressions
from lossary.formula.expression import Expression, walk
from lossary.formula.recipe import Recipe

#: Formulas of as many nodes are large. The derivatives of smaller ones take less than 2 ms, little
#: more than it takes to read a plan.
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

    if sum(1 for _ in walk(expressions.formula)) < LARGE:
        return write()
    facts = (order, name, *expressions.derivation_facts)
    return Recipe(repr(facts), (cotangent, *expressions.derivation_parts), write)
