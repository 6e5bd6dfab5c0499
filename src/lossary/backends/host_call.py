"""Cached calls on host memory: one compiled kernel computes the value and the gradients."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from operator import attrgetter, itemgetter
from typing import Any

from lossary.backends.base import CachedCall
from lossary.backends.direct_form import Form, Text, array_indices
from lossary.backends.host import HostBackend
from lossary.definition.computation import Computation
from lossary.definition.definition import Definition
from lossary.definition.outputs import VIOLATIONS, denominator_outputs, scaled_outputs
from lossary.definition.reduction import denominator
from lossary.definition.request import Request
from lossary.formula.expression import argument
from lossary.formula.plan import Output, Plan
from lossary.kernels import host
from lossary.kernels.copied import Kernel
from lossary.kernels.direct import Direct
from lossary.kernels.work import Work
from lossary.options import domain_policy

#: The array that gradients are multiplied by, where it is known only when a call is made.
_COTANGENT = "cotangent"
#: What a call returns: the value and the gradients, in a tuple.
RESULTS = Text("({all})", {})


class HostCall:
    """A value, and gradients if asked for, computed by one kernel over host memory.

    It takes a request, ``run`` the arrays in the order of ``leaves``. None stands for a call that
    needs a closer look.
    """

    def __init__(
        self,
        backend: HostBackend,
        computation: Computation,
        bound: Kernel,
        views: Sequence[Callable[[Any], Any] | None],
        gradients: Sequence[str],
    ) -> None:
        stored, reduced = bound.stored, bound.reduced
        self.leaves = tuple(bound.leaves)
        self.bound = bound
        self._arrays = array_getter(computation.loss, self.leaves)
        self._views = views if any(views) else None
        self.number, self.array = backend.result_wrappers(computation.dtype)
        self.backend, self.computation = backend, computation.without_arrays()
        self.violations = [i for i, name in enumerate(reduced) if name.startswith(VIOLATIONS)]
        self.gradients = [
            (True, stored.index(name)) if name in stored else (False, reduced.index(name))
            for name in gradients
        ]
        self.stored_value = stored.index("value") if "value" in stored else None
        self._total = 0 if "value" in stored else reduced.index("value")
        self.denominator = reduced.index("denominator") if "denominator" in reduced else None
        self.factor = 1.0
        if computation.reduction != "none" and self.denominator is None:
            self.factor = float(denominator(backend, computation, {}))

    def __call__(self, request: Request) -> tuple[Any, ...] | None:
        """Return the value and the gradients for a request."""
        return self.run(self._arrays(request))

    def direct(self, request: Request, results: Text = RESULTS) -> CachedCall | None:
        """Return a faster form for requests like this one, if there is one."""
        form = direct_form(self, request, results)
        return None if form is None else form.function()

    def _report(self, arrays: Sequence[Any], reduced: Sequence[float]) -> None:
        """Report values outside their domains."""
        named = dict(zip(self.leaves, arrays, strict=True))
        counts = [reduced[i] for i in self.violations]
        if self.computation.check is not None:
            self.computation.check.report(self.computation.with_arrays(named), counts, self.backend)

    def run(self, arrays: Sequence[Any]) -> tuple[Any, ...] | None:
        """Return the value and the gradients, given arrays in the order of ``leaves``."""
        given = arrays
        if self._views is not None:
            pairs = zip(self._views, arrays, strict=True)
            arrays = [x if view is None else view(x) for view, x in pairs]
        try:
            stored, reduced = self.bound(arrays)
        except RuntimeError:  # a tensor that stands for another has no memory of its own
            return None
        if self.stored_value is not None:
            value = self.array(stored[self.stored_value])
        else:
            factor = self.factor if self.denominator is None else reduced[self.denominator]
            if factor == 0.0:
                return None
            value = self.number(reduced[self._total] / factor)
        if any(reduced[i] for i in self.violations):
            self._report(given, reduced)
        if not self.gradients:
            return (value,)
        return (
            value,
            # A number is the gradient of an argument that was one.
            *[
                self.array(stored[index]) if full else self.number(reduced[index])
                for full, index in self.gradients
            ],
        )


class ScaledCall:
    """Value and gradients of a mean whose denominator is summed first, by a kernel of its own."""

    def __init__(self, sums: HostCall, fused: HostCall) -> None:
        names = dict.fromkeys((*fused.leaves, *sums.leaves))
        self.leaves = tuple(name for name in names if name != _COTANGENT)
        self._sums, self._fused = sums, fused
        places = {name: place for place, name in enumerate(self.leaves)}
        self._summed = [places[name] for name in sums.leaves]
        self._given = [places.get(name) for name in fused.leaves]  # None is the factor's place
        self._arrays = array_getter(fused.computation.loss, self.leaves)

    def __call__(self, request: Request) -> tuple[Any, ...] | None:
        """Return the value and the gradients for a request."""
        return self.run(self._arrays(request))

    def direct(self, request: Request, results: Text = RESULTS) -> CachedCall | None:
        """Return a form for requests like this one that is two built-in functions."""
        form, sums = direct_form(self._fused, request, results), built_in(self._sums, request)
        return form._replace(sums=sums).function() if form and sums else None

    def run(self, arrays: Sequence[Any]) -> tuple[Any, ...] | None:
        """Return the value and the gradients, given arrays in the order of ``leaves``."""
        found = self._sums.run([arrays[index] for index in self._summed])
        return None if found is None else self._scaled(arrays, found[0])

    def _scaled(self, arrays: Sequence[Any], denominator: float) -> tuple[Any, ...] | None:
        if denominator == 0.0:
            return None
        factor = self._fused.backend.factor(1.0 / denominator)
        return self._fused.run([factor if i is None else arrays[i] for i in self._given])


def array_getter(loss: Definition, names: Sequence[str]) -> Callable[[Request], Sequence[Any]]:
    """Return a function that gets the arrays of these names from a request."""
    prepared = list(loss.prepare)
    if any(name in prepared for name in names):
        return lambda request: [
            request.prepared[prepared.index(name)]
            if name in prepared
            else request.arrays[loss.arguments.index(name)]
            if name in loss.arguments
            else getattr(request, name)
            for name in names
        ]
    indices = [loss.arguments.index(name) if name in loss.arguments else name for name in names]
    if indices == list(range(len(loss.arguments))):
        return attrgetter("arrays")
    if len(indices) > 1 and all(isinstance(index, int) for index in indices):
        pick = itemgetter(*indices)
        return lambda request: pick(request.arrays)
    return lambda request: [
        request.arrays[index] if isinstance(index, int) else getattr(request, index)
        for index in indices
    ]


def host_call(
    backend: HostBackend,
    computation: Computation,
    request: Request,
    outputs: tuple[Output, ...],
    gradients: Sequence[str] = (),
) -> HostCall | None:
    """Return a call of a kernel for requests like this one, unless there is nothing to read."""
    if computation.check is not None:
        outputs += computation.check.outputs
    work = backend.work(computation, outputs)
    plan = host.plan_of(outputs)
    if 0 in work.shape:
        return None
    # As they are given: the computation takes a NumPy scalar for an array, the next call does not.
    leaves = [str(leaf.value) for leaf in plan.leaves]
    named = [name for name in leaves if name != _COTANGENT]
    found = dict(zip(named, array_getter(computation.loss, named)(request), strict=True))
    arrays = [found[name] if name in found else computation.arrays[name] for name in leaves]
    bound, views = bound_kernel(backend, plan, work, arrays)
    return HostCall(backend, computation, bound, views, gradients)


def bound_kernel(
    backend: HostBackend, plan: Plan, work: Work, arrays: Sequence[Any]
) -> tuple[Kernel, list[Callable[[Any], Any]]]:
    """Return a kernel for arrays like these, and what makes them NumPy's, if it reads no others."""
    getter = backend.address_getter(arrays[0]) if arrays else None
    if any(backend.address_getter(x) is not getter for x in arrays):
        getter = None
    bound = host.bind(plan, work, getter)
    reads_directly = getter is not None and bound.address_getter is getter
    views = [] if reads_directly else [backend.as_numpy(x) for x in arrays]
    return bound, views


