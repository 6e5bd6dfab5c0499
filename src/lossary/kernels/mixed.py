"""Kernels of formulas that mix the elements of a row: that sort it, or run along it.

An operation that mixes needs whole rows of its operands, so the computation is cut there. A kernel
computes the operands of a stage, the operations make rows of them, and the next kernel reads these
as it reads the arrays that were given. Blocks of rows go through all stages while they are in the
processor's cache.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from lossary.arrays import Array
from lossary.formula.expression import Expression, Kind, argument, node, number
from lossary.formula.plan import Output, Plan
from lossary.formula.table import PRIMITIVES
from lossary.kernels.copied import Bind, Kernel
from lossary.kernels.running import running
from lossary.kernels.work import Work

Operand = str | float


class Mixture(NamedTuple):
    """An operation that mixes rows: the array that it makes, and those that it makes it of."""

    name: str
    operation: str
    operands: tuple[Operand, ...]


class Stage(NamedTuple):
    """A step before the next kernel: a kernel computes operands, if any, mixtures make rows."""

    operands: tuple[Output, ...]
    mixtures: tuple[Mixture, ...]


def stages_of(plan: Plan, is_row: Callable[[Expression], bool]) -> tuple[list[Stage], Plan]:
    """Cut a plan at the operations that mix rows.

    ``is_row`` tells of a leaf whether its array can be an operand as it is. Return the stages, and
    the plan of what remains.
    """
    rewritten: dict[int, Expression] = {}
    levels: dict[int, int] = {}
    operands: list[dict[int, Output]] = []
    mixtures: list[list[Mixture]] = []
    for item in plan.nodes:
        given = [rewritten[id(x)] for x in item.arguments]
        level = max((levels[id(x)] for x in item.arguments), default=0)
        found = node(item.operation, *given) if given else item
        if given and PRIMITIVES[item.operation].mixes:
            if level == len(operands):
                operands.append({})
                mixtures.append([])
            name = f"row {sum(map(len, mixtures))}"
            specs = PRIMITIVES[item.operation].operands
            used = [
                _operand(x, spec.kind, operands[level], is_row)
                for x, spec in zip(given, specs, strict=True)
            ]
            mixtures[level].append(Mixture(name, item.operation, tuple(used)))
            found, level = argument(name), level + 1
        rewritten[id(item)], levels[id(item)] = found, level
    stages = [
        Stage(tuple(outputs.values()), tuple(made))
        for outputs, made in zip(operands, mixtures, strict=True)
    ]
    rest = (Output(o.name, rewritten[id(o.expression)], o.role) for o in plan.outputs)
    return stages, Plan(tuple(rest))


def _operand(
    x: Expression, kind: str, known: dict[int, Output], is_row: Callable[[Expression], bool]
) -> Operand:
    """Return a number, or the name of an array; note what a kernel has to compute for it."""
    value = number(x)
    if kind == "number" and value is not None:
        return value
    if x.operation == "argument" and (str(x.value).startswith("row ") or is_row(x)):
        return str(x.value)
    if id(x) not in known:
        is_element = x.kind is Kind.ELEMENT
        full = x if is_element else node("where", node("index") < 0, 0, x)
        known[id(x)] = Output(f"operand {len(known)}", full, "store")
    return known[id(x)].name


class MixedKernel(Kernel):
    """A kernel of dense rows that runs the stages. ``bind`` binds one to dense arrays."""

    def __init__(self, plan: Plan, work: Work, bind: Bind) -> None:
        super().__init__(plan)
        self._shapes = [work.arrays[name].shape for name in self.leaves]
        arrays: dict[str, Array] = dict(work.arrays)

        def is_row(leaf: Expression) -> bool:
            name = str(leaf.value)
            return work.dtype_of(name) == work.compute and work.arrays[name].shape == work.shape

        stages, rest = stages_of(plan, is_row)
        self._stages: list[tuple[Kernel | None, tuple[Mixture, ...]]] = []
        for stage in stages:
            dtypes = {output.name: work.compute for output in stage.operands}
            part = work._replace(arrays=arrays, dtypes=dtypes)
            kernel = bind(Plan(stage.operands), part) if stage.operands else None
            self._stages.append((kernel, stage.mixtures))
            names = [o.name for o in stage.operands] + [item.name for item in stage.mixtures]
            arrays |= {name: np.empty(work.shape, work.compute) for name in names}
        self._rest = bind(rest, work._replace(arrays=arrays))

    def __call__(
        self, arrays: Sequence[Any], made: Sequence[Array] | None = None
    ) -> tuple[Sequence[Array], list[float]]:
        """Run; return stored arrays (``made``, where that is given) and reduced numbers."""
        shaped = (x.reshape(shape) for x, shape in zip(arrays, self._shapes, strict=True))
        known = dict(zip(self.leaves, shaped, strict=True))
        orders = _Orders()
        for kernel, mixtures in self._stages:
            if kernel is not None:
                stored, _ = kernel([known[name] for name in kernel.leaves])
                known |= zip(kernel.stored, stored, strict=True)
            for item in mixtures:
                given = [known[x] if isinstance(x, str) else x for x in item.operands]
                known[item.name] = _mixed(item.operation, orders, given)
        return self._rest([known[name] for name in self._rest.leaves], made)


class _Orders:
    """The orders of rows by their keys, each found once."""

    def __init__(self) -> None:
        self._found: dict[int, tuple[Array, Array]] = {}  # with the key, as ids are used again

    def of(self, key: Array) -> Array:
        """Return the indices of a row's elements in ascending order of their keys, NaN last."""
        if id(key) not in self._found:
            self._found[id(key)] = key, np.argsort(key, axis=-1, kind="stable")
        return self._found[id(key)][1]


def _mixed(operation: str, orders: _Orders, given: Sequence[Any]) -> Array:
    """Return the rows that an operation makes."""
    function = _FUNCTIONS.get(operation)
    return running(operation, *given) if function is None else function(orders, *given)


def _sorted(orders: _Orders, x: Array, key: Array) -> Array:
    return np.take_along_axis(x, orders.of(key), axis=-1)


def _unsorted(orders: _Orders, x: Array, key: Array) -> Array:
    found = np.empty_like(x)
    np.put_along_axis(found, orders.of(key), x, axis=-1)
    return found


def _preceding(_: _Orders, x: Array, fill: float) -> Array:
    found = np.empty_like(x)
    found[:, :1], found[:, 1:] = fill, x[:, :-1]
    return found


def _following(_: _Orders, x: Array, fill: float) -> Array:
    found = np.empty_like(x)
    found[:, -1:], found[:, :-1] = fill, x[:, 1:]
    return found


_FUNCTIONS: Mapping[str, Callable[..., Array]] = {
    "sorted_by": _sorted,
    "unsorted_by": _unsorted,
    "preceding": _preceding,
    "following": _following,
}
