"""Evaluation of expressions with the operations of an array library."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Protocol

from lossary.formula.expression import SYMBOLS, Expression, number, walk
from lossary.formula.lower import share
from lossary.formula.table import PRIMITIVES


class Operations(Protocol):
    """The part of a machine's interface that a tape uses itself; primitives call the rest.

    ``native`` has the machine's own functions for primitives that it computes better than
    :attr:`Primitive.compute` does.
    """

    native: Mapping[str, Callable[..., Any]]

    def number(self, value: float) -> Any:
        """Return a number as an array of the working dtype."""


class Tape:
    """Expressions as a list of steps, each an operation on the results of earlier steps.

    Every node has an index among the results; ``steps`` has the index of a result, its operation
    and the indices of its operands.
    """

    def __init__(self, outputs: tuple[Expression, ...]) -> None:
        self.steps: list[tuple[int, str, tuple[int, ...]]] = []
        literals: dict[int, float] = {}
        inputs: list[tuple[int, str]] = []
        indices: dict[int, int] = {}
        for index, item in enumerate(walk(*outputs)):
            indices[id(item)] = index
            value = number(item)
            if value is not None:
                literals[index] = value
            elif item.operation in SYMBOLS:
                inputs.append((index, str(item.value)))
            else:
                operands = tuple(indices[id(child)] for child in item.arguments)
                self.steps.append((index, item.operation, operands))
        # A function of numbers alone needs one of them as an array: exp(2.0) has no dtype.
        arrays = {used[0] for _, _, used in self.steps if used and literals.keys() >= {*used}}
        self.numbers = [(index, value) for index, value in literals.items() if index in arrays]
        self.literals = [(index, value) for index, value in literals.items() if index not in arrays]
        self.inputs = tuple(inputs)
        self.outputs = tuple(indices[id(output)] for output in outputs)
        self.size = len(indices)

    def run(self, values: Mapping[str, Any], xp: Any) -> tuple[Any, ...]:
        """Return the values of the outputs.

        Parameters
        ----------
        values : mapping of str to array or number
            The arguments and parameters by their names.
        xp : Operations
            The machine that computes.
        """
        results: list[Any] = [None] * self.size
        for index, value in self.literals:
            results[index] = value
        for index, value in self.numbers:
            results[index] = xp.number(value)
        for index, name in self.inputs:
            results[index] = values[name]
        for index, operation, operands in self.steps:
            native = xp.native.get(operation)
            arguments = [results[operand] for operand in operands]
            if native is None:
                results[index] = PRIMITIVES[operation].compute(xp, *arguments)
            else:
                results[index] = native(*arguments)
        return tuple(results[index] for index in self.outputs)


class _Identity:
    """A cache key that compares expressions by identity: their ``==`` builds a node."""

    __slots__ = ("expression",)

    def __init__(self, expression: Expression) -> None:
        self.expression = expression

    def __hash__(self) -> int:
        return id(self.expression)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Identity) and other.expression is self.expression


def tape(*outputs: Expression) -> Tape:
    """Return the steps that evaluate these outputs, from a cache of the latest 256."""
    return _tape(tuple(map(_Identity, outputs)))


@lru_cache(maxsize=256)
def _tape(outputs: tuple[_Identity, ...]) -> Tape:
    return Tape(share(*(item.expression for item in outputs)))
