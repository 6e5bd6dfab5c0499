"""Kernels of few long rows, such as images: every row is cut into pieces of a fixed size.

Elsewhere a row belongs to one thread, so one row of a million elements keeps all others idle. Here
a pass runs over the pieces of all rows with an ordinary kernel, and what it reduces is combined in
the order of the pieces, whatever the number of threads.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache, partial
from typing import Any, NamedTuple

import numpy as np

from lossary.arrays import Array
from lossary.formula.cut import CLASS_COUNT, Cut, CutPass, cut
from lossary.formula.expression import Kind
from lossary.formula.plan import Plan
from lossary.kernels import threads
from lossary.kernels.copied import Bind, Kernel, blocks_of, class_last
from lossary.kernels.form import LANES
from lossary.kernels.memory import CHUNK, class_lengths, combined, dense_order, empty, order_of
from lossary.kernels.work import Shape, Work

#: Rows of fewer elements than LONG are not cut: the steps around the kernels take 25 us, and two
#: threads save 30 us on one row of this many. From FEW rows on (or blocks of sixteen rows, where
#: the class axis is not the last), threads share the rows evenly without a cut.
LONG, FEW = 8 * CHUNK, 64

#: By operation: combines what is reduced of pieces.
_COMBINE: dict[str, Callable[..., Array]] = {"sum": np.add.reduce, "max": np.maximum.reduce}

Named = Mapping[str, Array]


def long_kernel(plan: Plan, work: Work, bind: Bind) -> Kernel | None:
    """Return a kernel for few long rows; None for other rows, and plans that cannot be cut."""
    classes, rows = math.prod(_class_shape(work)), math.prod(work.unreduced_shape)
    if classes < LONG or not 0 < rows < FEW * LANES:
        return None
    cells = _cells(plan, work)
    if cells.outer * -(-cells.inner // LANES) >= FEW or (parts := cut(plan)) is None:
        return None
    return _CutKernel(plan, parts, work, bind, cells)


class _Run(NamedTuple):
    """Pieces that one run of a kernel works on.

    ``chosen`` is the index of their elements, ``owners`` has the row of each piece. To the kernel
    they have a ``shape`` with class axes ``axes``, and row values of the shape ``row_shape``.
    """

    chosen: tuple[Any, ...]
    shape: Shape
    axes: Shape
    row_shape: Shape
    owners: Array

    def taken(self, x: Array) -> Array:
        """Return the pieces' part of an array: of elements (a view), row values, or one number."""
        if x.ndim == 0:
            return x
        if x.ndim == 2:
            return x[self.owners].reshape(self.row_shape)
        return x[self.chosen].reshape(self.shape)


class _Cells(NamedTuple):
    """How rows are cut: into (outer, inner) rows, and runs over their pieces.

    ``normal`` brings arrays of elements and of row values into the shapes that runs take from: the
    first have three axes or more, the others two. ``order`` is that of new arrays' axes.
    """

    outer: int
    inner: int
    runs: Sequence[_Run]
    normal: Callable[[Kind, Array], Array]
    order: Shape
    row_order: Shape
    is_dense: bool


