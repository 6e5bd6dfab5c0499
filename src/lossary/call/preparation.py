"""Arguments of a formula that are computed from its arrays beforehand."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np

from lossary.backends.base import Backend, CachedCall
from lossary.definition.computation import Computation
from lossary.definition.request import Request


def with_prepared(computation: Computation, backend: Backend, class_axis: Any) -> Computation:
    """Return a computation with what its loss prepares from the arrays among them.

    It may have axes of length 1 along which it is repeated, as weights may, and is a constant for
    the library's own derivatives.
    """
    functions = computation.loss.prepare
    if not functions:
        return computation
    if 0 in computation.shape:  # not every library has a maximum over nothing
        return computation.with_arrays({**computation.arrays} | dict.fromkeys(functions, 0.0))
    xp = backend.operations(backend, computation)
    values = _values(computation, backend, xp) | _axes(computation, class_axis)
    with np.errstate(all="ignore"):  # as formulas, these divide by 0 where the result is not used
        found = {
            name: xp.stop(function(xp, **{key: values[key] for key in _named(function)}))
            for name, function in functions.items()
        }
    return computation.with_arrays({**computation.arrays, **found})


class PreparedCall:
    """A cached call of a loss that prepares arguments: they are computed, then its kernel runs."""

    def __init__(self, call: CachedCall, computation: Computation, backend: Backend) -> None:
        self._call, self._backend = call, backend
        self._computation = computation.without_arrays()

    def __call__(self, request: Request) -> tuple[Any, ...] | None:
        """Return what the cached call does."""
        template, backend = self._computation, self._backend
        given = template.with_arrays(dict(request.named_arrays()))
        found = with_prepared(given, backend, request.class_axis)
        return self._call(request_with_prepared(request, found))


def request_with_prepared(request: Request, computation: Computation) -> Request:
    """Return a request with what its loss has prepared."""
    return request._replace(prepared=tuple(computation.arrays[n] for n in request.loss.prepare))


def _values(computation: Computation, backend: Backend, xp: Any) -> dict[str, Any]:
    """Return the arrays that functions ask for, without what a mask of elements leaves out."""
    wanted = {name for function in computation.loss.prepare.values() for name in _named(function)}
    is_masked = computation.expressions.variant.element_mask
    wanted |= {"where"} if is_masked else set()
    arrays = {name: x for name, x in computation.arrays.items() if name in wanted}
    found = backend.prepared(replace(computation, arrays=arrays, numbers={}))
    if is_masked:
        mask = found["where"]
        names = [name for name in computation.loss.arguments if computation.spans_classes(name)]
        found |= {name: xp.where(mask, found[name], 0.0) for name in names if name in wanted}
    return found


def _axes(computation: Computation, class_axis: Any) -> dict[str, Any]:
    """Return the axes of a call, counted from the front."""
    position = None if class_axis is None else int(class_axis) % len(computation.shape)
    axes = tuple(axis for axis in computation.axes if axis != position)
    return {"axis": axes, "class_axis": position}


@lru_cache(maxsize=256)
def _named(function: Callable[..., Any]) -> list[str]:
    """Return the names of a function's parameters after the first."""
    return list(inspect.signature(function).parameters)[1:]
