"""The flow of a call, from the public function to the result, in one direction."""

from __future__ import annotations

from typing import Any

from lossary.backends import find_backend
from lossary.checks import prepare
from lossary.problem import Request

__all__ = ["Request", "call"]


def call(request: Request) -> Any:
    """Compute a loss: what every public function does with its arguments.

    Find the array library that the arguments belong to; check shapes, dtypes and parameters and
    choose the variant of the formula; let the backend run its expression and reduce it.
    """
    backend = find_backend(request)
    problem = prepare(request, backend)
    return backend.value(problem)
