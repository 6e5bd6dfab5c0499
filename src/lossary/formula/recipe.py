"""Recipes: expressions that are written when they are asked for.

The derivatives of a large formula take 20 milliseconds to write. A plan that another process has
made does not need them, only what they are written from, which tells plans apart.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

from lossary.formula.expression import Expression


class Recipe:
    """An expression that is written once it is needed.

    Attributes
    ----------
    task : str
        What is done with the ingredients.
    ingredients : tuple of Expression
        What the expression is written from: the same task with the same ingredients always gives
        the same expression.
    """

    def __init__(
        self, task: str, ingredients: tuple[Expression, ...], write: Callable[[], Expression]
    ) -> None:
        self.task = task
        self.ingredients = ingredients
        self._write = write

    @cached_property
    def expression(self) -> Expression:
        """The expression itself."""
        return self._write()


def ingredients_of(source: Expression | Recipe) -> tuple[Expression, ...]:
    """Return what an expression is written from: itself if it is written already."""
    return source.ingredients if isinstance(source, Recipe) else (source,)


def task_of(source: Expression | Recipe) -> str:
    """Return what is done with the ingredients of an expression."""
    return source.task if isinstance(source, Recipe) else ""