def scaled_call(
    backend: HostBackend,
    computation: Computation,
    request: Request,
    names: Sequence[str],
    second: bool = False,
) -> ScaledCall | None:
    """Return a call of two kernels, for a mean whose denominator depends on the arrays."""
    sums = _sum_of(backend, computation, request, denominator_outputs(computation))
    # The factor of the gradients is an array of one number, as it differs from call to call.
    arrays = {**computation.arrays, _COTANGENT: backend.factor(1.0)}
    computation = computation.with_arrays(arrays)
    factor = argument(_COTANGENT, computation.expressions.kind)
    outputs, gradients = scaled_outputs(computation, names, second, factor)
    fused = host_call(backend, computation, request, outputs, gradients)
    return None if sums is None or fused is None else ScaledCall(sums, fused)


def _sum_of(
    backend: HostBackend, computation: Computation, request: Request, outputs: tuple[Output, ...]
) -> HostCall | None:
    """Return a call that returns a sum over the arrays, as a float."""
    value = tuple(output._replace(name="value") for output in outputs)
    plain = replace(computation, reduction="sum", check=None)
    found = host_call(backend, plain, request, value)
    if found is not None:
        found.number = float
    return found


def direct_form(call: HostCall, request: Request, results: Text) -> Form | None:
    """Return the direct form of a call, to be written, if it can have one."""
    conditions, function = call.backend.direct_conditions(request), built_in(call, request)
    if conditions is None or function is None:
        return None
    if not all(is_array for is_array, _ in call.gradients):
        return None
    if not call.violations and call.computation.expressions.violations:
        names = {"unchecked": call.backend.unchecked, "policy": domain_policy}
        conditions = (*conditions, Text("unchecked(policy())", names))
    stored = call.stored_value
    number, array = (
        make(call.computation.dtype) for make in (call.backend.number_text, call.backend.array_text)
    )
    value = number.text if stored is None else array.text.format(f"made_{stored}")
    names = {"number": call.number, "array": call.array, **number.names, **array.names}
    return Form(
        conditions=conditions,
        arrays=array_indices(call.computation.loss),
        run=function,
        sums=None,
        makers=call.bound.makers,
        value=Text(value, names),
        gradients=[array.text.format(f"made_{index}") for _, index in call.gradients],
        results=results,
    )


def built_in(call: HostCall, request: Request) -> Direct | None:
    """Return the kernel of a call as a built-in function, if it is one run of machine code."""
    indices = array_indices(call.computation.loss)
    if call.factor == 0.0 or not {*indices, _COTANGENT} >= set(call.leaves):
        return None
    return call.bound.direct(request, indices, call.factor)
