"""Time a dozen losses of the catalogue beside the libraries that have them.

    python benchmarks/catalogue.py               means of 10^4 and 10^6 elements, and with gradient
    python benchmarks/catalogue.py --loss NAME   one row; may be repeated
    python benchmarks/catalogue.py --json FILE   the figures as JSON besides the table

Peers are PyTorch, eager and through ``torch.compile``, and JAX through ``jax.jit``: with a function
of PyTorch, torchmetrics or optax where there is one, else with the formula as it is usually
written. A cell is how many times longer the fastest of them takes, median over rounds in which all
take turns.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax.losses as optax
import torch
from run import machine
from sampling import ROUNDS, repeats, sample
from torch.nn import functional as F
from torchmetrics.functional.regression import tweedie_deviance_score

import lossary

Array = np.ndarray
Run = Callable[[], Any]
SIZES = (10**4, 10**6)
CLASSES = 100


@dataclass(frozen=True)
class Row:
    """A loss with its arrays of a size, and the functions of others that compute its mean."""

    title: str
    loss: str
    make: Callable[[np.random.Generator, int], tuple[Array, ...]]
    torch: Callable[..., Any]
    jax: Callable[..., Any] | None
    parameters: dict[str, Any]


def scores(rng: np.random.Generator, size: int) -> tuple[Array, ...]:
    """Return real predictions and targets of 0 and 1."""
    return rng.normal(size=size), rng.integers(0, 2, size).astype(float)


def amounts(rng: np.random.Generator, size: int) -> tuple[Array, ...]:
    """Return real predictions and targets, the targets positive."""
    return rng.normal(size=size), rng.gamma(2.0, size=size)


def means(rng: np.random.Generator, size: int) -> tuple[Array, ...]:
    """Return positive predictions and targets."""
    return rng.gamma(2.0, size=size), rng.gamma(2.0, size=size)


def labelled(rng: np.random.Generator, size: int) -> tuple[Array, ...]:
    """Return logits of a hundred classes, and labels."""
    rows = size // CLASSES
    return rng.normal(size=(rows, CLASSES)), rng.integers(0, CLASSES, rows)


def masks(rng: np.random.Generator, size: int) -> tuple[Array, ...]:
    """Return probabilities and a mask for the pixels of images."""
    shape = (size // 1000, 1000)
    return rng.random(shape), rng.integers(0, 2, shape).astype(float)


def log_probabilities(rng: np.random.Generator, size: int) -> tuple[Array, ...]:
    """Return log-probabilities of four answers."""
    return tuple(-rng.gamma(20.0, size=size) for _ in range(4))


def boxes(rng: np.random.Generator, size: int) -> tuple[Array, ...]:
    """Return the corners of pairs of boxes."""
    found = []
    for _ in range(2):
        corner = rng.uniform(0, 1, (size // 4, 2))
        found.append(np.concatenate([corner, corner + rng.uniform(0.1, 1, corner.shape)], 1))
    return tuple(found)


def ensembles(rng: np.random.Generator, size: int) -> tuple[Array, ...]:
    """Return ensembles of twenty members, and what came."""
    return rng.normal(size=(size // 20, 20)), rng.normal(size=size // 20)


def distributions(rng: np.random.Generator, size: int) -> tuple[Array, ...]:
    """Return two sets of log-probabilities of a hundred classes."""
    rows = size // CLASSES
    return tuple(np.log(rng.dirichlet(np.ones(CLASSES), rows)) for _ in range(2))


# --- formulas as they are usually written, for PyTorch and JAX alike ----------------------------
def focal_torch(x: Any, t: Any) -> Any:
    """Focal loss as torchvision has it, without alpha."""
    p, loss = torch.sigmoid(x), F.binary_cross_entropy_with_logits(x, t, reduction="none")
    return (loss * (1 - (p * t + (1 - p) * (1 - t))) ** 2).mean()


def pinball(xp: Any) -> Callable[..., Any]:
    """Pinball loss: the larger of two lines."""
    return lambda x, t: xp.maximum(0.9 * (t - x), -0.1 * (t - x)).mean()


def dice(x: Any, t: Any) -> Any:
    """Dice loss of rows."""
    return (1 - (2 * (x * t).sum(1) + 1) / (x.sum(1) + t.sum(1) + 1)).mean()


def dpo(log_sigmoid: Callable[[Any], Any]) -> Callable[..., Any]:
    """Direct preference loss as TRL has it."""
    return lambda a, b, c, d: -log_sigmoid(0.1 * ((a - b) - (c - d))).mean()


def generalized_iou(xp: Any) -> Callable[..., Any]:
    """Generalized IoU loss as torchvision has it."""

    def mean(x: Any, t: Any) -> Any:
        def area(left: Any, top: Any, right: Any, bottom: Any) -> Any:
            return (right - left) * (bottom - top)

        a, b = (tuple(z[:, k] for k in range(4)) for z in (x, t))
        low = [xp.maximum(a[k], b[k]) for k in (0, 1)]
        high = [xp.minimum(a[k], b[k]) for k in (2, 3)]
        both = xp.where(
            (high[0] > low[0]) & (high[1] > low[1]), area(*low, *high), xp.zeros_like(low[0])
        )
        union = area(*a) + area(*b) - both
        around = area(*(xp.minimum(a[k], b[k]) for k in (0, 1)),
                      *(xp.maximum(a[k], b[k]) for k in (2, 3)))  # fmt: skip
        return (1 - both / (union + 1e-7) + (around - union) / (around + 1e-7)).mean()

    return mean


def multiclass_hinge_torch(z: Any, y: Any) -> Any:
    """Multiclass hinge loss: the best of the others."""
    own = z.gather(1, y[:, None])
    others = z.scatter(1, y[:, None], -torch.inf).amax(1, keepdim=True)
    return torch.clamp(1 + others - own, min=0).mean()


def sparsemax_torch(z: Any, y: Any) -> Any:
    """Sparsemax loss: sort, find the threshold."""
    ordered = z.sort(1, descending=True)[0]
    sizes = torch.arange(1, z.shape[1] + 1, dtype=z.dtype)
    sums = ordered.cumsum(1)
    support = (1 + sizes * ordered > sums).sum(1, keepdim=True)
    threshold = (sums.gather(1, support - 1) - 1) / support
    own = z.gather(1, y[:, None])[:, 0]
    above = torch.where(z > threshold, z**2 - threshold**2, 0.0).sum(1)
    return (0.5 * above + 0.5 - own).mean()


def smoothed(z: Any, y: Any) -> Any:
    """Cross entropy with smoothed labels, in optax."""
    targets = optax.smooth_labels(jax.nn.one_hot(y, CLASSES), 0.1)
    return optax.softmax_cross_entropy(z, targets).mean()


_WEIGHTS = np.linspace(0.5, 1.5, CLASSES).astype(np.float32)


def weighted_jax(z: Any, y: Any) -> Any:
    """Cross entropy with class weights, in optax."""
    weights = jnp.asarray(_WEIGHTS)[y]
    return (weights * optax.softmax_cross_entropy_with_integer_labels(z, y)).sum() / weights.sum()


def crps(x: Any, t: Any) -> Any:
    """Ranked probability score of an ensemble, over all pairs."""
    error = abs(x - t[:, None]).mean(1)
    return (error - abs(x[:, :, None] - x[:, None, :]).mean((1, 2)) / 2).mean()


def jensen_shannon(xp: Any) -> Callable[..., Any]:
    """Jensen-Shannon divergence from log-probabilities."""

    def mean(logp: Any, logq: Any) -> Any:
        p, q = xp.exp(logp), xp.exp(logq)
        middle = xp.log((p + q) / 2)
        return (0.5 * (p * (logp - middle) + q * (logq - middle)).sum(1)).mean()

    return mean


ROWS = (
    Row("focal", "binary_focal_loss", scores, focal_torch,
        lambda x, t: optax.sigmoid_focal_loss(x, t).mean(), {}),
    Row("pinball", "pinball_loss", amounts, pinball(torch), pinball(jnp), {"quantile": 0.9}),
    Row("Poisson", "poisson_nll_loss", amounts, F.poisson_nll_loss,
        lambda x, t: (jnp.exp(x) - t * x).mean(), {}),
    Row("Tweedie", "tweedie_deviance", means,
        lambda x, t: tweedie_deviance_score(x, t, power=1.5), None, {}),
    Row("Dice", "dice_loss", masks, dice, dice, {}),
    Row("multiclass hinge", "multiclass_hinge_loss", labelled, multiclass_hinge_torch,
        lambda z, y: optax.multiclass_hinge_loss(z, y).mean(), {}),
    Row("smoothed labels", "cross_entropy", labelled,
        lambda z, y: F.cross_entropy(z, y, label_smoothing=0.1), smoothed,
        {"label_smoothing": 0.1}),
    Row("class weights", "cross_entropy", labelled,
        lambda z, y: F.cross_entropy(z, y, weight=torch.from_numpy(_WEIGHTS)), weighted_jax,
        {"class_weights": _WEIGHTS, "denominator": "weights"}),
    Row("sparsemax", "multiclass_sparsemax_loss", labelled, sparsemax_torch,
        lambda z, y: optax.multiclass_sparsemax_loss(z, y).mean(), {}),
    Row("Jensen-Shannon", "jensen_shannon_divergence", distributions, jensen_shannon(torch),
        jensen_shannon(jnp), {}),
    Row("CRPS of ensembles", "ensemble_crps_loss", ensembles, crps, crps, {}),
    Row("preferences", "dpo_loss", log_probabilities, dpo(F.logsigmoid), dpo(jax.nn.log_sigmoid),
        {}),
    Row("generalized IoU", "generalized_box_iou_loss", boxes, generalized_iou(torch),
        generalized_iou(jnp), {}),
)  # fmt: skip


def runs(row: Row, arrays: tuple[Array, ...], gradient: bool) -> dict[str, Run]:
    """Return what each library is to run; lossary's two first."""
    arrays = tuple(x.astype(np.float32) if x.dtype.kind == "f" else x for x in arrays)
    loss = getattr(lossary, row.loss)
    of = {"reduction": "mean", **row.parameters}
    numpy = lossary.value_and_grad(loss) if gradient else loss
    tensors = {name: torch.from_numpy(x) if isinstance(x, np.ndarray) else x
               for name, x in of.items()}  # fmt: skip
    torch._dynamo.reset()
    found = {
        "lossary (NumPy)": lambda: numpy(*arrays, **of),
        "lossary (PyTorch)": _on_torch(lambda *a: loss(*a, **tensors), arrays, gradient),
        "torch eager": _on_torch(row.torch, arrays, gradient),
        "torch.compile": _on_torch(torch.compile(row.torch), arrays, gradient),
    }
    if row.jax is not None:
        compiled = jax.jit(jax.value_and_grad(row.jax) if gradient else row.jax)
        on_jax = tuple(map(jnp.asarray, arrays))
        found["jax.jit"] = lambda: jax.block_until_ready(compiled(*on_jax))
    return found


