"""Subclasses of PyTorch's tensors: in host memory, and distributed over devices."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from assertions import assert_close

import lossary

torch = pytest.importorskip("torch")


class Named(torch.Tensor):
    """A tensor with nothing of its own."""


def test_subclasses_in_host_memory_are_checked() -> None:
    inputs = torch.tensor([0.5, 2.0]).as_subclass(Named)
    targets = torch.tensor([0.0, 1.0]).as_subclass(Named)
    with pytest.warns(lossary.DomainWarning, match=r"got 0\.0 at \(0,\)"):
        found = lossary.hinge_loss(inputs, targets)
    assert type(found) is Named
    logits = torch.zeros(2, 3).as_subclass(Named)
    with pytest.raises(ValueError, match=r"targets must be .* from 0 to 2, got 7 at \(1,\)"):
        lossary.cross_entropy(logits, torch.tensor([0, 7]))


@pytest.fixture
def mesh() -> Iterator[Any]:
    """A mesh of one device."""
    distributed = pytest.importorskip("torch.distributed")
    if not distributed.is_available() or distributed.is_initialized():
        pytest.skip("no process group can be made")
    distributed.init_process_group("gloo", store=distributed.HashStore(), rank=0, world_size=1)
    try:
        yield distributed.device_mesh.init_device_mesh("cpu", (1,))
    finally:
        distributed.destroy_process_group()


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_distributed_tensors(mesh: Any) -> None:
    from torch.distributed.tensor import Shard, distribute_tensor

    inputs, targets = torch.linspace(-2, 2, 20).reshape(4, 5), torch.ones(4, 5)
    parts = [distribute_tensor(x, mesh, [Shard(0)]) for x in (inputs, targets)]
    first = parts[0].requires_grad_()
    found = lossary.hinge_loss(first, parts[1], "mean")
    assert_close(found.full_tensor().detach(), lossary.hinge_loss(inputs, targets, "mean"))
    (gradient,) = torch.autograd.grad(found, first)
    expected = lossary.grad(lossary.hinge_loss)(inputs, targets, "mean")
    assert_close(gradient.full_tensor(), expected)
    labels = distribute_tensor(torch.arange(4), mesh, [Shard(0)])
    found = lossary.cross_entropy(first, labels)
    expected = lossary.cross_entropy(inputs, torch.arange(4))
    assert_close(found.full_tensor().detach(), expected, rtol=1e-6)
