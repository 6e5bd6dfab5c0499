"""Running kernels over host memory: layouts, chunks, and arrays that need converting first.

Arrays that are contiguous and of the working precision are handed to the kernel as they are.
Anything else (other dtypes, strides, an axis that cannot be viewed) is converted block by block,
so that a reduced result never allocates memory of the input's size.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lossary.formula.expression import Expression, Kind
from lossary.formula.plan import Output, Plan, make_plan
from lossary.kernels import bfloat16, cache, threads
from lossary.kernels.source import COLUMN_BLOCK, KernelWriter, Layout, Precision

CHUNK = 1 << 15
PARALLEL_FROM = 1 << 17

Array = np.ndarray[Any, np.dtype[Any]]
Shape = tuple[int, ...]
_PRECISIONS: dict[str, Precision] = {"float32": "f32", "float64": "f64"}
_IDENTITY = {"sum": 0.0, "count": 0.0, "minimum": math.inf, "maximum": -math.inf}
_COMBINE: dict[str, Callable[..., Any]] = {
    "sum": np.add.reduce,
    "count": np.add.reduce,
    "minimum": np.minimum.reduce,
    "maximum": np.maximum.reduce,
}


@dataclass(slots=True)
class Job:
    """What to run: outputs over named arrays.

    ``dtypes`` names the dtypes of stored outputs; arrays named in ``bits`` hold the bits of
    bfloat16 numbers as uint16, and so does an output of dtype "bfloat16".
    """

    outputs: tuple[Output, ...]
    arrays: Mapping[str, Array]
    numbers: Mapping[str, float]
    axis: int | None
    shape: Shape
    unit_shape: Shape
    compute: str
    dtypes: Mapping[str, str]
    bits: frozenset[str] = frozenset()


@dataclass(slots=True)
class Kernel:
    """A compiled kernel with the plan that it was written from."""

    plan: Plan
    function: Callable[..., None]
    stored: list[Output]
    reduced: list[Output]


_plans: dict[tuple[object, ...], Plan] = {}
_kernels: dict[tuple[object, ...], Kernel] = {}


def plan_of(outputs: tuple[Output, ...]) -> Plan:
    """Return the plan of these outputs, remembered."""
    key = tuple((output.name, id(output.expression), output.role) for output in outputs)
    plan = _plans.get(key)
    if plan is None:
        # The plan keeps lowered expressions; the originals must live too, as their ids are keys.
        plan = _plans[key] = make_plan(outputs)
        _originals.extend(output.expression for output in outputs)
    return plan


_originals: list[Expression] = []


def kernel_of(plan: Plan, compute: str, layout: Layout, scalars: frozenset[str]) -> Kernel:
    """Return the compiled kernel for a plan, remembered."""
    key = (id(plan), compute, layout, scalars)
    kernel = _kernels.get(key)
    if kernel is None:
        writer = KernelWriter(plan, _PRECISIONS[compute], layout, scalars)
        function = cache.load(writer.source("kernel"), "kernel")
        kernel = _kernels[key] = Kernel(plan, function, writer.stored, writer.reduced)
    return kernel


def run(job: Job) -> dict[str, Any]:
    """Run a job; stored outputs come back as arrays, reduced ones as float64 numbers."""
    plan = plan_of(job.outputs)
    names = [str(leaf.value) for leaf in plan.leaves]
    scalars = frozenset(name for name in names if job.arrays[name].ndim == 0)
    if math.prod(job.shape) == 0 and (job.axis is None or math.prod(job.unit_shape) == 0):
        return _empty(plan, job)
    results = _allocate(plan, job)
    if _is_direct(plan, job, scalars):
        partials = _run_direct(plan, job, scalars, results)
    else:
        partials = _run_blocks(plan, job, scalars, results)
    reduced = [output for output in plan.outputs if output.role != "store"]
    for place, output in enumerate(reduced):
        results[output.name] = _COMBINE[output.role](partials[:, place])
    return results


def _empty(plan: Plan, job: Job) -> dict[str, Any]:
    results = _allocate(plan, job)
    for output in plan.outputs:
        if output.role != "store":
            results[output.name] = np.float64(_IDENTITY[output.role])
    return results


def _allocate(plan: Plan, job: Job) -> dict[str, Any]:
    return {
        output.name: np.empty(_shape(output, job), bfloat16.storage(job.dtypes[output.name]))
        for output in plan.outputs
        if output.role == "store"
    }


def _shape(output: Output, job: Job) -> Shape:
    full = job.axis is None or output.expression.kind is Kind.ELEMENT
    return job.shape if full else job.unit_shape


# --- arrays that the kernel can read as they are ----------------------------------------------
def _is_direct(plan: Plan, job: Job, scalars: frozenset[str]) -> bool:
    for leaf in plan.leaves:
        x = job.arrays[str(leaf.value)]
        if leaf.value in scalars or leaf.value == "class_weights":
            continue
        if not x.flags.c_contiguous or (leaf.operation == "argument" and x.dtype != job.compute):
            return False
        if leaf.operation == "mask" and x.dtype != np.bool_:
            return False
    return all(dtype == job.compute for dtype in job.dtypes.values())


def _run_direct(
    plan: Plan, job: Job, scalars: frozenset[str], results: Mapping[str, Any]
) -> Array:
    sizes, layout, chunk = _geometry(job)
    kernel = kernel_of(plan, job.compute, layout, scalars)
    leaves = [_viewed(leaf, job, layout, scalars) for leaf in plan.leaves]
    stored = [_laid_out(results[o.name], o.expression.kind, job, layout) for o in kernel.stored]
    numbers = [job.numbers[name] for name in plan.parameters]
    count = -(-sizes[0] // chunk)
    partials = np.empty((count, len(kernel.reduced)), np.float64)

    def task(first: int, last: int) -> None:
        kernel.function(first, last, chunk, *sizes, *leaves, *numbers, *stored, partials)

    if math.prod(job.shape) < PARALLEL_FROM:
        task(0, count)
    else:
        threads.run(task, count)
    return partials


def _geometry(job: Job) -> tuple[tuple[int, ...], Layout, int]:
    """Return the kernel's sizes, the layout, and how many units make a chunk."""
    if job.axis is None:
        return (math.prod(job.shape),), "flat", CHUNK
    classes = job.shape[job.axis]
    inner = math.prod(job.shape[job.axis + 1 :])
    if inner == 1:
        return (math.prod(job.unit_shape), classes), "rows", max(1, CHUNK // max(classes, 1))
    outer = math.prod(job.shape[: job.axis])
    blocks = -(-inner // COLUMN_BLOCK)
    chunk = max(1, CHUNK // max(classes * COLUMN_BLOCK, 1))
    return (outer * blocks, classes, inner), "columns", chunk


def _viewed(leaf: Expression, job: Job, layout: Layout, scalars: frozenset[str]) -> Array:
    x = job.arrays[str(leaf.value)]
    if leaf.value in scalars or leaf.value == "class_weights":
        return _converted(leaf, x.reshape(-1), job)
    if leaf.operation == "label":
        x = x.astype(np.int64, copy=False)
    if leaf.operation == "mask":
        x = x.view(np.uint8)
    return _laid_out(x, leaf.kind, job, layout)


def _converted(leaf: Expression, x: Array, job: Job) -> Array:
    if leaf.value in job.bits:
        x = bfloat16.widen(x)
    dtype = {"mask": np.uint8, "label": np.int64}.get(leaf.operation, job.compute)
    return np.ascontiguousarray(x, dtype=dtype)


def _laid_out(x: Array, kind: Kind, job: Job, layout: Layout) -> Array:
    if layout == "flat":
        return x.reshape(-1)
    axis = job.axis or 0
    if layout == "rows":
        return x.reshape(-1, job.shape[axis]) if kind is Kind.ELEMENT else x.reshape(-1)
    outer, inner = math.prod(job.shape[:axis]), math.prod(job.shape[axis + 1 :])
    if kind is Kind.ELEMENT:
        return x.reshape(outer, job.shape[axis], inner)
    return x.reshape(outer, inner)


# --- arrays that are converted block by block -------------------------------------------------
def _run_blocks(
    plan: Plan, job: Job, scalars: frozenset[str], results: Mapping[str, Any]
) -> Array:
    layout: Layout = "flat" if job.axis is None else "rows"
    kernel = kernel_of(plan, job.compute, layout, scalars)
    classes = () if job.axis is None else (job.shape[job.axis],)
    blocks = list(_blocks(job.unit_shape, max(1, CHUNK // max(math.prod(classes), 1))))
    leaves = [_moved(leaf, job.arrays[str(leaf.value)], job, scalars) for leaf in plan.leaves]
    targets = [_class_last(results[o.name], o.expression.kind, job) for o in kernel.stored]
    numbers = [job.numbers[name] for name in plan.parameters]
    partials = np.empty((len(blocks), len(kernel.reduced)), np.float64)

    def task(first: int, last: int) -> None:
        for place in range(first, last):
            block = blocks[place]
            size = _extent(block, job.unit_shape)
            given = [
                x if fixed else _converted(leaf, _piece(x, block, leaf.kind, classes), job)
                for leaf, (x, fixed) in zip(plan.leaves, leaves, strict=True)
            ]
            made = [
                np.empty((size, *classes) if _keeps(o, job) else (size,), job.compute)
                for o in kernel.stored
            ]
            kernel.function(
                0, 1, size, size, *classes, *given, *numbers, *made, partials[place : place + 1]
            )
            for output, target, piece in zip(kernel.stored, targets, made, strict=True):
                _put(target, block, piece, job.dtypes[output.name])

    if math.prod(job.shape) < PARALLEL_FROM:
        task(0, len(blocks))
    else:
        threads.run(task, len(blocks))
    return partials


def _put(target: Array, block: tuple[Any, ...], piece: Array, dtype: str) -> None:
    """Store a block of results, rounded once to their dtype."""
    if dtype == "bfloat16" and target.dtype == np.uint16:
        piece = bfloat16.narrow(piece)
    with np.errstate(over="ignore"):
        target[block] = piece.reshape(target[block].shape)


def _keeps(output: Output, job: Job) -> bool:
    return job.axis is not None and output.expression.kind is Kind.ELEMENT


def _moved(
    leaf: Expression, x: Array, job: Job, scalars: frozenset[str]
) -> tuple[Array, bool]:
    """Return a leaf with its class axis last, and whether every block reads the same."""
    if leaf.value in scalars or leaf.value == "class_weights":
        return _converted(leaf, x.reshape(-1), job), True
    return _class_last(x, leaf.kind, job), False


def _class_last(x: Array, kind: Kind, job: Job) -> Array:
    if job.axis is None or kind is not Kind.ELEMENT:
        return x
    return np.moveaxis(x, job.axis, -1)


def _piece(x: Array, block: tuple[Any, ...], kind: Kind, classes: Shape) -> Array:
    piece = x[block]
    return piece.reshape(-1, *classes) if kind is Kind.ELEMENT else piece.reshape(-1)


def _blocks(shape: Shape, limit: int) -> Iterator[tuple[Any, ...]]:
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


def _extent(block: tuple[Any, ...], shape: Shape) -> int:
    """Return how many elements a block holds."""
    *leading, last = block[:-1] or (None,)
    if last is None:
        return math.prod(shape)
    return int(last.stop - last.start) * math.prod(shape[len(leading) + 1 :])
