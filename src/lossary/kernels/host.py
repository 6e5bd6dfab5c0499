"""Run kernels over host memory: choose a kernel, allocate outputs, distribute the chunks."""

from __future__ import annotations

import ctypes
import math
import struct
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from lossary.arrays import Array
from lossary.formula.expression import Expression
from lossary.formula.plan import Output, Plan
from lossary.formula.recipe import ingredients_of, task_of
from lossary.kernels import compile as compiler
from lossary.kernels import direct, shared
from lossary.kernels.copied import BlockKernel, CopyingKernel, Kernel, dense_work
from lossary.kernels.direct import Call, Direct, ItemIndex
from lossary.kernels.form import STARTS, Form
from lossary.kernels.long_rows import LONG, long_kernel
from lossary.kernels.memory import (
    CHUNK,
    PARALLEL_FROM,
    Geometry,
    aligned,
    can_compare,
    combined,
    empty,
    geometry_of,
)
from lossary.kernels.mixed import MixedKernel
from lossary.kernels.object_memory import HEAD
from lossary.kernels.plan_cache import cached_plan
from lossary.kernels.whole import whole_call, with_crew
from lossary.kernels.work import Work

_TYPES = {"float32": "f32", "float64": "f64"}
_RANGE = struct.Struct("=2q")
_FUNCTION = ctypes.CFUNCTYPE(None, ctypes.c_char_p)

AddressGetter = Callable[[Any], int]

_plans: dict[tuple[object, ...], tuple[Plan, tuple[tuple[Expression, ...], ...]]] = {}
LIMIT = 256


def plan_of(outputs: tuple[Output, ...]) -> Plan:
    """Return the plan of these outputs, from a cache."""
    sources = [(ingredients_of(output.source), task_of(output.source)) for output in outputs]
    key = tuple(
        (output.name, output.role, task, *map(id, ingredients))
        for output, (ingredients, task) in zip(outputs, sources, strict=True)
    )
    found = _plans.get(key)
    if found is None:
        if len(_plans) >= LIMIT:
            _plans.clear()
        # Keep the original expressions alive too, as their ids are keys.
        found = cached_plan(outputs), tuple(ingredients for ingredients, _ in sources)
        _plans[key] = found
    return found[0]


def kernel_of(plan: Plan, layout: str, form: Form) -> compiler.Compiled:
    """Return the compiled kernel for a plan."""
    traits = (layout, form.compute, form.dtypes, sorted(form.scalars))
    key = f"{traits}\n{plan.text}"

    def written() -> str:
        # Import the code generator only if needed: it takes 8 ms, and most kernels are cached.
        from lossary.kernels.layouts import text

        return text(plan, layout, form)

    return compiler.load(key, "kernel", written)


def run(work: Work) -> dict[str, Any]:
    """Run it; return stored outputs as arrays, reduced outputs as float64 numbers."""
    plan = plan_of(work.outputs)
    if math.prod(work.shape) == 0 and (not work.axes or math.prod(work.unreduced_shape) == 0):
        return _empty(plan, work)
    bound = bind(plan, work)
    stored, reduced = bound([work.arrays[n] for n in bound.leaves])
    names = (*bound.stored, *bound.reduced)
    return dict(zip(names, (*stored, *reduced), strict=True))


def may_overwrite(work: Work, name: str, output: str) -> bool:
    """Return whether an output may lie in the memory of an array with the class axis last.

    It may where one kernel makes all passes over a row: not where rows are sorted or cut.
    """
    dtype = work.dtypes[output]
    if dtype != work.dtype_of(name) or math.prod(work.shape[axis] for axis in work.axes) >= LONG:
        return False
    plan = plan_of(work.outputs)
    (target,) = (one for one in plan.stored if one.name == output)
    return plan.may_overwrite(name, target, spilled=dtype == work.compute)


def run_over(work: Work, name: str, output: str) -> dict[str, Any]:
    """Run, with an output written over an array; return the other stored outputs."""
    plan, over = plan_of(work.outputs), work.arrays[name]
    overwrites = may_overwrite(work, name, output)
    made = {
        one.name: over if overwrites and one.name == output else empty(one, work, ())
        for one in plan.stored
    }
    bound = bind(plan, work)
    bound([work.arrays[n] for n in bound.leaves], [made[n] for n in bound.stored])
    found = made.pop(output)
    if not overwrites:
        over[...] = found
    return made


def _empty(plan: Plan, work: Work) -> dict[str, Any]:
    results: dict[str, Any] = {o.name: empty(o, work, ()) for o in plan.stored}
    return results | {o.name: np.float64(STARTS[o.role]) for o in plan.reduced}


def bind(plan: Plan, work: Work, address_getter: AddressGetter | None = None) -> Kernel:
    """Return the kernel for the work, which takes arrays of the same dtypes, shapes and layouts."""
    geometry = geometry_of(plan, work)
    if plan.compares and (plan.mixes or not can_compare(work, geometry)):
        plan = plan.by_order
    if plan.mixes:
        return BlockKernel(plan, work, _bind_mixed)
    long = long_kernel(plan, work, bind)
    if long is not None:
        return long
    if geometry is not None:
        return BoundKernel(plan, work, geometry, address_getter)
    if math.prod(work.shape) <= CHUNK and geometry_of(plan, dense_work(plan, work)) is not None:
        return CopyingKernel(plan, work, bind)
    return BlockKernel(plan, work, bind)


