"""Train the same small network in PyTorch, JAX and MLX: one loss, one curve.

    python examples/three_frameworks.py [three_frameworks.svg]

The data are the digits that scikit-learn ships; all start from the same weights.
"""

import sys

import jax
import jax.numpy as jnp
import matplotlib
import mlx.core as mx
import numpy as np
import torch
from sklearn.datasets import load_digits

from lossary import cross_entropy

matplotlib.use("Agg")
import matplotlib.pyplot as plt

STEPS, RATE = 60, 0.5


def start() -> list[np.ndarray]:
    """Draw the weights of a network 64-32-10."""
    rng = np.random.default_rng(0)
    shapes = ((64, 32), (32,), (32, 10), (10,))
    return [rng.normal(0, 0.2, shape).astype(np.float32) for shape in shapes]


def with_torch(x: np.ndarray, t: np.ndarray) -> list[float]:
    """Train with autograd."""
    inputs, targets = torch.from_numpy(x), torch.from_numpy(t)
    weights = [torch.from_numpy(w.copy()).requires_grad_() for w in start()]
    curve = []
    for _ in range(STEPS):
        a, b, c, d = weights
        logits = torch.tanh(inputs @ a + b) @ c + d
        loss = cross_entropy(logits, targets, reduction="mean")
        for w, g in zip(weights, torch.autograd.grad(loss, weights), strict=True):
            w.data -= RATE * g
        curve.append(loss.item())
    return curve


def with_jax(x: np.ndarray, t: np.ndarray) -> list[float]:
    """Train with a compiled step."""

    def loss(weights: list) -> jax.Array:
        a, b, c, d = weights
        return cross_entropy(jnp.tanh(x @ a + b) @ c + d, jnp.asarray(t), reduction="mean")

    @jax.jit
    def step(weights: list) -> tuple:
        value, gradients = jax.value_and_grad(loss)(weights)
        return value, [w - RATE * g for w, g in zip(weights, gradients, strict=True)]

    weights, curve = [jnp.asarray(w) for w in start()], []
    for _ in range(STEPS):
        value, weights = step(weights)
        curve.append(float(value))
    return curve


def with_mlx(x: np.ndarray, t: np.ndarray) -> list[float]:
    """Train with lazy arrays."""
    inputs, targets = mx.array(x), mx.array(t)

    def loss(weights: list) -> mx.array:
        a, b, c, d = weights
        return cross_entropy(mx.tanh(inputs @ a + b) @ c + d, targets, reduction="mean")

    weights, curve = [mx.array(w) for w in start()], []
    for _ in range(STEPS):
        value, gradients = mx.value_and_grad(loss)(weights)
        weights = [w - RATE * g for w, g in zip(weights, gradients, strict=True)]
        mx.eval(weights)
        curve.append(value.item())
    return curve


def main(path: str) -> None:
    """Draw the three curves, and how far they are from one another."""
    x, t = load_digits(return_X_y=True)
    x = (x / 16).astype(np.float32)
    curves = {f.__name__[5:]: np.array(f(x, t)) for f in (with_torch, with_jax, with_mlx)}
    figure, (above, below) = plt.subplots(2, sharex=True, layout="constrained")
    for width, (name, curve) in zip((6, 3.5, 1), curves.items(), strict=True):
        apart = np.abs(curve / curves["torch"] - 1)
        print(f"{name:6} loss {curve[0]:.6f} -> {curve[-1]:.6f}, at most {apart.max():.1e} apart")
        above.plot(curve, linewidth=width, label=name)
        below.plot(apart, linewidth=width)
        np.testing.assert_allclose(curve, curves["torch"], rtol=1e-4)
    above.set(ylabel="cross entropy")
    above.legend()
    below.set(xlabel="step", ylabel="relative distance")
    figure.savefig(path)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "three_frameworks.svg")
