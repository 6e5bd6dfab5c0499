"""What is asked of a call, the value or derivatives too, and how a backend computes it."""

from __future__ import annotations

from typing import Any, NamedTuple

from lossary.backends.base import Backend, CachedCall
from lossary.backends.host import HostBackend
from lossary.call.preparation import PreparedCall, request_with_prepared
from lossary.definition.computation import Computation
from lossary.definition.outputs import denominator_outputs, derivative_outputs
from lossary.definition.reduction import denominator, inverse
from lossary.definition.request import Request
from lossary.errors import type_error


class Wanted(NamedTuple):
    """What a call returns: the value, gradients with respect to arguments, diagonal Hessians."""

    names: tuple[str, ...] = ()
    second: bool = False


VALUE = Wanted()


def check_wanted(computation: Computation, wanted: Wanted) -> None:
    """Raise if class labels are among the arguments: their zeros would look like a derivative."""
    if computation.expressions.variant.labels and "targets" in wanted.names:
        raise type_error(
            computation.function,
            "argnums",
            "must choose arguments that have a derivative",
            f"{computation.loss.arguments.index('targets')}, integer class labels",
            "Targets have one where they are probabilities.",
        )


def evaluate(computation: Computation, backend: Backend, wanted: Wanted) -> tuple[Any, ...]:
    """Compute the value, then the gradients, then (if asked for) the diagonal Hessians."""
    if not wanted.names:
        return backend.results(computation, (), (backend.value(computation),))
    unknown = denominator_outputs(computation)
    # The gradient is scaled by the denominator, so it has to be known beforehand: one pass over
    # the mask or the weights alone.
    sums = backend.run(computation, unknown) if unknown else {}
    scale = inverse(backend, denominator(backend, computation, sums))
    computation = computation.with_numbers(cotangent=scale)
    outputs = derivative_outputs(computation, *wanted)
    results = backend.checked_run(computation, outputs)
    value = backend.combined(computation, results | sums)
    derivatives = (
        backend.like_argument(computation, output.name.partition("_")[2], results[output.name])
        for output in outputs[1:]
    )
    return backend.results(computation, wanted.names, (value, *derivatives))


def compiled_call(
    computation: Computation, backend: Backend, request: Request, wanted: Wanted
) -> CachedCall | None:
    """Return a compiled call for requests of the same signature; None if the backend has none.

    There is none where gradients need a change of dtype.
    """
    if not computation.loss.prepare:
        return _compiled_call(computation, backend, request, wanted)
    if not isinstance(backend, HostBackend):  # others compile functions of the request's arrays
        return None
    prepared = request_with_prepared(request, computation)
    call = _compiled_call(computation, backend, prepared, wanted)
    return None if call is None else PreparedCall(call, computation, backend)


def _compiled_call(
    computation: Computation, backend: Backend, request: Request, wanted: Wanted
) -> CachedCall | None:
    if not wanted.names:
        return backend.compiled_call(computation, request)
    dtypes = {backend.dtype_name(computation.arrays[name]) for name in wanted.names}
    if dtypes != {computation.dtype}:
        return None
    if denominator_outputs(computation):
        return backend.scaled_call(computation, request, *wanted)
    scale = inverse(backend, denominator(backend, computation, {}))
    computation = computation.with_numbers(cotangent=scale)
    outputs = derivative_outputs(computation, *wanted)
    return backend.compiled_call(
        computation, request, outputs, [output.name for output in outputs[1:]]
    )
