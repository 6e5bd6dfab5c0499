"""Kernels for arrays that must be copied first: strided, broadcast, of mixed axis orders.

Small arrays are copied into dense memory as a whole: 100 strided elements take 1 to 2 times as long
as dense ones. Large arrays are copied block by block, so that no full-size copy is allocated.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from lossary.arrays import Array
from lossary.formula.expression import Expression, Kind
from lossary.formula.plan import Plan
from lossary.kernels import threads
from lossary.kernels.direct import Direct, ItemIndex
from lossary.kernels.form import is_class_vector
from lossary.kernels.memory import CHUNK, PARALLEL_FROM, combined, empty
from lossary.kernels.work import Shape, Work

Block = tuple[Any, ...]
View = Callable[[Array], Array]


class Kernel:
    """A callable kernel, resolved for given shapes and dtypes.

    ``leaves`` names the arrays that it takes, in order; ``stored`` and ``reduced`` name the outputs
    that it returns; ``makers`` allocate the stored ones. ``address_getter`` returns the address of
    an array that is read without a copy.
    """

    address_getter: Callable[[Any], int] | None = None
    makers: Sequence[Callable[[], Array]] = ()

    def __init__(self, plan: Plan) -> None:
        self.leaves = [str(leaf.value) for leaf in plan.leaves]
        self.stored = [output.name for output in plan.stored]
        self.reduced = [output.name for output in plan.reduced]

    def __call__(
        self, arrays: Sequence[Any], made: Sequence[Array] | None = None
    ) -> tuple[Sequence[Array], list[float]]:
        """Run; return stored arrays (``made``, where that is given) and reduced numbers."""
        raise NotImplementedError

    def direct(
        self, request: Sequence[Any], indices: Mapping[str, ItemIndex], factor: float
    ) -> Direct | None:
        """Return a built-in function if this call is one run of machine code, else None.

        ``indices`` holds the request index of each array; a value alone is divided by ``factor``.
        """
        return None


Bind = Callable[[Plan, Work], Kernel]


class CopyingKernel(Kernel):
    """A kernel that runs on dense copies of arrays. ``bind`` binds one to dense arrays."""

    def __init__(self, plan: Plan, work: Work, bind: Bind) -> None:
        super().__init__(plan)
        self._bound = bind(plan, dense_work(plan, work))
        self._copies = [_copier(leaf, work) for leaf in plan.leaves]

    def __call__(
        self, arrays: Sequence[Array], made: Sequence[Array] | None = None
    ) -> tuple[Sequence[Array], list[float]]:
        """Run; return stored arrays (``made``, where that is given) and reduced numbers."""
        return self._bound([copy(x) for copy, x in zip(self._copies, arrays, strict=True)], made)


class BlockKernel(Kernel):
    """A kernel that runs on dense copies of blocks of arrays, with the class axes last."""

    def __init__(self, plan: Plan, work: Work, bind: Bind) -> None:
        super().__init__(plan)
        classes = tuple(work.shape[axis] for axis in work.axes)
        length = math.prod(classes)
        self._blocks = list(blocks_of(work.unreduced_shape, max(1, CHUNK // max(length, 1))))
        sizes = [_extent(block, work.unreduced_shape) for block in self._blocks]
        self._starts = [length * start for start in itertools.accumulate([0, *sizes])]
        axes = tuple(range(1, 1 + len(classes)))
        kernels = {}
        for size in set(sizes):
            part = work._replace(axes=axes, shape=(size, *classes), unreduced_shape=(size,))
            kernels[size] = CopyingKernel(plan, part, bind)
        self._kernels = [kernels[size] for size in sizes]
        self._parallel = math.prod(work.shape) >= PARALLEL_FROM
        self._views = [_view(leaf, work) for leaf in plan.leaves]
        # Drop the arrays, or this kernel would keep those of the first call alive.
        bare = work._replace(outputs=(), arrays={}, numbers={})
        self.makers = [partial(empty, output, bare, ()) for output in plan.stored]
        self._moved = [class_last(output.expression.kind, work) for output in plan.stored]
        self._reduced = plan.reduced

    def __call__(
        self, arrays: Sequence[Array], made: Sequence[Array] | None = None
    ) -> tuple[Sequence[Array], list[float]]:
        """Run; return stored arrays (``made``, where that is given) and reduced numbers."""
        made = [make() for make in self.makers] if made is None else made
        targets = [move(x) for move, x in zip(self._moved, made, strict=True)]
        views = [view(x) if view else x for view, x in zip(self._views, arrays, strict=True)]
        partials = np.empty((len(self._blocks), len(self._reduced)))
        is_index = [output.role == "first" for output in self._reduced]

        def task(first: int, last: int) -> None:
            for number in range(first, last):
                block = self._blocks[number]
                pairs = zip(views, self._views, strict=True)
                given = [x[block] if view else x for x, view in pairs]
                stored, partials[number] = self._kernels[number](given)
                for target, found in zip(targets, stored, strict=True):
                    target[block] = found.reshape(target[block].shape)
                partials[number, is_index] += self._starts[number]

        if self._parallel:
            threads.run(task, len(self._blocks))
        else:
            task(0, len(self._blocks))
        return made, combined(self._reduced, partials)


def dense_work(plan: Plan, work: Work) -> Work:
    """Return work of the same shapes whose arrays are dense and uninitialised."""
    arrays = {str(leaf.value): np.empty(*_form(leaf, work)) for leaf in plan.leaves}
    return work._replace(arrays=arrays)


def _form(leaf: Expression, work: Work) -> tuple[Shape, np.dtype[Any]]:
    """Return the shape and the dtype in which a kernel reads a leaf's array."""
    x = work.arrays[str(leaf.value)]
    shape = x.shape if _is_shared(leaf, work) else work.shape_of(leaf.kind)
    return shape, x.dtype.newbyteorder("=")


def _is_shared(leaf: Expression, work: Work) -> bool:
    """Return whether every block uses a leaf's whole array."""
    return work.arrays[str(leaf.value)].ndim == 0 or is_class_vector(leaf)


def _copier(leaf: Expression, work: Work) -> View:
    """Return a function that makes a leaf's array dense and broadcasts axes of length 1."""
    shape, dtype = _form(leaf, work)
    size = math.prod(shape)

    def copy(x: Array) -> Array:
        if x.size == size:
            return np.ascontiguousarray(x, dtype)
        full = np.empty(shape, dtype)
        full[...] = x
        return full

    return copy


def _view(leaf: Expression, work: Work) -> View | None:
    """Return a function that broadcasts an array, class axes last; None if blocks share it."""
    if _is_shared(leaf, work):
        return None
    shape, move = work.shape_of(leaf.kind), class_last(leaf.kind, work)
    return lambda x: move(x if x.shape == shape else np.broadcast_to(x, shape))


def class_last(kind: Kind, work: Work) -> View:
    """Return a function that moves the class axes of arrays of a kind to the end."""
    if not work.axes or kind is not Kind.ELEMENT:
        return lambda x: x
    axes = range(len(work.shape))
    order = (*(axis for axis in axes if axis not in work.axes), *work.axes)
    return lambda x: x.transpose(order)


def blocks_of(shape: Shape, limit: int) -> Iterator[Block]:
    """Split a shape into blocks of at most ``limit`` elements, in C order; yield their indices."""
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
    """Return the number of elements of a block."""
    *leading, last = block[:-1] or (None,)
    if last is None:
        return math.prod(shape)
    return int(last.stop - last.start) * math.prod(shape[len(leading) + 1 :])
