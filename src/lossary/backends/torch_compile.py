"""PyTorch under ``torch.compile``: one call in the graph that its tracer does not look into.

The tracer of ``torch.compile`` follows Python line by line, and what chooses an expression is no
part of the computation. ``allow_in_graph`` makes the call one node; tracing it with the fake
tensors of the next stage runs the ordinary code, which leaves torch operations in the graph.
"""

from __future__ import annotations

from typing import Any

import torch

from lossary.registry import get_loss


@torch.compiler.allow_in_graph
def call(
    name: str,
    arrays: tuple[Any, ...],
    parameters: tuple[Any, ...],
    axis: int | None,
    reduction: str,
    tail: tuple[Any, ...],
) -> Any:
    """Compute a loss that is given by its name, from arguments that a graph can hold."""
    from lossary.backends import find_backend
    from lossary.checks import prepare
    from lossary.problem import Request

    request = Request(get_loss(name), arrays, parameters, axis, reduction, *tail)
    backend = find_backend(request)
    return backend.value(prepare(request, backend))
