"""Arrays that a kernel cannot read as they are: strided, repeated, of mixed orders.

They are copied block by block into dense memory, so that nothing of the input's size is made.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from lossary.formula.expression import Expression, Kind
from lossary.formula.plan import Plan
from lossary.kernels import threads
from lossary.kernels.form import is_class_vector
from lossary.kernels.memory import (
    CHUNK,
    PARALLEL_FROM,
    Array,
    Job,
    Shape,
    combined,
    empty,
)

Block = tuple[Any, ...]


def run(plan: Plan, job: Job, run_dense: Callable[[Job], dict[str, Any]]) -> dict[str, Any]:
    """Run a job over copies of its blocks, with the class axis last."""
    results: dict[str, Any] = {o.name: empty(o, job, ()) for o in plan.stored}
    classes = () if job.axis is None else (job.shape[job.axis],)
    blocks = list(_blocks(job.unit_shape, max(1, CHUNK // max(math.prod(classes), 1))))
    moved = {
        str(leaf.value): _moved(leaf, job.arrays[str(leaf.value)], job) for leaf in plan.leaves
    }
    targets = {o.name: _class_last(results[o.name], o.expression.kind, job) for o in plan.stored}
    partials = np.empty((len(blocks), len(plan.reduced)), np.float64)
    starts = [0, *itertools.accumulate(_extent(block, job.unit_shape) for block in blocks)]
    places = [output.role == "first" for output in plan.reduced]

    def task(first: int, last: int) -> None:
        for number in range(first, last):
            block = blocks[number]
            found = run_dense(_part(plan, job, moved, block, classes))
            for output in plan.stored:
                target = targets[output.name]
                target[block] = found[output.name].reshape(target[block].shape)
            partials[number] = [found[output.name] for output in plan.reduced]
            partials[number, places] += starts[number] * math.prod(classes)

    if math.prod(job.shape) < PARALLEL_FROM:
        task(0, len(blocks))
    else:
        threads.run(task, len(blocks))
    for number, output in enumerate(plan.reduced):
        results[output.name] = combined(output, partials[:, number])
    return results


def _part(plan: Plan, job: Job, moved: dict[str, Array], block: Block, classes: Shape) -> Job:
    """Return the job of one block: its arrays one-dimensional, or rows of classes."""
    arrays = {}
    for leaf in plan.leaves:
        name, x = str(leaf.value), moved[str(leaf.value)]
        if x.ndim and not is_class_vector(leaf):
            element = job.axis is not None and leaf.kind is Kind.ELEMENT
            x = _dense(x[block].reshape((-1, *classes) if element else (-1,)))
        arrays[name] = x
    size = _extent(block, job.unit_shape)
    return replace(
        job,
        arrays=arrays,
        axis=None if job.axis is None else 1,
        shape=(size, *classes),
        unit_shape=(size,),
    )


def _dense(x: Array) -> Array:
    """Return an array in C order, in the processor's order of bytes."""
    return np.ascontiguousarray(x, x.dtype.newbyteorder("="))


def _moved(leaf: Expression, x: Array, job: Job) -> Array:
    """Return a leaf's array with its class axis last."""
    if x.ndim == 0 or is_class_vector(leaf):
        return _dense(x)
    return _class_last(x, leaf.kind, job)


def _class_last(x: Array, kind: Kind, job: Job) -> Array:
    if job.axis is None or kind is not Kind.ELEMENT:
        return x
    return np.moveaxis(x, job.axis, -1)


def _blocks(shape: Shape, limit: int) -> Iterator[Block]:
    """Cut a shape into indices of at most ``limit`` elements, in C order."""
    split = len(shape)
    size = 1
    while split > 0 and size * shape[split - 1] <= limit:
        split -= 1
        size *= shape[split]
    if split == 0:
        yield (Ellipsis,)
        return
    step = max(1, limit // size)
    leading: Sequence[range] = [range(length) for length in shape[: split - 1]]
    for index in itertools.product(*leading):
        for start in range(0, shape[split - 1], step):
            yield (*index, slice(start, min(start + step, shape[split - 1])), Ellipsis)


def _extent(block: Block, shape: Shape) -> int:
    """Return how many elements a block holds."""
    *leading, last = block[:-1] or (None,)
    if last is None:
        return math.prod(shape)
    return int(last.stop - last.start) * math.prod(shape[len(leading) + 1 :])
