"""The same four losses in every library, each in the way its users would write it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Run = Callable[[], Any]


@dataclass(frozen=True)
class Data:
    """Inputs of one cell: float32 predictions and targets (labels for cross entropy)."""

    loss: str
    x: np.ndarray
    t: np.ndarray


def make(loss: str, size: int) -> Data:
    """Return random inputs; cross entropy gets as many classes as rows, 10,000 at most."""
    rng = np.random.default_rng(0)
    if loss == "cross_entropy":
        classes = min(10_000, max(10, int(np.sqrt(size))))
        x = rng.normal(size=(size // classes, classes)).astype(np.float32)
        return Data(loss, x, rng.integers(0, classes, size // classes))
    x = rng.normal(size=size).astype(np.float32)
    sign = np.sign(rng.normal(size=size)).astype(np.float32)
    return Data(loss, x, sign if loss == "hinge_loss" else (sign + 1) / 2)


def _lossary(data: Data, gradient: bool, array: Callable[[Any], Any]) -> Run:
    import lossary

    function = getattr(lossary, data.loss)
    if gradient:
        function = lossary.value_and_grad(function)
    x, t = array(data.x), array(data.t)
    return lambda: function(x, t, reduction="mean")


def lossary_numpy(data: Data, gradient: bool) -> Run:
    """Lossary on NumPy arrays."""
    return _lossary(data, gradient, np.asarray)


def numpy_(data: Data, gradient: bool) -> Run | None:
    """NumPy expressions; SciPy's logsumexp for cross entropy."""
    x, t = data.x, data.t
    if gradient:
        return None
    if data.loss == "hinge_loss":
        return lambda: np.maximum(0, 1 - t * x).mean()
    if data.loss == "huber_loss":
        return lambda: np.where(abs(x - t) <= 1, 0.5 * (x - t) ** 2, abs(x - t) - 0.5).mean()
    if data.loss == "binary_cross_entropy":
        return lambda: (np.logaddexp(0, x) - t * x).mean()
    from scipy.special import logsumexp

    rows = np.arange(len(t))
    return lambda: (logsumexp(x, axis=1) - x[rows, t]).mean()


def torch_formula(data: Data) -> Callable[..., Any]:
    """Return the loss as PyTorch has it (it has no hinge loss of this kind)."""
    import torch
    from torch.nn import functional

    return {
        "hinge_loss": lambda x, t: torch.clamp(1 - t * x, min=0).mean(),
        "huber_loss": functional.huber_loss,
        "binary_cross_entropy": functional.binary_cross_entropy_with_logits,
        "cross_entropy": functional.cross_entropy,
    }[data.loss]


def _torch(data: Data, gradient: bool, function: Callable[..., Any]) -> Run:
    import torch

    x, t = torch.from_numpy(data.x), torch.from_numpy(data.t)
    if not gradient:
        return lambda: function(x, t)
    x = x.clone().requires_grad_()

    def run() -> None:
        function(x, t).backward()
        x.grad = None

    return run


def torch_eager(data: Data, gradient: bool) -> Run:
    """PyTorch, operation by operation."""
    return _torch(data, gradient, torch_formula(data))


def torch_compiled(data: Data, gradient: bool) -> Run:
    """PyTorch through torch.compile."""
    import torch

    torch._dynamo.reset()
    return _torch(data, gradient, torch.compile(torch_formula(data)))


def lossary_torch(data: Data, gradient: bool) -> Run:
    """Lossary on PyTorch tensors."""
    import lossary

    function = getattr(lossary, data.loss)
    return _torch(data, gradient, lambda x, t: function(x, t, reduction="mean"))


def jax_jit(data: Data, gradient: bool) -> Run:
    """JAX through jax.jit."""
    import jax
    import jax.numpy as jnp

    x, t = jnp.asarray(data.x), jnp.asarray(data.t)
    functions: dict[str, Callable[..., Any]] = {
        "hinge_loss": lambda x, t: jnp.maximum(0, 1 - t * x).mean(),
        "huber_loss": lambda x, t: jnp.where(
            abs(x - t) <= 1, 0.5 * (x - t) ** 2, abs(x - t) - 0.5
        ).mean(),
        "binary_cross_entropy": lambda x, t: (jnp.logaddexp(0, x) - t * x).mean(),
        "cross_entropy": lambda x, t: (
            jax.nn.logsumexp(x, axis=1) - jnp.take_along_axis(x, t[:, None], 1)[:, 0]
        ).mean(),
    }
    chosen = functions[data.loss]
    compiled = jax.jit(jax.value_and_grad(chosen) if gradient else chosen)
    return lambda: jax.block_until_ready(compiled(x, t))


def lossary_jax(data: Data, gradient: bool) -> Run:
    """Lossary on JAX arrays, in ordinary calls."""
    import jax
    import jax.numpy as jnp

    run = _lossary(data, gradient, jnp.asarray)
    return lambda: jax.block_until_ready(run())


def lossary_mlx(data: Data, gradient: bool) -> Run:
    """Lossary on MLX arrays, in ordinary calls."""
    import mlx.core as mx

    run = _lossary(data, gradient, mx.array)
    return lambda: mx.eval(run())


def mlx_compiled(data: Data, gradient: bool) -> Run:
    """MLX's own losses through mx.compile."""
    import mlx.core as mx
    from mlx.nn import losses

    x, t = mx.array(data.x), mx.array(data.t)
    function = getattr(losses, data.loss)

    def value(x: Any, t: Any) -> Any:
        return function(x, t, reduction="mean")

    compiled = mx.compile(mx.value_and_grad(value) if gradient else value)
    return lambda: mx.eval(compiled(x, t))


OURS = {
    "lossary (NumPy)": lossary_numpy,
    "lossary (PyTorch)": lossary_torch,
    "lossary (JAX)": lossary_jax,
    "lossary (MLX)": lossary_mlx,
}
PEERS = {
    "NumPy/SciPy": numpy_,
    "torch eager": torch_eager,
    "torch.compile": torch_compiled,
    "jax.jit": jax_jit,
    "MLX": mlx_compiled,
}
LOSSES = ("hinge_loss", "huber_loss", "binary_cross_entropy", "cross_entropy")
