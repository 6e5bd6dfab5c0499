"""Backends whose arrays are host memory: compiled kernels read and write it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np

from lossary.arrays import Array
from lossary.backends.base import Backend
from lossary.backends.direct_form import Text
from lossary.definition.computation import Computation
from lossary.definition.request import Request
from lossary.formula.plan import Output
from lossary.kernels import compile as compiler
from lossary.kernels import host
from lossary.kernels.work import Work

#: The dtypes that a total may be too large for.
_NARROW = frozenset({"float16", "float32"})


class HostBackend(Backend):
    """A library whose arrays lie in host memory, or may."""

    host = True

    def has_kernels(self, computation: Computation) -> bool:
        """Return whether compiled kernels can run: there must be elements to read."""
        if computation.has_no_classes:
            return False
        return has_compiler() and self.readable(computation)

    def run(self, computation: Computation, outputs: tuple[Output, ...]) -> dict[str, Any]:
        """Run a fused kernel where one can read the arrays, else the library's operations."""
        if not self.has_kernels(computation):
            return self.plain(computation, outputs)
        results = host.run(self.work(computation, outputs))
        number, _ = self.result_wrappers("float64")
        _, array = self.result_wrappers(computation.dtype)
        stored = {output.name for output in outputs if output.role == "store"}
        return {name: (array if name in stored else number)(x) for name, x in results.items()}

    def may_overwrite(
        self, computation: Computation, outputs: tuple[Output, ...], name: str
    ) -> bool:
        """Return whether a kernel may write the gradient of an argument over it."""
        return self.has_kernels(computation) and host.may_overwrite(
            self.work(computation, outputs), name, f"gradient_{name}"
        )

    def run_over(
        self, computation: Computation, outputs: tuple[Output, ...], name: str
    ) -> dict[str, Any]:
        """Write the gradient of an argument over it; return the other results."""
        found = host.run_over(self.work(computation, outputs), name, f"gradient_{name}")
        _, array = self.result_wrappers(computation.dtype)
        return {name: array(x) for name, x in found.items()}

    def work(self, computation: Computation, outputs: tuple[Output, ...]) -> Work:
        """Return what a kernel has to do: the computation in terms of host memory."""
        arrays = {name: self.as_numpy(x)(x) for name, x in computation.arrays.items()}
        return Work(
            outputs=outputs,
            arrays={name: _repeated(computation, name, x) for name, x in arrays.items()},
            numbers=_numbers(computation, arrays),
            axes=computation.axes,
            shape=computation.shape,
            unreduced_shape=computation.unreduced_shape,
            compute=computation.compute,
            dtypes={o.name: computation.dtype for o in outputs if o.role == "store"},
            bits=frozenset(name for name, x in computation.arrays.items() if self.holds_bits(x)),
        )

    # --- what a library with host memory says of its arrays ------------------------------------
    def as_numpy(self, x: Any) -> Callable[[Any], Any]:
        """Return a function that makes arrays like this one NumPy's, without a copy."""
        return np.asarray

    def holds_bits(self, x: Any) -> bool:
        """Return whether ``as_numpy`` gives the bits of bfloat16 numbers as integers."""
        return False

    def factor(self, value: float) -> Any:
        """Return a number as a 0-d float64 array of this library."""
        return np.array(value)

    def address_getter(self, x: Any) -> Callable[[Any], int] | None:
        """Return a function that gets the address of arrays like this one, if that is faster."""
        return None

    def unchecked(self, policy: str) -> bool:
        """Return whether a policy leaves values unchecked in calls that do not count violations."""
        return policy == "ignore"

    def direct_conditions(self, request: Request) -> tuple[Text, ...] | None:
        """Return what native code cannot see: the conditions under which a call is like this one.

        None if native code must not be asked.
        """
        return None

    def number_text(self, dtype: str) -> Text:
        """Return how the ``total`` of a direct call is made a number of this library."""
        return Text("number(total)", {})

    def array_text(self, dtype: str) -> Text:
        """Return how what a direct call stores, {0}, is made an array of this library."""
        return Text("array({0})", {})

    def result_wrappers(self, dtype: str) -> tuple[Callable[[Any], Any], Callable[[Any], Any]]:
        """Return functions that make numbers, and kernels' arrays, arrays of this library."""
        raise NotImplementedError


def _numbers(computation: Computation, arrays: Mapping[str, Array]) -> dict[str, float]:
    """Return the numbers for a kernel, which reads labels as int64: uint64 wraps round there."""
    numbers = {name: float(number) for name, number in computation.numbers.items()}
    ignored = computation.ignore_index
    if ignored is not None and ignored >= 2**63:
        wraps = arrays["targets"].dtype == np.uint64
        numbers["ignore_index"] = float(int(ignored) - 2**64) if wraps else math.nan
    return numbers


def _repeated(computation: Computation, name: str, x: Array) -> Array:
    """Return a view that repeats an array along its axes of length 1, as the loss is computed."""
    full = computation.full_shape(name)
    return x if name == "class_weights" or x.shape in ((), full) else np.broadcast_to(x, full)


def in_range(text: str, dtype: str, names: Mapping[str, Any]) -> Text:
    """Return the text of a number made of a ``total`` that overflows nowhere, else ``number``."""
    if dtype not in _NARROW:
        return Text(text, names)
    names = {"largest": float(np.finfo(dtype).max), **names}
    return Text(f"{text} if -largest <= total <= largest else number(total)", names)


def without_overflow_warning(dtype: str, make: Callable[[float], Any]) -> Callable[[float], Any]:
    """Return a function that makes numbers of a dtype, silent where they become infinite."""
    if dtype not in _NARROW:
        return make
    largest = float(np.finfo(dtype).max)

    def made(x: float) -> Any:
        if -largest <= x <= largest:
            return make(x)
        with np.errstate(over="ignore"):
            return make(x)

    return made


@cache
def has_compiler() -> bool:
    """Return whether kernels can be compiled here, for a processor with fused multiply-add."""
    return compiler.is_available()
