"""The flow of a call, from the public function to the result, in one direction."""

from __future__ import annotations

import sys
from typing import Any

from lossary.backends.base import CachedCall
from lossary.backends.direct_call import repeated
from lossary.call.array_library import find_backend
from lossary.call.call_cache import call_key, keep, settled
from lossary.call.checks import prepare
from lossary.call.evaluation import VALUE, Wanted, check_wanted, compiled_call, evaluate
from lossary.call.inline import inlined, is_symbolic
from lossary.definition.common_arguments import COMMON_ARGUMENTS
from lossary.definition.request import Request


def call(request: Request) -> Any:
    """Compute a loss: what every public function does with its arguments."""
    if torch_compiles():
        return _call_in_graph(request)
    return results_of(request, VALUE)[0]


def results_of(request: Request, wanted: Wanted) -> tuple[Any, ...]:
    """Compute what is wanted of a loss: its value, then the derivatives.

    Find the array library that the arguments belong to; check shapes, dtypes and parameters and
    choose the variant of the formula; let the backend run its expressions and reduce them. A call
    like an earlier one is answered by what was compiled for that. A call with the symbols of a
    formula returns an expression.
    """
    results = repeated(request, wanted)
    if results is not None:
        return results
    key = call_key(request, wanted)
    cached: CachedCall | None = request.loss.calls.find(key)
    results = None if cached is None else cached(request)
    if results is not None:
        return results
    if wanted is VALUE and is_symbolic(request):
        return (inlined(request),)
    backend, request = find_backend(request)
    computation = prepare(request, backend)
    check_wanted(computation, wanted)
    key = settled(key, request, wanted)
    if key is not None and cached is None:
        compiled = compiled_call(computation, backend, request, wanted)
        results = None if compiled is None else compiled(request)
        if compiled is not None:
            keep(key, compiled, request, wanted)
        if results is not None:
            return results
    return evaluate(computation, backend, wanted)


def torch_compiles() -> bool:
    """Return whether this runs inside the tracer of ``torch.compile``."""
    torch = sys.modules.get("torch")
    return torch is not None and torch.compiler.is_compiling()


def _call_in_graph(request: Request) -> Any:
    from lossary.call import torch_compile

    common = tuple(getattr(request, item.name) for item in COMMON_ARGUMENTS)
    return torch_compile.call(
        request.loss.identity,
        request.arrays,
        request.parameters,
        request.axis,
        request.reduction,
        (*common, request.class_axis),
    )
