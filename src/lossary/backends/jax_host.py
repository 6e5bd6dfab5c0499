"""JAX arrays in host memory: ordinary calls run the package's kernels, not XLA.

Where the processor is JAX's only device, the kernels read the memory of arrays that are already
computed. The mean of 100 hinge losses then takes 15 microseconds, not 26, that of 1,000 cross
entropies of 1,000 classes half a millisecond, not one. Nothing is waited for: an array that is
still being computed takes the compiled way, which returns at once.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from jax.sharding import SingleDeviceSharding

from lossary.backends.base import _PYTHON
from lossary.backends.numpy import NumpyBackend, has_compiler, quiet
from lossary.call.request import Request
from lossary.formula.plan import Output
from lossary.kernels.memory import CHUNK, Job
from lossary.problem import Problem
from lossary.recipe import Recipe, host_recipe

try:
    # jax.device_put takes 80 microseconds, a compiled identity 10, this 5.
    from jaxlib.xla_client import batched_device_put as _put
except ImportError:
    _put = None

#: XLA takes memory at multiples of so many bytes as it is, and copies other memory, which takes
#: less time for arrays of few elements.
_ALIGNMENT = 64
_DTYPES = frozenset(
    {"bool", "bfloat16", "float16", "float32", "float64"}
    | {f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)}
)


def on_host(
    problem: Problem, outputs: tuple[Output, ...], gradients: Sequence[str], compiled: Recipe
) -> Recipe:
    """Return a recipe that runs kernels where they can read the arrays, else what is compiled."""
    arrays = [x for x in problem.arrays.values() if type(x) not in _PYTHON]
    if _put is None or not has_compiler() or not _is_alone():
        return compiled
    if problem.has_no_classes or any(x.dtype.name not in _DTYPES for x in arrays):
        return compiled
    backend = _HostBackend(problem, any(x.committed for x in arrays))
    found = host_recipe(backend, problem, outputs, gradients)
    if found is None:
        return compiled

    def run(request: Request) -> tuple[Any, ...] | None:
        try:
            results = found(request)
        except RuntimeError:  # what cannot be read now, or a guard against transfers
            return compiled(request)
        return compiled(request) if results is None else results

    return run


def _is_alone() -> bool:
    """Return whether JAX's only device is the processor."""
    return jax.device_count() == 1 and jax.devices()[0].platform == "cpu"


class _HostBackend(NumpyBackend):
    """Kernels over arrays of JAX. Values are not checked: whether they could be is up to time."""

    host = False

    def __init__(self, problem: Problem, committed: bool) -> None:
        super().__init__(np)
        self._few = math.prod(problem.shape) <= CHUNK
        # What is committed to no device is nowhere else, and one axis lies in one order.
        self._address = _address if committed or len(problem.shape) > 1 else _ready
        self._committed = committed

    def job(self, problem: Problem, outputs: tuple[Output, ...]) -> Job:
        """Return what a kernel has to do, given memory like that of the arrays."""
        arrays = {
            name: x if type(x) in _PYTHON else np.empty(x.shape, x.dtype)
            for name, x in problem.arrays.items()
        }
        like = dataclasses.replace(problem, arrays=arrays)
        job = super().job(like, outputs)
        return job if self._few else job._replace(alignment=_ALIGNMENT)

    def host_viewer(self, x: Any) -> Callable[[Any], Any]:
        """Return what makes arrays like this one NumPy's, without a copy."""
        return np.asarray if type(x) in _PYTHON else _view

    def addresser(self, x: Any) -> Callable[[Any], int] | None:
        """Return what tells the address of arrays of few elements, where a view takes longer."""
        return self._address if self._few and type(x) not in _PYTHON else None

    def finishers(self, dtype: str) -> tuple[Callable[[Any], Any], Callable[[Any], Any]]:
        """Return what makes numbers, and what makes kernels' arrays, JAX's."""
        device = jax.devices()[0]
        number, sharding, devices = self.dtype(dtype), SingleDeviceSharding(device), [device]
        committed, put = self._committed, _put
        kind = functools.cache(lambda shape: jax.core.ShapedArray(shape, number))
        scalar = kind(())

        def array(x: Any) -> Any:
            _refuse_to_debug()
            return put(kind(x.shape), sharding, [x.view(number)], devices, committed)

        # JAX takes a number of Python as float32, unless it has float64.
        alike = dtype == "float32" and not jax.config.jax_enable_x64
        convert = float if alike else quiet(dtype, lambda x: np.array(x, number))

        def made(x: float) -> Any:
            if x - x != 0.0:
                _refuse_to_debug()
            return put(scalar, sharding, [x if alike else convert(x)], devices, committed)

        return made, array


def _refuse_to_debug() -> None:
    """Raise RuntimeError where JAX itself is to look for NaN and infinity in results."""
    if jax.config.jax_debug_nans or jax.config.jax_debug_infs:
        raise RuntimeError


def _ready(x: Any) -> int:
    """Return the address of an array's memory; raise RuntimeError if it is being computed."""
    address: int = x.unsafe_buffer_pointer()  # of a deleted array nothing else may be asked
    if not x.is_ready():
        raise RuntimeError
    return address


def _address(x: Any) -> int:
    """Return the address of an array's memory; raise RuntimeError where it is not one block."""
    address = _ready(x)
    if type(x.sharding) is not SingleDeviceSharding or not np.asarray(x).flags.c_contiguous:
        raise RuntimeError
    return address


def _view(x: Any) -> Any:
    """Return an array's memory, which JAX does not give away while the view is alive."""
    _address(x)
    return np.asarray(x)
