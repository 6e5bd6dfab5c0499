"""A small character-level language model, trained in PyTorch, JAX and MLX, with and without logits.

    python examples/language_model.py                  the three libraries
    python examples/language_model.py --steps 200      train for longer
    python examples/language_model.py --plot FILE      draw curves and memory (needs matplotlib)

It reads a module of Python's library and predicts the next two characters from the eight before
them, by one hidden layer: a few thousand classes. Each library trains twice from the same weights:
once with the cross entropy of logits, once with ``linear_cross_entropy``, which computes them in a
tile of 1 MiB. The curves are the same, the memory is not.
"""

from __future__ import annotations

import argparse
import pydoc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import lossary

Array = np.ndarray
CONTEXT, EMBEDDED, HIDDEN, BATCH, RATE = 8, 16, 64, 2048, 1.0
TILE = 1 << 20
MIB = 2**20


def corpus() -> tuple[Array, Array, int, int]:
    """Return contexts, the classes that follow them, and how many characters and classes occur."""
    text = Path(pydoc.__file__).read_text(encoding="utf-8")
    alphabet, codes = np.unique(list(text), return_inverse=True)
    pairs = codes[:-1] * len(alphabet) + codes[1:]
    known, classes = np.unique(pairs, return_inverse=True)
    windows = np.lib.stride_tricks.sliding_window_view(codes, CONTEXT)[:-2]
    return windows, classes[CONTEXT:], len(alphabet), len(known)


def weights(characters: int, classes: int) -> list[Array]:
    """Return the weights to start from: embedding, hidden layer, classifier."""
    rng = np.random.default_rng(0)
    shapes = ((characters, EMBEDDED), (CONTEXT * EMBEDDED, HIDDEN), (classes, HIDDEN))
    scales = (1.0, (CONTEXT * EMBEDDED) ** -0.5, HIDDEN**-0.5)
    return [
        (rng.normal(size=shape) * scale).astype("float32")
        for shape, scale in zip(shapes, scales, strict=True)
    ]


def loss_of(xp: Any, fused: bool) -> Callable[..., Any]:
    """Return the mean loss of a batch, spelled once for the three libraries."""

    def loss(embedding: Any, hidden: Any, classifier: Any, contexts: Any, labels: Any) -> Any:
        rows = embedding[contexts].reshape(len(labels), CONTEXT * EMBEDDED)
        features = xp.tanh(rows @ hidden)
        if fused:
            return lossary.linear_cross_entropy(features, classifier, labels, reduction="mean")
        return lossary.cross_entropy(features @ classifier.T, labels, reduction="mean")

    return loss


# --- one step in each library: returns the loss and the new weights, and tells its memory ---------
def torch_training(fused: bool) -> tuple[Callable[..., Any], Callable[[], float]]:
    """PyTorch: the largest memory of the process beyond what it had after the first step."""
    import torch

    loss, before = loss_of(torch, fused), []

    def step(weights: list[Any], contexts: Array, labels: Array) -> tuple[float, list[Any]]:
        given = [torch.as_tensor(x).requires_grad_() for x in weights]
        value = loss(*given, torch.from_numpy(contexts), torch.from_numpy(labels))
        value.backward()
        changed = [x.detach() - RATE * x.grad for x in given]
        if not before:
            Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
            before.append(process_memory("VmRSS"))
        return float(value.detach()), changed

    return step, lambda: process_memory("VmHWM") - before[0]


def process_memory(name: str) -> float:
    """Return what Linux says of this process's memory, in MiB."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    (line,) = (line for line in lines if line.startswith(f"{name}:"))
    return int(line.split()[1]) / 1024


def jax_training(fused: bool) -> tuple[Callable[..., Any], Callable[[], float]]:
    """JAX: the memory that the compiled step plans for what it computes on its way."""
    import jax
    import jax.numpy as jnp

    derive = jax.jit(jax.value_and_grad(loss_of(jnp, fused), argnums=(0, 1, 2)))
    last: list[Any] = []

    def step(weights: list[Any], contexts: Array, labels: Array) -> tuple[float, list[Any]]:
        last[:] = [*map(jnp.asarray, weights), contexts, labels]
        value, slopes = derive(*last)
        return float(value), [w - RATE * s for w, s in zip(last, slopes, strict=False)]

    def memory() -> float:
        planned = derive.lower(*last).compile().memory_analysis()
        return float(planned.temp_size_in_bytes) / MIB

    return step, memory


def mlx_training(fused: bool) -> tuple[Callable[..., Any], Callable[[], float]]:
    """MLX: the largest memory that its allocator had in use."""
    import mlx.core as mx

    derive = mx.value_and_grad(loss_of(mx, fused), argnums=(0, 1, 2))
    mx.reset_peak_memory()
    before = mx.get_active_memory()

    def step(weights: list[Any], contexts: Array, labels: Array) -> tuple[float, list[Any]]:
        given = list(map(mx.array, weights))
        value, slopes = derive(*given, mx.array(contexts), mx.array(labels))
        changed = [w - RATE * s for w, s in zip(given, slopes, strict=True)]
        mx.eval(value, changed)
        return float(value), changed

    return step, lambda: (mx.get_peak_memory() - before) / MIB


TRAININGS = {"PyTorch": torch_training, "JAX": jax_training, "MLX": mlx_training}


def trained(library: str, fused: bool, steps: int) -> tuple[list[float], float]:
    """Return the losses of a training, and the memory that a step took, in MiB."""
    contexts, labels, characters, classes = corpus()
    found, curve = weights(characters, classes), []
    step, memory = TRAININGS[library](fused)
    rng = np.random.default_rng(1)
    with lossary.options(tile_bytes=TILE):
        for _ in range(steps):
            batch = rng.integers(0, len(labels), BATCH)
            value, found = step(found, contexts[batch], labels[batch])
            curve.append(value)
        return curve, memory()


def main() -> None:
    """Train, print the ends of the curves and the memory, and draw them if asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--plot", metavar="FILE")
    options = parser.parse_args()
    _, labels, characters, classes = corpus()
    print(f"{len(labels)} contexts, {characters} characters, {classes} classes, {BATCH} a batch")
    print(
        f"{'':10}{'first loss':>12}{'last loss':>12}{'difference':>12}{'MiB logits':>12}{'tile':>8}"
    )
    results = {}
    for library in TRAININGS:
        fused, stored = (trained(library, way, options.steps) for way in (True, False))
        results[library] = stored, fused
        apart = max(abs(a - b) for a, b in zip(stored[0], fused[0], strict=True))
        print(
            f"{library:10}{fused[0][0]:12.4f}{fused[0][-1]:12.4f}{apart:12.1e}"
            f"{stored[1]:12.0f}{fused[1]:8.0f}"
        )
    if options.plot:
        draw(results, options.plot)


def draw(results: dict[str, Any], file: str) -> None:
    """Draw the curves, and the memory beside them."""
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
    for place, (library, (stored, fused)) in enumerate(results.items()):
        (line,) = left.plot(stored[0], label=library, linewidth=3, alpha=0.4)
        left.plot(fused[0], color=line.get_color(), linestyle="--")
        right.bar(place - 0.2, stored[1], 0.4, color=line.get_color(), alpha=0.4)
        right.bar(place + 0.2, fused[1], 0.4, color=line.get_color())
    left.set(xlabel="step", ylabel="cross entropy")
    left.legend(title="wide: logits, dashed: tile")
    right.set(ylabel="memory of a step, MiB", xticks=range(len(results)))
    right.set_xticklabels([f"{library}\nlogits | tile" for library in results])
    figure.savefig(file)


if __name__ == "__main__":
    main()
