"""The kernels of a job's losses, for machine code that calls them block by block."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from lossary.arrays import Array
from lossary.backends.host_call import HostCall
from lossary.call.array_library import find_backend
from lossary.call.checks import prepare
from lossary.call.evaluation import VALUE, compiled_call
from lossary.errors import LossaryError
from lossary.kernels.compile import is_available
from lossary.kernels.host import BoundKernel, address
from lossary.options import Policy, options
from lossary.registry import Loss
from lossary.scoring.arguments import Arguments
from lossary.scoring.binding import Binding
from lossary.scoring.block_calls import BlockCalls, Labels, LossKernel
from lossary.scoring.columns import Batch
from lossary.scoring.direct_columns import DirectColumns, direct_columns
from lossary.scoring.job import Job, LossSpec
from lossary.scoring.labels import TwoLabels

# Lanes of a register, of which each loss takes one.
_MOST_LOSSES = 8
Parameters = tuple[tuple[str, Any], ...]


class BlockLosses:
    """The losses of a job where kernels can compute them block by block.

    Parameters
    ----------
    job : Job
        A job for which :func:`takes_blocks` holds.
    """

    def __init__(self, job: Job) -> None:
        self._job = job
        self._direct: _Direct | None = None
        # Of batches whose columns must be converted first.
        self._indirect: Binding | None = None

    def direct(
        self, batch: Batch, binding: Binding, labels: dict[str, TwoLabels]
    ) -> tuple[BlockCalls, list[Any]] | None:
        """Return the calls of the losses over the columns of a batch, and what groups its rows.

        None where columns must be converted first, or rows may be left out. They are valid until
        the next call. Labels that are found first are added to ``labels``.
        """
        values = batch.typed
        if values is None or self._job.where is not None or binding is self._indirect:
            return None
        if not values.num_rows:  # whose columns may have no memory
            return None
        direct = self._direct
        if direct is None or direct.binding is not binding or direct.schema != values.schema:
            self._direct = direct = self._direct_of(batch, binding, labels)
        if direct is None or not direct.columns.point(direct.calls, values, direct.names):
            return None
        return direct.calls, [values.column(index) for index in direct.columns.by]

    def _direct_of(
        self, batch: Batch, binding: Binding, labels: dict[str, TwoLabels]
    ) -> _Direct | None:
        schema = batch.typed.schema
        columns = direct_columns(self._job, binding, schema)
        kernels = columns and self._kernels([loss.kernel_types for loss in columns.losses])
        if not columns or not kernels:
            self._indirect = binding
            return None
        if not columns.have_values(batch.typed):
            return None
        read = None
        if columns.label_column >= 0:
            read = self._labels(batch, columns, labels)
            if read is None:
                return None
        names = [kernel.arguments for kernel in kernels]
        return _Direct(schema, binding, columns, names, BlockCalls(kernels, read))

    def _labels(
        self, batch: Batch, columns: DirectColumns, labels: dict[str, TwoLabels]
    ) -> Labels | None:
        """Return what the column of labels holds; None where its first rows have not both."""
        name = batch.typed.schema.field(columns.label_column).name
        (dtype,) = {loss.dtypes["targets"] for loss in columns.losses if loss.labels == name}
        found = labels.setdefault(name, TwoLabels(name, str(self._job.positive)))
        pair = found.first_pair(batch, dtype)
        signed = tuple(
            None if loss.labels is None else spec.loss.targets.two_classes == (-1.0, 1.0)
            for spec, loss in zip(self._job.losses, columns.losses, strict=True)
        )
        return pair and Labels(dtype, pair, signed)

    def calls(self, arguments: Arguments, rows: int, weights: Array | None) -> BlockCalls | None:
        """Return the calls of the losses over converted columns; None if there are no kernels."""
        arrays = [
            {name: arguments.array(spec, name) for name in spec.loss.arguments}
            for spec in self._job.losses
        ]
        kernels = self._kernels([[array.dtype for array in given.values()] for given in arrays])
        if kernels is None:
            return None
        dense = [
            [np.ascontiguousarray(given[name]) for name in kernel.arguments]
            for kernel, given in zip(kernels, arrays, strict=True)
        ]
        calls = BlockCalls(kernels)
        columns = [[*map(address, given)] for given in dense]
        if weights is None:
            calls.point(rows, columns, dense)
        else:
            weights = np.ascontiguousarray(weights)
            calls.point(rows, columns, [*dense, weights], weights=address(weights))
        return calls

    def _kernels(self, dtypes: Sequence[Sequence[np.dtype[Any]]]) -> list[LossKernel] | None:
        """Return the kernels of the losses; None if one has none."""
        found = []
        for spec, types in zip(self._job.losses, dtypes, strict=True):
            kernel = _kernel_of(spec, tuple(types), self._job.domain)
            if kernel is None:
                return None
            found.append(kernel)
        return found


class _Direct(NamedTuple):
    schema: Any
    binding: Binding
    columns: DirectColumns
    names: list[tuple[str, ...]]
    calls: BlockCalls


def takes_blocks(job: Job) -> bool:
    """Return whether a job needs no more of its rows than the figures of their losses by group."""
    wants_rows = job.output or job.worst or job.quantiles or job.calibration
    if not job.by or wants_rows or job.class_weights or len(job.losses) > _MOST_LOSSES:
        return False
    return is_available() and all(
        spec.loss.axis is None and spec.ignore_index is None and spec.loss.left_out is None
        for spec in job.losses
    )


def _kernel_of(
    spec: LossSpec, dtypes: tuple[np.dtype[Any], ...], policy: Policy
) -> LossKernel | None:
    parameters = tuple(spec.parameters.items())
    try:
        return _kernel(spec.loss, parameters, dtypes, policy != "ignore")
    except (TypeError, LossaryError):  # parameters that are no numbers, or wrong ones
        return None


@lru_cache(maxsize=64)
def _kernel(
    loss: Loss, parameters: Parameters, dtypes: Sequence[np.dtype[Any]], is_checked: bool
) -> LossKernel | None:
    """Return the kernel of a loss of columns: what calls of its function on one row use."""
    samples = [np.zeros(1, dtype) for dtype in dtypes]
    with options(domain="raise" if is_checked else "ignore"):
        request = loss.bind(*samples, reduction="none", **dict(parameters))
        backend, request = find_backend(request)
        computation = prepare(request, backend)
        call = compiled_call(computation, backend, request, VALUE)
    if not isinstance(call, HostCall) or not isinstance(call.bound, BoundKernel):
        return None
    bound, leaves = call.bound, tuple(call.leaves)
    is_plain = bound.layout == "flat" and bound.stored == ["value"]
    if not is_plain or computation.dtype != "float64" or not set(leaves) <= set(loss.arguments):
        return None
    return LossKernel(bound, leaves, len(bound.reduced))
