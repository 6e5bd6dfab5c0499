"""Kernels that calls of losses run, compiled for any processor, with their arrays."""

from __future__ import annotations

import functools
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from cases import REPRESENTATIVES, Case
from stress import stress_cases

import lossary
from lossary.bounded_cache import BoundedCache
from lossary.formula.plan import Plan
from lossary.kernels import compile as compiler
from lossary.kernels import host, layouts
from lossary.kernels.memory import Geometry, storage
from lossary.kernels.work import Work
from lossary.registry import Loss

#: How many rows and classes there are, and how they lie in memory, in each layout.
LAYOUTS: dict[str, tuple[int, int]] = {
    "flat": (300, 1),
    "rows": (37, 115),
    "short rows": (37, 5),
    "short inner": (36, 5),
    "columns": (37, 5),
}
DTYPES = ("float32", "float64", "float16", "bfloat16")
#: What the numbers of a case are written in before they become float16 or bfloat16.
_WRITTEN = {"float64": "float64"}
_HALF = {"bfloat16": np.dtype(ml_dtypes.bfloat16)}


@dataclass(frozen=True, eq=False)
class Kernel:
    """A kernel that a call has bound to its arrays."""

    plan: Plan
    work: Work
    geometry: Geometry

    def text(self, name: str = "kernel") -> str:
        """Return the kernel in LLVM's language, under a name."""
        form = host.form_of(self.plan, self.work)
        text = layouts.text(self.plan, self.geometry.layout, form)
        return text.replace("@kernel(", f"@{name}(")

    def words(self, chunks: tuple[int, int] | None = None, fill: float = 0.0) -> tuple[Any, ...]:
        """Return the kernel's words for chunks, all of them unless told; arrays are addresses.

        Outputs are full of a number before.
        """
        leaves = [np.ascontiguousarray(self.work.arrays[str(x.value)]) for x in self.plan.leaves]
        stored = [
            np.full(self.work.shape_of(o.expression.kind), fill, storage(self.work.dtypes[o.name]))
            for o in self.plan.stored
        ]
        numbers = [float(self.work.numbers[name]) for name in self.plan.parameters]
        partials = np.full((self.geometry.chunks, len(self.plan.reduced)), fill)
        sizes = (*(chunks or (0, self.geometry.chunks)), *self.geometry.sizes, self.geometry.step)
        return (*sizes, *leaves, *stored, *numbers, partials)

    def run(self, *target: str) -> list[np.ndarray]:
        """Return the arrays among the words after a run on a processor."""
        return self.run_words(self.words(), *target)

    def run_words(self, words: tuple[Any, ...], *target: str) -> list[np.ndarray]:
        """Return the arrays among words after a run on a processor."""
        self.function(*target)(b"".join(map(_word, words)))
        return [x for x in words if isinstance(x, np.ndarray)]

    @functools.cache  # noqa: B019  (kernels live as long as their test)
    def function(self, *target: str) -> Callable[[bytes], None]:
        """Return the function compiled for a processor."""
        code = compiler.linked(compiler.object_code(self.text(), *target), "kernel")
        function: Callable[[bytes], None] = code.function(host._FUNCTION)
        return function


def _word(word: Any) -> bytes:
    if isinstance(word, np.ndarray):
        return struct.pack("=q", word.ctypes.data)
    return struct.pack("=d" if isinstance(word, float) else "=q", word)


class _Recorded(Exception):
    pass


def recorded(call: Callable[[], Any]) -> Kernel:
    """Return the kernel that a call would run first."""
    found: list[Kernel] = []

    def bind(plan: Plan, work: Work, geometry: Geometry, *_: Any) -> None:
        found.append(Kernel(plan, work, geometry))
        raise _Recorded

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(host, "BoundKernel", bind)
        patch.setattr(Loss, "calls", property(lambda _: BoundedCache(1)))
        with pytest.raises(_Recorded):
            call()
    return found[0]


def cases(layout: str, dtype: str, *, all_losses: bool = True) -> Iterator[Case]:
    """Yield every loss and variant that has a layout, with hard arguments of a dtype.

    If not ``all_losses``, those on which engines are tested.
    """
    rows, classes = LAYOUTS[layout]
    for hard in stress_cases(_WRITTEN.get(dtype, "float32"), rows, rows, classes):
        loss = hard.loss
        fits = loss.length is None or layout.startswith("short")
        if fits and (layout == "flat") is (loss.axis is None):
            if (all_losses or loss.name in REPRESENTATIVES) and not hard.case.mixes:
                yield hard.case


def _laid_out(x: np.ndarray, layout: str, copies: int) -> np.ndarray:
    """Return copies of an array of rows, of one class or all, as a layout has them."""
    x = np.ascontiguousarray(x.T) if layout == "columns" else x
    if layout == "short inner":
        x = x.reshape(9, 4, *x.shape[1:])
        x = np.moveaxis(x, 2, 1) if x.ndim == 3 else x
    return (np.stack if layout == "columns" else np.concatenate)([x] * copies)


def calls(case: Case, layout: str, dtype: str, copies: int = 1) -> dict[str, Callable[[], Any]]:
    """Return calls that compute all there is: all derivatives, and the weighted mean."""
    with np.errstate(all="ignore"):
        floats = _HALF.get(dtype, dtype)
        arrays = [x.astype(floats) if x.dtype.kind == "f" else x for x in case.arrays]
    arrays = [_laid_out(x, layout, copies) for x in arrays]
    options = dict(case.parameters)
    shape = list(arrays[0].shape)
    if case.loss.axis is not None:
        options["axis"] = 1
        del shape[1]
    random = np.random.default_rng(1)
    weights = random.uniform(0.5, 2, shape).astype(arrays[0].dtype)
    where = random.random(shape) < 0.8
    every = lossary.value_grad_hess(case.loss.function, case.floats)
    first = lossary.value_and_grad(case.loss.function)
    mean = {"reduction": "mean", "denominator": "weights", "weights": weights, "where": where}
    return {
        "all derivatives": lambda: every(*arrays, **options, reduction="none"),
        "weighted mean": lambda: first(*arrays, **(options | mean)),
    }
