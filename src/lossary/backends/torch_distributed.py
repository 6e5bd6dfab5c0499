"""Tensors that lie in parts on several devices: positions along an axis, and whole axes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.distributed.tensor import DTensor, Replicate, Shard, distribute_tensor

from lossary.backends.torch_state import is_distributed


def positions(found: torch.Tensor, like: Any, axis: int) -> Any:
    """Return positions along an axis, each on the devices that have the elements there."""
    parts = [Shard(axis) if x.is_shard(axis) else Replicate() for x in like.placements]
    # Every process has all positions: nothing is sent.
    return distribute_tensor(found, like.device_mesh, parts, src_data_rank=None)


def applied(function: Callable[..., Any], arrays: Sequence[Any], axis: int) -> Any:
    """Apply a function of an axis, which is whole on every device while it is applied."""
    example = next(filter(is_distributed, arrays))
    mesh, parts = example.device_mesh, example.placements
    whole = [Replicate() if x.is_shard(axis) or x.is_partial() else x for x in parts]
    given = [replicated(x, mesh).redistribute(mesh, whole).to_local() for x in arrays]
    return DTensor.from_local(function(*given), mesh, whole, run_check=False)


def replicated(x: Any, mesh: Any) -> Any:
    """Return a tensor that every process has as a distributed one; others as they are."""
    if not isinstance(x, torch.Tensor) or isinstance(x, DTensor):
        return x
    return DTensor.from_local(x, mesh, [Replicate()] * mesh.ndim, run_check=False)


def whole_sums(x: Any) -> Any:
    """Return sums or maxima whose parts are on several devices: added up once, and on all."""
    if not any(part.is_partial() for part in x.placements):
        return x
    parts = [Replicate() if part.is_partial() else part for part in x.placements]
    return x.redistribute(x.device_mesh, parts)
