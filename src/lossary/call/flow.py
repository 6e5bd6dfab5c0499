"""The flow of a call, from the public function to the result, in one direction."""

from __future__ import annotations

import sys
from typing import Any

from lossary.call.array_library import find_backend
from lossary.call.checks import prepare
from lossary.call.inline import inlined, is_symbolic
from lossary.call.request import Request
from lossary.definition.common_arguments import COMMON_ARGUMENTS
from lossary.direct_recipe import repeated
from lossary.recipe import begin, settled, signature

__all__ = ["Request", "call"]


def call(request: Request) -> Any:
    """Compute a loss: what every public function does with its arguments.

    Find the array library that the arguments belong to; check shapes, dtypes and parameters and
    choose the variant of the formula; let the backend run its expression and reduce it. A call
    on host arrays with the signature of an earlier one takes that one's recipe. A call with the
    symbols of a formula gives an expression.
    """
    if _torch_compiles():
        return _compiled_call(request)
    results = repeated(request)
    if results is not None:
        return results[0]
    key = signature(request)
    recipe = request.loss.calls.find(key)
    results = None if recipe is None else recipe(request)
    if results is not None:
        return results[0]
    if is_symbolic(request):
        return inlined(request)
    backend, request = find_backend(request)
    problem = prepare(request, backend)
    key = settled(key, request)
    if key is not None and recipe is None:
        results = begin(key, backend.recipe(problem), request)
        if results is not None:
            return results[0]
    return backend.value(problem)


def _torch_compiles() -> bool:
    """Tell whether this runs inside the tracer of ``torch.compile``."""
    torch = sys.modules.get("torch")
    return torch is not None and torch.compiler.is_compiling()


def _compiled_call(request: Request) -> Any:
    from lossary.call import torch_compile

    common = tuple(getattr(request, item.name) for item in COMMON_ARGUMENTS)
    return torch_compile.call(
        request.loss.identity,
        request.arrays,
        request.parameters,
        request.axis,
        request.reduction,
        common,
    )