class _CutKernel(Kernel):
    """Runs the passes of a plan that is cut, then what is computed from their reductions."""

    def __init__(self, plan: Plan, parts: Cut, work: Work, bind: Bind, cells: _Cells) -> None:
        super().__init__(plan)
        self._parts, self._cells = parts, cells
        self._kinds = {str(leaf.value): leaf.kind for leaf in plan.leaves}
        # Arrays of elements with axes of length 1 are repeated along these.
        self._shapes = {
            name: np.shape(work.arrays[name])
            for name, kind in self._kinds.items()
            if kind is Kind.ELEMENT
        }
        self._reduced = {output.name: output for output in plan.reduced}
        self._is_element = {o.name: o.expression.kind is Kind.ELEMENT for o in plan.stored}
        self._count = np.asarray(math.prod(_class_shape(work)), np.float64)
        self._row_lengths = [work.unreduced_shape[axis] for axis in cells.row_order]
        self._row_places = tuple(int(axis) for axis in np.argsort(cells.row_order))
        self._starts = np.cumsum([0, *(len(run.owners) for run in cells.runs)])
        bare = work._replace(outputs=(), arrays={}, numbers={})
        self.makers = [
            partial(empty, output, bare, cells.order if self._is_element[output.name] else ())
            for output in plan.stored
        ]
        self._kernels = [self._bound(sweep, work, bind) for sweep in parts.passes]
        self._finish = None
        if parts.rows is not None:
            self._finish = bind(parts.rows, self._row_work(parts.rows, work))

    def __call__(
        self, arrays: Sequence[Array], made: Sequence[Array] | None = None
    ) -> tuple[Sequence[Array], list[float]]:
        """Run; return stored arrays (``made``, where that is given) and reduced numbers."""
        made = [make() for make in self.makers] if made is None else made
        targets = dict(zip(self.stored, made, strict=True))
        given = dict(zip(self.leaves, arrays, strict=True))
        values = self._normal(given)
        totals: dict[str, float] = {}
        for number, sweep in enumerate(self._parts.passes):
            found, numbers = self._run(number, values, targets)
            for name, operation in sweep.reductions.items():
                pieces = found[name].reshape(self._cells.outer, -1, self._cells.inner)
                values[name] = _COMBINE[operation](pieces, axis=1)
            totals |= numbers
        if self._finish is not None:
            rows = {name: self._unreduced(x) for name, x in values.items() if x.ndim == 2}
            shaped = {CLASS_COUNT: self._count, **rows, **given}
            stored, reduced = self._finish([shaped[name] for name in self._finish.leaves])
            for name, x in zip(self._finish.stored, stored, strict=True):
                targets[name][...] = x
            totals |= dict(zip(self._finish.reduced, reduced, strict=True))
        return made, [totals[name] for name in self.reduced]

    def _run(self, number: int, values: Named, targets: Named) -> tuple[Named, dict[str, float]]:
        """Run a pass; return what it reduces of each piece, and the totals of all."""
        runs, kernels = self._cells.runs, self._kernels[number]
        names = self._parts.passes[number].reductions
        found = {name: np.empty((self._starts[-1], self._cells.inner)) for name in names}
        stored = {name: self._cells.normal(Kind.ELEMENT, x) for name, x in targets.items()
                  if self._is_element[name]}  # fmt: skip
        totals = np.empty((len(runs), len(next(iter(kernels.values())).reduced)))

        def task(first: int, last: int) -> None:
            for place in range(first, last):
                run, kernel = runs[place], kernels[runs[place].shape]
                own = slice(self._starts[place], self._starts[place + 1])
                slots = [
                    found[name][own].reshape(run.row_shape)
                    if name in found
                    else run.taken(stored[name])
                    for name in kernel.stored
                ]
                made = [x if x.flags.c_contiguous else np.empty_like(x, order="C") for x in slots]
                _, totals[place] = kernel([run.taken(values[name]) for name in kernel.leaves], made)
                for slot, x in zip(slots, made, strict=True):
                    if x is not slot:
                        slot[...] = x

        if self._cells.is_dense:  # each run uses all threads
            task(0, len(runs))
        else:
            threads.run(task, len(runs))
        reduced = next(iter(kernels.values())).reduced
        outputs = [self._reduced[name] for name in reduced]
        return found, dict(zip(reduced, combined(outputs, totals), strict=True))

    def _unreduced(self, x: Array) -> Array:
        """Return row values in the shape of the unreduced loss."""
        return np.ascontiguousarray(x.reshape(self._row_lengths).transpose(self._row_places))

    def _normal(self, given: Named) -> dict[str, Array]:
        """Return the arrays in the shapes that runs take from."""
        found = {
            name: x if x.ndim == 0 else self._cells.normal(self._kinds[name], self._full(name, x))
            for name, x in given.items()
        }
        return {CLASS_COUNT: self._count, **found}

    def _full(self, name: str, x: Array) -> Array:
        """Return an array of elements repeated along its axes of length 1."""
        shape = self._shapes.get(name)
        return x if shape is None or x.shape == shape else np.broadcast_to(x, shape)

    # --- the kernels ----------------------------------------------------------------------
    def _bound(self, sweep: CutPass, work: Work, bind: Bind) -> dict[Shape, Kernel]:
        """Return the kernels of a pass by the shapes of their pieces."""
        arrays = self._normal({name: work.arrays[name] for name in self.leaves})
        rows = self._cells.outer, self._cells.inner
        found: dict[Shape, Kernel] = {}
        for run in self._cells.runs:
            if run.shape not in found:
                part = work._replace(
                    outputs=sweep.plan.outputs,
                    arrays={
                        name: run.taken(arrays[name] if name in arrays else np.empty(rows))
                        for name in (str(leaf.value) for leaf in sweep.plan.leaves)
                    },
                    axes=run.axes,
                    shape=run.shape,
                    unreduced_shape=run.row_shape,
                    dtypes={**work.dtypes, **dict.fromkeys(sweep.reductions, "float64")},
                    alignment=0,
                )
                found[run.shape] = bind(sweep.plan, part)
        return found

    def _row_work(self, plan: Plan, work: Work) -> Work:
        """Return the work on row values, in which each row is an element."""
        values = {str(leaf.value): np.empty(work.unreduced_shape) for leaf in plan.leaves}
        return work._replace(
            outputs=plan.outputs,
            arrays={**values, CLASS_COUNT: self._count, **work.arrays},
            axes=(),
            shape=work.unreduced_shape,
            compute="float64",
        )


