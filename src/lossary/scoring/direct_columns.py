"""Columns whose memory machine code reads as it is, without a copy or an array of NumPy.

So a batch takes no pass over a column, and few steps of Python, which are slow where numbers
fill the processor's caches. Labels become numbers block by block.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from lossary.scoring.arrow_types import is_comparable
from lossary.scoring.binding import Binding
from lossary.scoring.block_calls import BlockCalls
from lossary.scoring.job import Job, LossSpec

_INT8 = np.dtype(np.int8)


class LossColumns(NamedTuple):
    """The columns of a loss.

    Attributes
    ----------
    places : mapping
        The index of the column of each argument, by the argument's name.
    dtypes : mapping
        The types of these columns.
    labels : str, optional
        The name of a column of two labels that targets come from.
    """

    places: Mapping[str, int]
    dtypes: Mapping[str, np.dtype[Any]]
    labels: str | None

    @property
    def kernel_types(self) -> tuple[np.dtype[Any], ...]:
        """The types of the arguments as a kernel reads them."""
        is_label = {"targets"} if self.labels is not None else set()
        return tuple(_INT8 if name in is_label else self.dtypes[name] for name in self.dtypes)


@dataclass(frozen=True, slots=True)
class DirectColumns:
    """Where the arguments of losses, and what groups the rows, are among the columns of a schema.

    Attributes
    ----------
    by : sequence of int
        The columns that group the rows.
    losses : sequence of LossColumns
        The columns of each loss.
    sizes : mapping
        The columns that losses read, with the bytes of a value.
    label_column, weight_column : int
        The column of two labels, and that of weights; -1 for none.
    """

    by: Sequence[int]
    losses: Sequence[LossColumns]
    sizes: Mapping[int, int]
    label_column: int
    weight_column: int

    def have_values(self, values: Any) -> bool:
        """Return whether no row of a record batch lacks a value that losses read."""
        return not any(values.column(index).null_count for index in self.sizes)

    def point(self, calls: BlockCalls, values: Any, names: Sequence[Sequence[str]]) -> bool:
        """Make calls read a record batch; return False where a row lacks a value.

        ``names`` are the arguments of each kernel, in its order.
        """
        addresses, kept = {-1: 0}, []
        for index, size in self.sizes.items():
            column = values.column(index)
            if column.null_count:
                return False
            memory = column.buffers()[1]
            kept.append(memory)
            addresses[index] = memory.address + column.offset * size
        arguments = [
            [addresses[loss.places[name]] for name in given]
            for loss, given in zip(self.losses, names, strict=True)
        ]
        labels, weights = addresses[self.label_column], addresses[self.weight_column]
        calls.point(values.num_rows, arguments, kept, labels, weights)
        return True


def direct_columns(job: Job, binding: Binding, schema: Any) -> DirectColumns | None:
    """Return where the columns of a job are in a schema; None where one must be converted first."""
    by = [schema.get_field_index(binding.column(use)) for use in job.by_uses]
    kinds = [schema.field(index).type for index in by]
    if not all(pa.types.is_dictionary(kind) or is_comparable(kind) for kind in kinds):
        return None
    losses = []
    for spec in job.losses:
        columns = _loss_columns(job, spec, binding, schema)
        if columns is None:
            return None
        losses.append(columns)
    labels = {loss.labels for loss in losses if loss.labels is not None}
    if len(labels) > 1:
        return None
    sizes = {
        place: loss.dtypes[name].itemsize for loss in losses for name, place in loss.places.items()
    }
    label_column = schema.get_field_index(labels.pop()) if labels else -1
    weight_column = -1
    if job.weights_use is not None:
        weight_column = schema.get_field_index(binding.column(job.weights_use))
        if not pa.types.is_float64(schema.field(weight_column).type):
            return None
        sizes[weight_column] = 8
    return DirectColumns(by, losses, sizes, label_column, weight_column)


def _loss_columns(job: Job, spec: LossSpec, binding: Binding, schema: Any) -> LossColumns | None:
    """Return the columns of a loss; None where one must be converted first."""
    if spec.loss.takes_labels:
        return None
    places, dtypes, labels = {}, {}, None
    for name in spec.loss.arguments:
        use = job.argument_use(spec, name)
        column, *others = binding.names[use]
        place = schema.get_field_index(column)
        dtype = None if others or place < 0 else _dtype(schema.field(place).type)
        if dtype is None:
            return None
        places[name], dtypes[name] = place, dtype
        if use.kind == "labels":
            labels = column
    return LossColumns(places, dtypes, labels)


def _dtype(arrow_type: Any) -> np.dtype[Any] | None:
    """Return the type of a column of numbers that lie in memory as in an array; None for others."""
    types = pa.types
    if types.is_float16(arrow_type) or types.is_uint64(arrow_type):
        return None
    if not (types.is_integer(arrow_type) or types.is_floating(arrow_type)):
        return None
    found: np.dtype[Any] = np.dtype(arrow_type.to_pandas_dtype())
    return found
