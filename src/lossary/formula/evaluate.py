"""Evaluation of expressions with the operations of an array library."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Protocol

from lossary.formula.expression import LEAVES, Expression, walk
from lossary.formula.primitives import PRIMITIVES
from lossary.formula.rewrite import spelled_out


class Operations(Protocol):
    """What the array spellings of the table may use; ``native`` overrides single rows."""

    native: Mapping[str, Callable[..., Any]]

    def number(self, value: float) -> Any:
        """Return a number as an array of the working dtype."""


class Tape:
    """Expressions as a list of steps: an operation and the places of its operands."""

    def __init__(self, outputs: tuple[Expression, ...]) -> None:
        literals: dict[int, float] = {}
        self.steps: list[tuple[int, str, tuple[int, ...]]] = []
        places: dict[int, int] = {}
        inputs: list[tuple[int, str]] = []
        for place, item in enumerate(walk(*outputs)):
            places[id(item)] = place
            if item.operation == "literal":
                literals[place] = float(item.value)  # type: ignore[arg-type]
            elif item.operation in LEAVES or item.operation == "parameter":
                inputs.append((place, str(item.value)))
            else:
                operands = tuple(places[id(child)] for child in item.arguments)
                self.steps.append((place, item.operation, operands))
        # A function of numbers alone needs one of them as an array: exp(2.0) has no dtype.
        lone = {used[0] for _, _, used in self.steps if used and literals.keys() >= {*used}}
        self.numbers = [(place, value) for place, value in literals.items() if place in lone]
        self.literals = [(place, value) for place, value in literals.items() if place not in lone]
        self.inputs = tuple(inputs)
        self.outputs = tuple(places[id(output)] for output in outputs)
        self.size = len(places)

    def run(self, values: Mapping[str, Any], xp: Any) -> tuple[Any, ...]:
        """Evaluate the outputs; ``values`` holds arguments and parameters by name."""
        results: list[Any] = [None] * self.size
        for place, value in self.literals:
            results[place] = value
        for place, value in self.numbers:
            results[place] = xp.number(value)
        for place, name in self.inputs:
            results[place] = values[name]
        for place, operation, operands in self.steps:
            spelled = xp.native.get(operation)
            arguments = [results[operand] for operand in operands]
            if spelled is None:
                results[place] = PRIMITIVES[operation].array(xp, *arguments)
            else:
                results[place] = spelled(*arguments)
        return tuple(results[place] for place in self.outputs)


@lru_cache(maxsize=256)
def _tape(outputs: tuple[_Identity, ...]) -> Tape:
    return Tape(spelled_out(*(item.expression for item in outputs)))


class _Identity:
    """A key that compares expressions by identity (their ``==`` builds a node)."""

    __slots__ = ("expression",)

    def __init__(self, expression: Expression) -> None:
        self.expression = expression

    def __hash__(self) -> int:
        return id(self.expression)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Identity) and other.expression is self.expression


def tape(*outputs: Expression) -> Tape:
    """Return the steps that evaluate these outputs, remembered."""
    return _tape(tuple(map(_Identity, outputs)))