# --- cutting ------------------------------------------------------------------------------------
def _cells(plan: Plan, work: Work) -> _Cells:
    """Return how rows are cut."""
    order = dense_order(plan, work)
    lengths = None if order is None else class_lengths(work, order)
    if order is None or lengths is None:
        return _copied_cells(work)
    outer, _, inner = lengths
    row_order = order_of(order, Kind.ROW, work)

    def normal(kind: Kind, x: Array) -> Array:
        if kind is Kind.ELEMENT:
            return x.transpose(order).reshape(lengths)
        return np.ascontiguousarray(x.transpose(row_order)).reshape(outer, inner)

    return _Cells(outer, inner, list(_runs(*lengths)), normal, order, row_order, True)


def _runs(outer: int, classes: int, inner: int) -> Iterator[_Run]:
    """Yield the runs over arrays of the shape (outer, classes, inner)."""
    length = _piece(classes)
    count, rest = divmod(classes, length)
    tail = () if inner == 1 else (inner,)
    if not rest:
        owners = np.repeat(np.arange(outer), count)
        yield _Run(
            (slice(None),), (outer * count, length, *tail), (1,), (outer * count, *tail), owners
        )
        return
    for row in range(outer):
        whole = slice(0, classes - rest)
        end = slice(classes - rest, None)
        owners = np.full(count, row)
        yield _Run((row, whole), (count, length, *tail), (1,), (count, *tail), owners)
        yield _Run((row, end), (1, rest, *tail), (1,), (1, *tail), owners[:1])


@lru_cache(maxsize=64)
def _piece(classes: int) -> int:
    """Return the length of pieces: one that leaves no rest, if any is near that of a chunk."""
    exact = (length for length in range(CHUNK, CHUNK // 4, -1) if classes % length == 0)
    return next(exact, CHUNK)


def _copied_cells(work: Work) -> _Cells:
    """Return how rows are cut whose elements do not lie together: block by block of each row."""
    shape, rows = _class_shape(work), math.prod(work.unreduced_shape)
    pattern = np.broadcast_to(np.empty(()), shape)
    runs = []
    for row, index in enumerate(np.ndindex(work.unreduced_shape)):
        for block in blocks_of(shape, CHUNK):
            part = pattern[block].shape
            owner = np.full(1, row)
            runs.append(_Run((0, *index, *block), part, tuple(range(len(part))), (), owner))
    move = class_last(Kind.ELEMENT, work)

    def normal(kind: Kind, x: Array) -> Array:
        if kind is Kind.ELEMENT:
            return move(x)[None]  # at least three axes, also for a single row or class axis
        return np.ascontiguousarray(x).reshape(rows, 1)

    order = tuple(range(len(work.unreduced_shape)))
    return _Cells(rows, 1, runs, normal, (), order, False)


def _class_shape(work: Work) -> Shape:
    return tuple(work.shape[axis] for axis in work.axes) or (0,)
