"""Recipes: calls that were checked once and need no second look.

A call on host arrays is described by its *signature*: the loss, the types, dtypes, shapes and
layouts of its arrays, its parameters and options. Two calls with the same signature differ in
nothing but the numbers in memory, so what was resolved for the first (checks, expression, kernel,
sizes) is used as it is for the second.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING, Any

import numpy as np

from lossary import faults
from lossary.call.request import Request
from lossary.direct_recipe import Repeated, direct_recipe
from lossary.options import domain_policy
from lossary.problem import Problem, stored, total

if TYPE_CHECKING:
    from lossary.backends.base import Backend
    from lossary.definition.definition import Definition
    from lossary.kernels.copied import Kernel

#: Returns the value and the gradients for a request, or None if the call needs a closer look.
Recipe = Callable[[Request], tuple[Any, ...] | None]

_PLAIN_DENOMINATORS = {str, int, float}
_PLAIN_PARAMETERS = {bool, int, float, type(None), np.float32, np.float64, np.int64}
_PLAIN_INTEGERS = {int, type(None)}

#: From the type of an array to the function that describes one, filled in by host backends.
DESCRIBE: dict[type, Callable[[Any], Any]] = {
    type(None): lambda x: None,
    # Python's numbers are equal whatever their type (True == 1 == 1.0), and so is -0.0 to 0.0.
    bool: lambda x: (bool, x),
    int: lambda x: (int, x),
    float: lambda x: (float, x or str(x)),
    np.ndarray: lambda x: (x.dtype, x.shape, x.strides),
    **dict.fromkeys((np.float32, np.float64), lambda x: (x.dtype, (), True)),
}


def signature(request: Request, *extra: Any) -> tuple[Any, ...] | None:
    """Return what two calls must share to share a recipe; None if that cannot be told."""
    _, arrays, parameters, axis, reduction, weights, where, denominator, dtype, ignored, classes = (
        request
    )
    # 1, True and 1.0 are equal as keys and not as arguments: only these types are let through, and
    # those of parameters are part of the key.
    kinds = tuple(map(type, parameters)) if parameters else ()
    if not (
        type(denominator) in _PLAIN_DENOMINATORS
        and type(axis) in _PLAIN_INTEGERS
        and type(ignored) in _PLAIN_INTEGERS
        and _PLAIN_PARAMETERS.issuperset(kinds)
    ):
        return None
    rest = (parameters, kinds, axis, reduction, denominator, dtype, ignored, domain_policy(), extra)
    try:
        described = [DESCRIBE[type(x)](x) for x in arrays]
        if weights is not None or where is not None or classes is not None:
            described += [DESCRIBE[type(x)](x) for x in (weights, where, classes)]
        return (*described, rest)
    except (KeyError, RuntimeError):  # of another type, or a nested tensor, which has no shape
        return None


def settled(key: tuple[Any, ...] | None, request: Request, *extra: Any) -> tuple[Any, ...] | None:
    """Return a signature that still holds after the first call was checked; None if it does not.

    There is one where there was none before if the call has loaded its library's backend.
    """
    again = signature(request, *extra)
    return again if key is None or key == again else None


def begin(key: tuple[Any, ...], recipe: Any, request: Request, *extra: Any) -> Any:
    """Remember a recipe with its loss, if there is one, and return what its first call gives."""
    if recipe is None:
        return None
    repeated = Repeated(recipe, extra) if hasattr(recipe, "direct") else recipe
    request.loss.calls.keep(key, repeated)
    return recipe(request)


class HostRecipe:
    """A value, and gradients if asked for, computed by one kernel over host memory.

    It takes a request, ``run`` the arrays in the order of ``leaves``. None stands for a call that
    needs a closer look.
    """

    def __init__(
        self,
        backend: Backend,
        problem: Problem,
        bound: Kernel,
        views: Sequence[Callable[[Any], Any] | None],
        gradients: Sequence[str],
    ) -> None:
        stored, reduced = bound.stored, bound.reduced
        self.leaves = tuple(bound.leaves)
        self.bound = bound
        self._pick = picker(problem.request.loss, self.leaves)
        self._views = views if any(views) else None
        self.number, self.array = backend.finishers(problem.dtype)
        self.backend, self.problem = backend, problem.without_arrays()
        self.faults = [i for i, name in enumerate(reduced) if name.startswith("fault_")]
        self.gradients = [
            (True, stored.index(name)) if name in stored else (False, reduced.index(name))
            for name in gradients
        ]
        self.stored_value = stored.index("value") if "value" in stored else None
        self._total = 0 if "value" in stored else reduced.index("value")
        self.denominator = reduced.index("denominator") if "denominator" in reduced else None
        self.factor = 1.0
        if problem.reduction != "none" and self.denominator is None:
            self.factor = float(backend.denominator(problem, {}))

    def __call__(self, request: Request) -> tuple[Any, ...] | None:
        """Return the value and the gradients for a request."""
        return self.run(self._pick(request))

    def direct(self, request: Request) -> Recipe | None:
        """Return a faster form for requests like this one, if there is one."""
        return direct_recipe(self, request)

    def _report(self, arrays: Sequence[Any], reduced: Sequence[float]) -> None:
        """Report values outside their domains."""
        violations = faults.pending(self.problem, [reduced[place] for place in self.faults])
        if violations:
            named = dict(zip(self.leaves, arrays, strict=True))
            faults.report(replace(self.problem, arrays=named), violations, self.backend)

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
        for place in self.faults:
            if reduced[place]:
                self._report(given, reduced)
                break
        if not self.gradients:
            return (value,)
        return (
            value,
            # A number is the gradient of an argument that was one.
            *[
                self.array(stored[place]) if full else self.number(reduced[place])
                for full, place in self.gradients
            ],
        )


def picker(loss: Definition, names: Sequence[str]) -> Callable[[Request], Sequence[Any]]:
    """Return what takes the arrays of these names out of a request."""
    places = [loss.arguments.index(name) if name in loss.arguments else name for name in names]
    if places == list(range(len(loss.arguments))):
        return attrgetter("arrays")
    if len(places) > 1 and all(isinstance(place, int) for place in places):
        pick = itemgetter(*places)
        return lambda request: pick(request.arrays)
    return lambda request: [
        request.arrays[place] if isinstance(place, int) else getattr(request, place)
        for place in places
    ]


def host_recipe(
    backend: Backend, problem: Problem, outputs: tuple[Any, ...], gradients: Sequence[str] = ()
) -> HostRecipe | None:
    """Return a recipe, unless there is nothing to read."""
    from lossary.kernels import host

    if faults.wanted(problem, backend.is_checked(problem)):
        outputs += problem.fault_outputs()
    job = backend.job(problem, outputs)
    plan = host.plan_of(outputs)
    if 0 in job.shape:
        return None
    # As they are given: a NumPy scalar is an array to the problem, and is none in the next call.
    pick = picker(problem.request.loss, [str(leaf.value) for leaf in plan.leaves])
    arrays = pick(problem.request)
    locate = backend.addresser(arrays[0]) if arrays else None
    if any(backend.addresser(x) is not locate for x in arrays):
        locate = None
    bound = host.bind(plan, job, locate)
    views = [] if locate and bound.locate is locate else [backend.host_viewer(x) for x in arrays]
    return HostRecipe(backend, problem, bound, views, gradients)


def value_outputs(backend: Backend, problem: Problem) -> tuple[Any, ...]:
    """Return the outputs that a value is made of."""
    expression = problem.composite.value
    if problem.reduction == "none":
        return (stored("value", expression),)
    return (total("value", expression), *backend.denominator_outputs(problem))
