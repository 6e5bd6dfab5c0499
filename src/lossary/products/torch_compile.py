"""Losses of matrices under ``torch.compile``: one node of a graph, not looked into."""

from __future__ import annotations

from typing import Any

import torch

from lossary.call.torch_compile import fixed
from lossary.products.request import BY_IDENTITY


@torch.compiler.allow_in_graph
def call(
    identity: str, args: tuple[Any, ...], names: tuple[str, ...], given: tuple[Any, ...]
) -> Any:
    """Compute a loss that is given by its identity, from arguments that a graph can hold.

    Numbers are part of the graph: another value of one compiles another.
    """
    options = dict(zip(names, map(fixed, given), strict=True))
    loss = BY_IDENTITY[identity]
    return loss.value(loss.bind(*args, **options))
