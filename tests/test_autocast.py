"""Under ``torch.autocast`` losses are float32, as PyTorch's own are."""

from __future__ import annotations

from typing import Any

import pytest

import lossary

torch = pytest.importorskip("torch")
DTYPES = pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)


@DTYPES
@pytest.mark.parametrize("reduction", ["none", "mean"])
def test_losses_are_float32_inside_and_only_there(dtype: Any, reduction: str) -> None:
    inputs = torch.tensor([0.5, 2.0, 300.0], dtype=dtype, requires_grad=True)
    targets = torch.ones(3, dtype=dtype)
    module = lossary.adapters.torch.module("mse_loss", reduction=reduction)
    # Twice, as the second call takes what the first has found.
    for _ in range(2):
        for loss in (module, lambda x, y: lossary.mse_loss(x, y, reduction)):
            assert loss(inputs, targets).dtype is dtype
            with torch.autocast("cpu", dtype=dtype):
                found = loss(inputs, targets)
                assert found.dtype is torch.float32
                assert loss(inputs.double(), targets.double()).dtype is torch.float64
            assert float(found.detach().max()) > 29_000
            (gradient,) = torch.autograd.grad(found.sum(), inputs)
            assert gradient.dtype is dtype
    with torch.autocast("cpu", dtype=dtype):
        assert lossary.mse_loss(inputs, targets, dtype="float16").dtype is torch.float16


@DTYPES
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_compiled_losses_are_float32(dtype: Any) -> None:
    torch.compiler.reset()
    inputs, targets = torch.zeros(3, dtype=dtype), torch.ones(3, dtype=dtype)
    loss = torch.compile(lambda x, y: lossary.mse_loss(x, y), backend="aot_eager", fullgraph=True)
    with torch.autocast("cpu", dtype=dtype):
        assert loss(inputs, targets).dtype is torch.float32
    assert loss(inputs, targets).dtype is dtype


@DTYPES
def test_the_first_step_of_a_scaler_is_taken(dtype: Any) -> None:
    model = torch.nn.Linear(4, 3)
    optimizer, scaler = torch.optim.SGD(model.parameters(), 0.1), torch.amp.GradScaler("cpu")
    before = model.weight.detach().clone()
    with torch.autocast("cpu", dtype=dtype):
        logits = model(torch.ones(5, 4))
        loss = lossary.cross_entropy(logits, torch.arange(5) % 3, reduction="mean")
    scaler.scale(loss).backward()
    scaler.step(optimizer)
    assert not torch.equal(model.weight, before)
    scale = scaler.get_scale()
    scaler.update()
    assert scaler.get_scale() == scale


def test_devices_without_autocast() -> None:
    x = torch.ones(3, dtype=torch.bfloat16, device="meta")
    with torch.autocast("cpu"):
        assert lossary.mse_loss(x, x).dtype is torch.bfloat16