def _on_torch(function: Callable[..., Any], arrays: tuple[Array, ...], gradient: bool) -> Run:
    first, *others = map(torch.from_numpy, arrays)
    if not gradient:
        return lambda: function(first, *others)
    first = first.clone().requires_grad_()

    def run() -> None:
        function(first, *others).backward()
        first.grad = None

    return run


def cell(row: Row, size: int, gradient: bool) -> dict[str, Any]:
    """Time every library on one loss and size, taking turns."""
    made = runs(row, row.make(np.random.default_rng(0), size), gradient)
    for run in made.values():
        run()
    counts = {name: repeats(run) for name, run in made.items()}
    samples: dict[str, list[float]] = {name: [] for name in made}
    for _ in range(ROUNDS):
        for name, run in made.items():
            samples[name].append(sample(run, counts[name]))
    seconds = {name: statistics.median(times) for name, times in samples.items()}
    return {"loss": row.title, "gradient": gradient, "size": size, "seconds": seconds}


def show(found: dict[str, Any]) -> str:
    """Return a row of the table: the fastest peer's time over lossary's."""
    seconds = found["seconds"]
    peers = {name: s for name, s in seconds.items() if not name.startswith("lossary")}
    fastest = min(peers, key=lambda name: peers[name])
    title = found["loss"] + (" + gradient" if found["gradient"] else "")
    ratios = (peers[fastest] / seconds[name] for name in ("lossary (NumPy)", "lossary (PyTorch)"))
    cells = " | ".join(f"{ratio:.2f}" for ratio in ratios)
    return f"| {title} | 10^{len(str(found['size'])) - 1} | {cells} | {fastest} |"


def main() -> None:
    """Run the benchmark and print its table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--loss", action="append", choices=[row.title for row in ROWS])
    parser.add_argument("--json", metavar="FILE", help="write the figures too")
    options = parser.parse_args()
    print(machine())
    print("| mean of | elements | NumPy arrays | tensors | fastest peer |\n|---|---|---|---|---|")
    every = []
    for row in ROWS:
        if options.loss is None or row.title in options.loss:
            for gradient in (False, True):
                for size in SIZES:
                    every.append(cell(row, size, gradient))
                    print(show(every[-1]), flush=True)
    if options.json:
        Path(options.json).write_text(json.dumps(every, indent=2))


if __name__ == "__main__":
    main()
