"""Memory layout of arrays, and the choice of the kernel layout that reads them.

Arrays that are dense in the same order of axes are treated as flat memory: the kernel runs along
them as along C order, and outputs are allocated in the same order. Whether the class axis is last
is decided by its position in that order. Several class axes that are neighbours there are one to
the kernel.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from lossary.arrays import Array
from lossary.formula.expression import Expression, Kind
from lossary.formula.plan import Output, Plan
from lossary.kernels.form import LANES, SHORT, is_class_vector
from lossary.kernels.work import Shape, Work

#: Elements of a chunk, what one thread takes at a time.
CHUNK = 1 << 15
#: Below this number of elements the calling thread works alone: waking another takes longer.
PARALLEL_FROM = 1 << 17
#: Most elements of a row that are compared with all others of it: from here on sorting is faster.
COMPARED = 256
#: Elements of a block of rows, over which all passes run before the next block, to stay in cache.
BLOCK = 1 << 14

_ADDED = {"sum", "count"}
_COMBINE: dict[str, np.ufunc] = {
    "minimum": np.minimum,
    "maximum": np.maximum,
    "first": np.minimum,
}


class Geometry(NamedTuple):
    """A kernel's layout, its sizes, and the order of axes in which arrays are dense."""

    layout: str
    sizes: tuple[int, ...]
    step: int
    order: tuple[int, ...]

    @property
    def chunks(self) -> int:
        """Number of chunks; depends on sizes alone."""
        return -(-self.sizes[0] // self.step)


def geometry_of(plan: Plan, work: Work) -> Geometry | None:
    """Return how a kernel reads the arrays without copies; None if it cannot."""
    order = _order(_full(plan, work), len(work.shape))
    if any(output.role == "first" for output in plan.outputs):
        rows = order_of(order, Kind.ROW, work)
        classes = tuple(axis for axis in order if axis in work.axes)
        if (rows, classes) != (tuple(sorted(rows)), work.axes):  # indices are counted in C order
            return None
    if not all(_is_dense(leaf, work, order) for leaf in plan.leaves):
        return None
    if not work.axes:
        return Geometry("flat", (math.prod(work.shape),), CHUNK, order)
    lengths = class_lengths(work, order)
    return None if lengths is None else _class_geometry(*lengths, order)


def can_compare(work: Work, geometry: Geometry | None) -> bool:
    """Return whether a kernel compares the elements of a row with all others; else it sorts."""
    if math.prod(work.shape[axis] for axis in work.axes) > COMPARED:
        return False
    return geometry is None or geometry.layout in {"columns", "short rows"}


def dense_order(plan: Plan, work: Work) -> tuple[int, ...] | None:
    """Return the order of axes in which all arrays of elements are dense; None if there is none."""
    order = _order(_full(plan, work), len(work.shape))
    elements = (leaf for leaf in plan.leaves if leaf.kind is Kind.ELEMENT)
    return order if all(_is_dense(leaf, work, order) for leaf in elements) else None


def _is_dense(leaf: Expression, work: Work, order: Sequence[int]) -> bool:
    """Return whether a kernel can read a leaf's array as it is, in an order of axes."""
    x = work.arrays[str(leaf.value)]
    if x.ndim == 0:
        return True
    axes = range(x.ndim) if is_class_vector(leaf) else order_of(order, leaf.kind, work)
    return bool(x.dtype.isnative and x.transpose(tuple(axes)).flags.c_contiguous)


def class_lengths(work: Work, order: Sequence[int]) -> tuple[int, int, int] | None:
    """Return the lengths before, along and after the class axes in an order of axes.

    None if other axes lie between them.
    """
    order = [axis for axis in order if work.shape[axis] != 1]
    lengths = [work.shape[axis] for axis in order]
    indices = [index for index, axis in enumerate(order) if axis in work.axes]
    if not indices:
        return math.prod(lengths), 1, 1
    first, end = indices[0], indices[-1] + 1
    if end - first > len(indices):
        return None
    return math.prod(lengths[:first]), math.prod(lengths[first:end]), math.prod(lengths[end:])


def _class_geometry(
    outer: int, classes: int, inner: int, order: tuple[int, ...]
) -> Geometry | None:
    if inner >= LANES:
        units = outer * -(-inner // LANES)
        sizes: tuple[int, ...] = (units, classes, inner)
        return Geometry("columns", sizes, _step(classes * LANES), order)
    rows = outer * inner
    if classes <= SHORT and rows >= LANES:
        sizes = (-(-rows // LANES), classes, rows, inner)
        return Geometry("short rows", sizes, _step(classes * LANES), order)
    if inner != 1:
        return None
    height = max(1, min(LANES, BLOCK // max(classes, 1)))
    sizes = (-(-outer // height), classes, outer, height)
    layout = "rows" if classes >= LANES else "narrow rows"
    return Geometry(layout, sizes, _step(classes * height), order)


def _step(elements: int) -> int:
    return max(1, CHUNK // max(elements, 1))


def _full(plan: Plan, work: Work) -> Iterable[Array]:
    for leaf in plan.leaves:
        x = work.arrays[str(leaf.value)]
        if (
            x.ndim == len(work.shape) > 0
            and leaf.kind is Kind.ELEMENT
            and not is_class_vector(leaf)
        ):
            yield x


def _order(arrays: Iterable[Array], ndim: int) -> tuple[int, ...]:
    """Return the order of axes of the first array, outermost first."""
    x = next(iter(arrays), None)
    if x is None or x.flags.c_contiguous:
        return tuple(range(ndim))
    steps = [(-abs(stride), axis) for axis, stride in enumerate(x.strides)]
    return tuple(axis for _, axis in sorted(steps))


def order_of(order: Sequence[int], kind: Kind, work: Work) -> tuple[int, ...]:
    """Return the order of axes of full arrays of a kind."""
    if not work.axes or kind is Kind.ELEMENT:
        return tuple(order) or tuple(range(len(work.shape)))
    if not order:
        return tuple(range(len(work.unreduced_shape)))
    rest = [axis for axis in order if axis not in work.axes]
    return tuple(axis - sum(one < axis for one in work.axes) for axis in rest)


def empty(output: Output, work: Work, order: Sequence[int]) -> Array:
    """Allocate memory for a stored output with its axes in an order."""
    kind = output.expression.kind
    shape, axes = work.shape_of(kind), order_of(order, kind, work)
    dtype = storage(work.dtypes[output.name])
    return np.empty([shape[axis] for axis in axes], dtype).transpose(np.argsort(axes))


def aligned(shape: Shape, dtype: np.dtype[Any], alignment: int) -> Array:
    """Allocate memory that starts at a multiple of ``alignment`` bytes."""
    size = math.prod(shape) * dtype.itemsize
    raw = np.empty(size + alignment, np.uint8)
    return np.ndarray(shape, dtype, raw, -raw.ctypes.data % alignment)


def storage(dtype: str) -> np.dtype[Any]:
    """Return the dtype that stores an output; uint16 for bfloat16, which NumPy lacks."""
    return np.dtype(np.uint16 if dtype == "bfloat16" else dtype)


def combined(outputs: Sequence[Output], partials: Array) -> list[float]:
    """Combine the totals of all chunks, one after the other: a row of ``partials`` is a chunk's."""
    if partials.size == 0:  # without elements there are no chunks
        return [0.0] * len(outputs)
    found: list[float]
    with np.errstate(all="ignore"):
        if _ADDED.issuperset(output.role for output in outputs):
            found = np.add.accumulate(partials)[-1].tolist()
        else:
            operations = [_COMBINE.get(output.role, np.add) for output in outputs]
            pairs = zip(operations, partials.T, strict=True)
            found = [float(operation.accumulate(column)[-1]) for operation, column in pairs]
    return found