def _bind_mixed(plan: Plan, work: Work) -> Kernel:
    return MixedKernel(plan, work, bind)


def form_of(plan: Plan, work: Work) -> Form:
    """Return the form of the kernel for the work."""
    names = [str(leaf.value) for leaf in plan.leaves]
    stored = [(f"-> {output.name}", work.dtypes[output.name]) for output in plan.stored]
    return Form(
        compute=_TYPES[work.compute],
        dtypes=(*((name, work.dtype_of(name)) for name in names), *stored),
        scalars=frozenset(name for name in names if work.arrays[name].ndim == 0),
    )


class BoundKernel(Kernel):
    """A kernel that reads arrays without copying them.

    ``address_getter`` returns the address of an array's memory; the default reads NumPy arrays.
    ``compiled``, ``layout`` and ``numbers`` are its machine code, the layout that it was made for,
    and its parameters: what other machine code needs in order to call it.
    """

    def __init__(
        self,
        plan: Plan,
        work: Work,
        geometry: Geometry,
        address_getter: AddressGetter | None = None,
    ) -> None:
        super().__init__(plan)
        self.layout = geometry.layout
        self.compiled = kernel_of(plan, geometry.layout, form_of(plan, work))
        self._function = self.compiled.function(_FUNCTION)
        self.address_getter: AddressGetter = address_getter or address
        # Drop the arrays, or this kernel would keep those of the first call alive.
        self.makers = [_maker(output, work, geometry.order) for output in plan.stored]
        self._reduced = plan.reduced
        self._chunks = geometry.chunks
        self._elements = math.prod(work.shape)
        self._parallel = self._elements >= PARALLEL_FROM and self._chunks > 1
        self._sizes = (*geometry.sizes, geometry.step)
        self.numbers = tuple(float(work.numbers[name]) for name in plan.parameters)
        addresses = len(self.leaves) + len(self.stored)
        layout = f"={len(self._sizes) + addresses}q{len(self.numbers)}dq"
        self._pack = struct.Struct(layout).pack

    def __call__(
        self, arrays: Sequence[Any], made: Sequence[Array] | None = None
    ) -> tuple[Sequence[Array], list[float]]:
        """Run; return stored arrays (``made``, where that is given) and reduced numbers."""
        made = [make() for make in self.makers] if made is None else made
        addresses = [*map(self.address_getter, arrays), *map(address, made)]
        partials = np.empty((self._chunks, len(self._reduced)))
        words = self._pack(*self._sizes, *addresses, *self.numbers, address(partials))
        if not (self._parallel and shared.run(self.compiled, words, self._chunks)):
            self._function(_RANGE.pack(0, self._chunks) + words)
        if self._chunks == 1:
            return made, partials[0].tolist()
        return made, combined(self._reduced, partials)

    def direct(
        self, request: Sequence[Any], indices: Mapping[str, ItemIndex], factor: float
    ) -> Direct | None:
        """Return a built-in function for this call if it has at most one mean.

        Arrays without an index are NumPy's, and given before those to write to.
        """
        values = [name for name in self.reduced if not name.startswith("violations_")]
        is_mean = values == ["value", "denominator"][: len(values)]
        if not is_mean or values != self.reduced[: len(values)]:
            return None
        given = [i for i, name in enumerate(self.leaves) if name not in indices]
        addresses = len(self.leaves) + len(self.stored)
        call = Call(
            kernel=self.compiled,
            head=(0, 1, *self._sizes),
            numbers=self.numbers,
            addresses=addresses,
            given=(*given, *range(len(self.leaves), addresses)),
            totals=len(self.reduced),
            values=len(values),
            factor=factor,
            elements=self._elements,
        )
        if self._chunks == 1:
            return self._direct(call, request, indices)
        whole = whole_call(call, self._chunks)
        function = None if whole is None else self._direct(whole, request, indices)
        helped = self._chunks if self._parallel else 1
        return None if function is None else with_crew(function, helped)

    def _direct(
        self, call: Call, request: Sequence[Any], indices: Mapping[str, ItemIndex]
    ) -> Direct | None:
        places = {name: len(call.head) + i for i, name in enumerate(self.leaves)}
        slots = {indices[name]: place for name, place in places.items() if name in indices}
        return direct.direct(call, request, slots)


def _maker(output: Output, work: Work, order: Sequence[int]) -> Callable[[], Array]:
    """Return a function that allocates memory for a stored output."""
    sample = empty(output, work, order)
    if sample.flags.c_contiguous:
        shape, dtype = sample.shape, sample.dtype
        if work.alignment:
            return partial(aligned, shape, dtype, work.alignment)
        return partial(np.empty, shape, dtype)
    bare = Work(
        (), {}, {}, work.axes, work.shape, work.unreduced_shape, work.compute, dict(work.dtypes)
    )
    return partial(empty, output, bare, order)


# Reading the address from the array's struct takes a tenth of the time of x.ctypes.data.
_word = ctypes.c_int64.from_address


def _by_struct(x: Array) -> int:
    return _word(id(x) + HEAD).value


def _by_interface(x: Array) -> int:
    return int(x.ctypes.data)


_SAMPLE = np.zeros(3)[1:]
#: Return the address of an array's memory.
address = (
    _by_struct
    if np.ndarray.__basicsize__ > HEAD and _by_struct(_SAMPLE) == _SAMPLE.ctypes.data
    else _by_interface
)
