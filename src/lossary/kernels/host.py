"""Running kernels over host memory: layouts, chunks, and arrays that need converting first.

Arrays that are contiguous and of the working precision are handed to the kernel as they are; those
of an elementwise loss may hold float32 beside float64. Anything else (other dtypes, strides, an
axis that cannot be viewed) is converted block by block, so that a reduced result never allocates
memory of the input's size.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np

from lossary.formula.expression import Expression, Kind
from lossary.formula.plan import Output, Plan, make_plan
from lossary.kernels import bfloat16, cache, threads
from lossary.kernels.columns import COLUMN_BLOCK, ROW_BLOCK
from lossary.kernels.rows import ROWS
from lossary.kernels.source import Layout, writer
from lossary.kernels.writer import Precision

CHUNK = 1 << 15
PARALLEL_FROM = 1 << 17
#: So many numbers of neighbouring rows are passed over together.
UNIT = 1 << 14
#: Up to so many classes rows are transposed in blocks.
SHORT = 64

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


def kernel_of(
    plan: Plan,
    compute: str,
    layout: Layout,
    scalars: frozenset[str],
    addresses: Mapping[str, str] = MappingProxyType({}),
) -> Kernel:
    """Return the compiled kernel for a plan, remembered."""
    key = (id(plan), compute, layout, scalars, *sorted(addresses.items()))
    kernel = _kernels.get(key)
    if kernel is None:
        written = writer(plan, _PRECISIONS[compute], layout, scalars, addresses)
        function = cache.load(written.source("kernel"), "kernel")
        kernel = _kernels[key] = Kernel(plan, function, written.stored, written.reduced)
    return kernel


def run(job: Job) -> dict[str, Any]:
    """Run a job; stored outputs come back as arrays, reduced ones as float64 numbers."""
    plan = plan_of(job.outputs)
    if math.prod(job.shape) == 0 and (job.axis is None or math.prod(job.unit_shape) == 0):
        return _empty(plan, job)
    if is_direct(plan, job):
        direct = Direct(plan, job)
        stored, reduced = direct([job.arrays[n] for n in direct.leaves])
        names = (*direct.stored, *direct.reduced)
        return dict(zip(names, (*stored, *reduced), strict=True))
    return _run_blocks(plan, job)


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
def is_direct(plan: Plan, job: Job) -> bool:
    """Tell whether the kernel can read and write all arrays as they are."""
    for leaf in plan.leaves:
        x = job.arrays[str(leaf.value)]
        if x.ndim == 0 or leaf.value == "class_weights":
            continue
        if not x.flags.c_contiguous or (leaf.operation == "argument" and not _readable(x, job)):
            return False
        if leaf.operation == "mask" and x.dtype != np.bool_:
            return False
    return math.prod(job.shape) > 0 and all(d == job.compute for d in job.dtypes.values())


def is_plain(plan: Plan, job: Job) -> bool:
    """Tell whether arrays that it can read as they are need no conversion, if only of a scalar."""
    wanted = {"mask": "bool", "label": "int64"}
    return all(
        (x := job.arrays[str(leaf.value)]).flags.c_contiguous
        and x.dtype.name == wanted.get(leaf.operation, job.compute)
        for leaf in plan.leaves
    )


def _readable(x: Array, job: Job) -> bool:
    """Tell whether the kernel reads floating-point numbers of this dtype."""
    return x.dtype == job.compute or (job.axis is None and x.dtype == np.float32)


class Direct:
    """A kernel with everything resolved that depends on shapes and dtypes, ready to be called.

    ``leaves`` names the arrays that it takes, in order; ``stored`` and ``reduced`` the outputs that
    it returns. With ``by_address`` it takes the addresses of their memory instead: for libraries
    that give an address sooner than a NumPy array.
    """

    def __init__(self, plan: Plan, job: Job, by_address: bool = False) -> None:
        self.leaves = [str(leaf.value) for leaf in plan.leaves]
        scalars = frozenset(name for name in self.leaves if job.arrays[name].ndim == 0)
        sizes, layout, chunk = _geometry(job)
        dtypes = {name: job.arrays[name].dtype.name for name in self.leaves if by_address}
        kernel = kernel_of(plan, job.compute, layout, scalars, dtypes)
        self._function = kernel.function
        self._numbers = tuple(job.numbers[name] for name in plan.parameters)
        # What is kept must not keep the arrays of the first call alive.
        bare = replace(job, arrays={})
        viewers = [
            None if by_address else _viewer(leaf, job.arrays[name], bare, layout, scalars)
            for leaf, name in zip(plan.leaves, self.leaves, strict=True)
        ]
        # Most arrays are in the kernel's form already, and looking again costs a microsecond.
        self._views = [(place, view) for place, view in enumerate(viewers) if view is not None]
        self._stored = [
            (_shape(o, job), np.dtype(job.compute), _laid_out(o.expression.kind, job, layout))
            for o in kernel.stored
        ]
        self._combine = [_COMBINE[output.role] for output in kernel.reduced]
        self.stored = [output.name for output in kernel.stored]
        self.reduced = [output.name for output in kernel.reduced]
        count = -(-sizes[0] // chunk)
        self._fixed = (chunk, *sizes)
        self._partials = (count, len(self._combine))
        self._alone = _on_one_chunk(kernel.function, self._partials)
        self._parallel = math.prod(job.shape) >= PARALLEL_FROM and count > 1

    def __call__(self, arrays: Sequence[Array]) -> tuple[list[Array], list[float]]:
        """Run; return stored arrays and reduced numbers."""
        if self._views:
            arrays = list(arrays)
            for place, view in self._views:
                arrays[place] = view(arrays[place])
        made: list[Array] = []
        given = (*self._fixed, *arrays, *self._numbers)
        for shape, dtype, laid in self._stored:
            x = np.empty(shape, dtype)
            made.append(x)
            given += (x if laid == shape else x.reshape(laid),)
        if self._partials[0] == 1:
            return made, self._alone(given)
        partials = np.empty(self._partials)
        count, function = self._partials[0], self._function
        if self._parallel:
            threads.run(lambda first, last: function(first, last, *given, partials), count)
        else:
            function(0, count, *given, partials)
        return made, [c(partials[:, i]) for i, c in enumerate(self._combine)]

    @property
    def totals(self) -> Callable[[Sequence[Any]], list[float]] | None:
        """The shortest way to the reduced numbers, where one chunk gives them and nothing else."""
        if self._views or self._stored or self._partials[0] != 1:
            return None
        alone, fixed, numbers = self._alone, self._fixed, self._numbers
        return lambda arrays: alone((*fixed, *arrays, *numbers))


def _on_one_chunk(
    function: Callable[..., None], shape: tuple[int, int]
) -> Callable[[tuple[Any, ...]], list[float]]:
    """Return what runs a kernel on its only chunk; totals go by way of memory that is kept."""
    spare: list[Array] = []

    def run(given: tuple[Any, ...]) -> list[float]:
        try:
            partials = spare.pop()
        except IndexError:
            partials = np.empty(shape)
        function(0, 1, *given, partials)
        totals: list[float] = partials.tolist()[0]
        spare.append(partials)
        return totals

    return run


def _geometry(job: Job) -> tuple[tuple[int, ...], Layout, int]:
    """Return the kernel's sizes, the layout, and how many units make a chunk."""
    if job.axis is None:
        return (math.prod(job.shape),), "flat", CHUNK
    classes = job.shape[job.axis]
    inner = math.prod(job.shape[job.axis + 1 :])
    rows = math.prod(job.unit_shape)
    if inner == 1 and (classes > SHORT or rows < ROW_BLOCK // 4):
        block = _rows_of_unit(classes)
        chunk = max(1, CHUNK // max(classes * block, 1))
        return (-(-rows // block), classes, rows, block), "rows", chunk
    block = ROW_BLOCK if inner == 1 else COLUMN_BLOCK
    chunk = max(1, CHUNK // max(classes * block, 1))
    if inner == 1:
        return (-(-rows // block), classes, rows), "short rows", chunk
    outer = math.prod(job.shape[: job.axis])
    return (outer * -(-inner // block), classes, inner), "columns", chunk


def _rows_of_unit(classes: int) -> int:
    """Return how many rows, at least one, stay in a near cache until they are read again."""
    return max(1, min(ROWS, UNIT // max(classes, 1)))


def _viewer(
    leaf: Expression, given: Array, job: Job, layout: Layout, scalars: frozenset[str]
) -> Callable[[Array], Array] | None:
    """Return what brings arrays like the given one into the kernel's form; None if they are."""
    if leaf.value in scalars or leaf.value == "class_weights":
        return lambda x: _converted(leaf, x.reshape(-1), job)
    shape = _laid_out(leaf.kind, job, layout)
    if leaf.operation == "mask":
        return lambda x: x.view(np.uint8).reshape(shape)
    if leaf.operation == "label" and given.dtype != np.int64:
        return lambda x: x.astype(np.int64).reshape(shape)
    return None if given.shape == shape else lambda x: x.reshape(shape)


def _laid_out(kind: Kind, job: Job, layout: Layout) -> Shape:
    """Return the shape in which the kernel sees a full array."""
    if layout == "flat":
        return (math.prod(job.shape),)
    axis = job.axis or 0
    classes = job.shape[axis]
    if layout in {"rows", "short rows"}:
        rows = math.prod(job.unit_shape)
        return (rows, classes) if kind is Kind.ELEMENT else (rows,)
    outer, inner = math.prod(job.shape[:axis]), math.prod(job.shape[axis + 1 :])
    return (outer, classes, inner) if kind is Kind.ELEMENT else (outer, inner)


def _converted(leaf: Expression, x: Array, job: Job) -> Array:
    if leaf.value in job.bits:
        x = bfloat16.widen(x)
    dtype = {"mask": np.uint8, "label": np.int64}.get(leaf.operation, job.compute)
    return np.ascontiguousarray(x, dtype=dtype)


# --- arrays that are converted block by block -------------------------------------------------
def _run_blocks(plan: Plan, job: Job) -> dict[str, Any]:
    scalars = frozenset(name for name, x in job.arrays.items() if x.ndim == 0)
    results = _allocate(plan, job)
    layout: Layout = "flat" if job.axis is None else "rows"
    kernel = kernel_of(plan, job.compute, layout, scalars)
    classes = () if job.axis is None else (job.shape[job.axis],)
    blocks = list(_blocks(job.unit_shape, max(1, CHUNK // max(math.prod(classes), 1))))
    unit = _rows_of_unit(math.prod(classes))
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
            sizes = [size] if job.axis is None else [-(-size // unit), *classes, size, unit]
            made = [
                np.empty((size, *classes) if _keeps(o, job) else (size,), job.compute)
                for o in kernel.stored
            ]
            kernel.function(
                0, 1, size, *sizes, *given, *numbers, *made, partials[place : place + 1]
            )
            for output, target, piece in zip(kernel.stored, targets, made, strict=True):
                _put(target, block, piece, job.dtypes[output.name])

    if math.prod(job.shape) < PARALLEL_FROM:
        task(0, len(blocks))
    else:
        threads.run(task, len(blocks))
    for place, output in enumerate(kernel.reduced):
        results[output.name] = _COMBINE[output.role](partials[:, place])
    return results


def _put(target: Array, block: tuple[Any, ...], piece: Array, dtype: str) -> None:
    """Store a block of results, rounded once to their dtype."""
    if dtype == "bfloat16" and target.dtype == np.uint16:
        piece = bfloat16.narrow(piece)
    with np.errstate(all="ignore"):
        target[block] = piece.reshape(target[block].shape)


def _keeps(output: Output, job: Job) -> bool:
    return job.axis is not None and output.expression.kind is Kind.ELEMENT


def _moved(leaf: Expression, x: Array, job: Job, scalars: frozenset[str]) -> tuple[Array, bool]:
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
