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
from lossary.scoring.block_kernel import BLOCK
from lossary.scoring.job import Job, LossSpec

# Lanes of a register, of which each loss takes one.
_MOST_LOSSES = 8
# A kernel's words: its chunks, the elements, those of a chunk, and then the addresses.
_FIRST_ADDRESS = 4

Parameters = tuple[tuple[str, Any], ...]


class _Kernel(NamedTuple):
    """The kernel of a loss: its arguments and its parameters, and how many totals a chunk has."""

    bound: BoundKernel
    arguments: tuple[str, ...]
    totals: int


class BlockLosses:
    """The losses of a job where kernels can compute them block by block.

    Parameters
    ----------
    job : Job
        A job for which :func:`takes_blocks` holds.
    """

    def __init__(self, job: Job) -> None:
        self._job = job
        self._kept: list[Array] = []
        self._totals: list[Array] = []

    def __len__(self) -> int:
        return len(self._job.losses)

    def calls(self, arguments: Arguments, rows: int) -> Array | None:
        """Return the words that describe the losses of rows; None if there are no such kernels.

        They are valid until the next call.
        """
        found = []
        self._kept, self._totals = [], []
        for spec in self._job.losses:
            names = spec.loss.arguments
            arrays = [arguments.array(spec, name) for name in names]
            kernel = _kernel_of(spec, arrays, self._job.domain)
            if kernel is None:
                return None
            found.append(self._call(kernel, dict(zip(names, arrays, strict=True)), rows))
        return np.array(found, np.int64)

    def _call(self, kernel: _Kernel, arrays: dict[str, Array], rows: int) -> tuple[int, int, int]:
        """Return the address of a kernel, that of its words, and the place of the output there."""
        given = [np.ascontiguousarray(arrays[name]) for name in kernel.arguments]
        totals = np.zeros((-(-rows // BLOCK), kernel.totals))
        numbers = np.array(kernel.bound.numbers, float).view(np.int64)
        words = np.array(
            [0, 0, rows, BLOCK, *map(address, given), 0, *numbers.tolist(), address(totals)],
            np.int64,
        )
        self._kept += [*given, words]
        self._totals.append(totals)
        return kernel.bound.compiled.address, address(words), _FIRST_ADDRESS + len(given)

    def have_violations(self) -> bool:
        """Return whether there were values outside the domains of the losses."""
        return any(totals.any() for totals in self._totals)


def takes_blocks(job: Job) -> bool:
    """Return whether a job needs no more of its rows than the figures of their losses by group."""
    wants_rows = job.output or job.worst or job.quantiles or job.calibration
    has_weights = job.weights or job.class_weights
    if not job.by or wants_rows or has_weights or len(job.losses) > _MOST_LOSSES:
        return False
    return is_available() and all(
        spec.loss.axis is None and spec.ignore_index is None and spec.loss.left_out is None
        for spec in job.losses
    )


def _kernel_of(spec: LossSpec, arrays: Sequence[Array], policy: Policy) -> _Kernel | None:
    parameters = tuple(spec.parameters.items())
    dtypes = tuple(array.dtype for array in arrays)
    try:
        return _kernel(spec.loss, parameters, dtypes, policy != "ignore")
    except (TypeError, LossaryError):  # parameters that are no numbers, or wrong ones
        return None


@lru_cache(maxsize=64)
def _kernel(
    loss: Loss, parameters: Parameters, dtypes: Sequence[np.dtype[Any]], is_checked: bool
) -> _Kernel | None:
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
    return _Kernel(bound, leaves, len(bound.reduced))
