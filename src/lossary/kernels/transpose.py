"""Transposing between rows of few classes and scratch memory, tile by tile.

Element by element each step touches another cache line; a square tile is loaded, exchanged within
registers and stored, a vector at a time.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

_BYTES = 32


@njit(nogil=True)
def into_columns(rows: Any, begin: int, width: int, columns: Any) -> None:
    """Copy rows, from ``begin`` on, to the first ``width`` columns of an array with a row a class.

    Parameters
    ----------
    rows : array, shape (N, C)
        Where to read.
    begin, width : int
        The first row, and how many.
    columns : array, shape (C, at least width)
        Where to write; of the same dtype.
    """
    classes = rows.shape[1]
    side = _BYTES // rows.itemsize
    if width < side or classes < side:
        for i in range(width):
            for j in range(classes):
                columns[j, i] = rows[begin + i, j]
        return
    # The last tile of a side begins early enough to be whole: it copies some elements again.
    for i0 in range(0, width, side):
        i = min(i0, width - side)
        for j0 in range(0, classes, side):
            j = min(j0, classes - side)
            _move_tile(rows, begin + i, j, columns, j, i)


@njit(nogil=True)
def into_rows(columns: Any, rows: Any, begin: int, width: int) -> None:
    """Copy the first ``width`` columns back to rows: the inverse of :func:`into_columns`."""
    classes = rows.shape[1]
    side = _BYTES // rows.itemsize
    if width < side or classes < side:
        for i in range(width):
            for j in range(classes):
                rows[begin + i, j] = columns[j, i]
        return
    for i0 in range(0, width, side):
        i = min(i0, width - side)
        for j0 in range(0, classes, side):
            j = min(j0, classes - side)
            _move_tile(columns, j, i, rows, begin + i, j)


@intrinsic
def _move_tile(
    context: Any, source: Any, row: Any, column: Any, target: Any, to_row: Any, to_column: Any
) -> Any:
    """Store the transpose of a square tile of one C-contiguous matrix in another."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        taken, i, j, given, k, m = arguments
        size = context.get_abi_sizeof(context.get_data_type(signature.args[0].dtype))
        side = _BYTES // size

        def vectors(kind: Any, array: Any, first: Any, offset: Any) -> list[Any]:
            matrix = context.make_array(kind)(context, builder, array)
            length = builder.extract_value(matrix.shape, 1)
            start = builder.add(builder.mul(first, length), offset)
            vector = ir.VectorType(context.get_data_type(kind.dtype), side).as_pointer()
            places = []
            for _ in range(side):
                places.append(builder.bitcast(builder.gep(matrix.data, [start]), vector))
                start = builder.add(start, length)
            return places

        tile = [builder.load(x, align=size) for x in vectors(signature.args[0], taken, i, j)]
        for value, place in zip(
            _transposed(builder, tile), vectors(signature.args[3], given, k, m), strict=True
        ):
            builder.store(value, place, align=size)
        return context.get_dummy_value()

    if source.dtype != target.dtype:
        return None
    return types.none(source, row, column, target, to_row, to_column), generate


def _transposed(builder: Any, rows: list[Any]) -> list[Any]:
    """Exchange the bits of the rows' numbers with those of the lanes', one after the other."""
    side = len(rows)
    lanes = range(side)
    bit = 1
    while bit < side:
        exchanged = list(rows)
        for k in lanes:
            if not k & bit:
                pair = rows[k], rows[k | bit]
                low = [x if not x & bit else side + x - bit for x in lanes]
                high = [x + bit if not x & bit else side + x for x in lanes]
                exchanged[k] = builder.shuffle_vector(*pair, _mask(low))
                exchanged[k | bit] = builder.shuffle_vector(*pair, _mask(high))
        rows = exchanged
        bit *= 2
    return rows


def _mask(lanes: list[int]) -> Any:
    return ir.Constant(ir.VectorType(ir.IntType(32), len(lanes)), lanes)
