"""Time and peak memory of cross entropy over a matrix product, fused and with stored logits.

    python benchmarks/products.py                     three shapes, float32, every library
    python benchmarks/products.py --dtype bfloat16    (PyTorch, JAX)
    python benchmarks/products.py --shape 8192 4096 128256
    python benchmarks/products.py --library torch     one library; may be repeated
    python benchmarks/products.py --way fused --way chunked
    python benchmarks/products.py --rounds 5 --json FILE

Each line is value and gradients with respect to features and classifier, in processes of their own
that take turns: the fastest of their seconds, which another program's work disturbs least, and the
largest of the memory that a call takes beyond its arguments, its gradients included. Peers store
the logits, as all code does that calls a cross entropy; PyTorch's ``linear_cross_entropy`` stands
beside, plain and in chunks, and in ``product_settings.py`` in its other settings. A ratio is how
many times longer the peer takes.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

SHAPES = ((2048, 1024, 32000), (4096, 768, 50257))
#: MLX multiplies slowly on processors: a hundredth of the work.
SMALL = ((512, 256, 16000),)
WAYS = {
    "numpy": ("fused", "stored"),
    "torch": ("fused", "stored", "torch", "chunked"),
    "jax": ("fused", "stored"),
    "mlx": ("fused", "stored"),
}
MIB = 2**20
#: How many calls a process times.
CALLS = 2


def main() -> None:
    """Print the tables, or run one measurement."""
    options = parse()
    if options.one:
        print(json.dumps(measured(options.one[0], options.one[1], options.dtype, options.shape[0])))
        return
    libraries, found = options.library or list(WAYS), []
    groups = [(shape, [x for x in libraries if x != "mlx"]) for shape in SHAPES]
    groups += [(shape, ["mlx"]) for shape in SMALL if "mlx" in libraries]
    for shape, group in [(x, libraries) for x in options.shape or ()] or groups:
        if not group:
            continue
        print(f"\n{shape[0]} rows, {shape[1]} features, {shape[2]} classes, {options.dtype}")
        print(f"{'':22}{'seconds':>9}{'MiB':>9}{'ratio':>8}")
        for library in group:
            ways = [way for way in WAYS[library] if way in (options.way or WAYS[library])]
            rows = table(library, options.dtype, shape, options.rounds, ways)
            found += rows
            print_rows(rows)
    if options.json:
        Path(options.json).write_text(json.dumps(found, indent=2), encoding="utf-8")


def print_rows(rows: list[dict[str, Any]]) -> None:
    """Print the figures of one library's ways, the first of which is fused."""
    for row in rows:
        ratio, title = row["seconds"] / rows[0]["seconds"], f"{row['library']} {row['way']}"
        figures = f"{row['seconds']:9.2f}{row['mebibytes']:9.0f}{ratio:8.2f}"
        print(f"{title:22}{figures}", flush=True)


def parse() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shape", type=int, nargs=3, action="append", metavar=("N", "D", "C"))
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--library", action="append", choices=list(WAYS))
    parser.add_argument("--way", action="append", choices=WAYS["torch"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json")
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    return parser.parse_args()


def table(
    library: str, dtype: str, shape: tuple[int, ...], rounds: int, ways: list[str]
) -> list[dict[str, Any]]:
    """Return the figures of some of a library's ways, which take turns."""
    runs: dict[str, list[dict[str, float]]] = {way: [] for way in ways}
    for _ in range(rounds):
        for way, found in runs.items():
            size = [str(x) for x in shape]
            command = [sys.executable, __file__, "--one", library, way, "--dtype", dtype]
            result = subprocess.run(
                [*command, "--shape", *size], capture_output=True, text=True, check=True
            )
            found.append(json.loads(result.stdout))
    return [
        {
            "library": library,
            "way": way,
            "dtype": dtype,
            "shape": shape,
            "seconds": min(run["seconds"] for run in found),
            "mebibytes": max(run["mebibytes"] for run in found),
        }
        for way, found in runs.items()
    ]


def measured(library: str, way: str, dtype: str, shape: list[int]) -> dict[str, float]:
    """Look how much memory a first call in this process takes, and time further ones."""
    rng = np.random.default_rng(0)
    rows, length, classes = shape
    features = rng.standard_normal((rows, length), np.float32) * np.float32(0.5)
    classifier = rng.standard_normal((classes, length), np.float32) * np.float32(0.05)
    labels = rng.integers(0, classes, rows)
    make = STEPS[library]
    # What a process pays once, libraries and kernels, is not the call's memory.
    make(way, features[:8], classifier, labels[:8], dtype)()
    step = make(way, features, classifier, labels, dtype)
    before = reset_peak()
    step()
    memory = peak() - before
    seconds = []
    for _ in range(CALLS):
        start = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - start)
    return {"seconds": min(seconds), "mebibytes": memory / MIB}


def numpy_step(way: str, *arrays: Any) -> Callable[[], Any]:
    """Return a step on NumPy's arrays: the rows of stored logits are lossary's too."""
    import lossary

    features, classifier, labels, _ = arrays
    if way == "fused":
        fused = lossary.value_and_grad(lossary.linear_cross_entropy, argnums=(0, 1))
        return lambda: fused(features, classifier, labels, reduction="mean")
    rows = lossary.value_and_grad(lossary.cross_entropy)

    def stored() -> Any:
        value, slopes = rows(features @ classifier.T, labels, reduction="mean")
        return value, slopes @ classifier, slopes.T @ features

    return stored


def torch_step(way: str, *arrays: Any) -> Callable[[], Any]:
    """Return a step on tensors, with PyTorch's own loss where it is not fused."""
    import torch

    import lossary

    torch.set_num_threads(lossary.get_num_threads())
    dtype = getattr(torch, arrays[3])
    features, classifier = (torch.from_numpy(x).to(dtype).requires_grad_() for x in arrays[:2])
    labels = torch.from_numpy(arrays[2])
    losses = {
        "fused": lambda: lossary.linear_cross_entropy(
            features, classifier, labels, reduction="mean"
        ),
        "stored": lambda: torch.nn.functional.cross_entropy(features @ classifier.T, labels),
        "torch": lambda: torch.nn.functional.linear_cross_entropy(features, classifier, labels),
        "chunked": lambda: torch.nn.functional.linear_cross_entropy(
            features, classifier, labels, options=torch.nn.LinearCrossEntropyOptions()
        ),
    }

    def step() -> None:
        features.grad = classifier.grad = None
        losses[way]().backward()

    return step


def jax_step(way: str, *arrays: Any) -> Callable[[], Any]:
    """Return a compiled step on JAX's arrays, with optax's loss where it is not fused."""
    import jax
    import jax.numpy as jnp
    import optax

    import lossary

    features, classifier = (jnp.asarray(x, arrays[3]) for x in arrays[:2])
    labels = jnp.asarray(arrays[2])

    def fused(x: Any, w: Any) -> Any:
        return lossary.linear_cross_entropy(x, w, labels, reduction="mean")

    def stored(x: Any, w: Any) -> Any:
        loss = optax.losses.softmax_cross_entropy_with_integer_labels
        return loss((x @ w.T).astype("float32"), labels).mean()

    step = jax.jit(jax.value_and_grad(fused if way == "fused" else stored, argnums=(0, 1)))
    compiled = step.lower(features, classifier).compile()
    return lambda: jax.block_until_ready(compiled(features, classifier))


def mlx_step(way: str, *arrays: Any) -> Callable[[], Any]:
    """Return a step on MLX's arrays, with MLX's own loss where it is not fused."""
    import mlx.core as mx
    import mlx.nn as nn

    import lossary

    dtype = getattr(mx, arrays[3])
    features, classifier = (mx.array(x).astype(dtype) for x in arrays[:2])
    labels = mx.array(arrays[2])

    def stored(x: Any, w: Any) -> Any:
        return nn.losses.cross_entropy(x @ w.T, labels, reduction="mean")

    fused = lossary.value_and_grad(lossary.linear_cross_entropy, argnums=(0, 1))
    step = mx.value_and_grad(stored, argnums=(0, 1))

    def run() -> None:
        if way == "fused":
            mx.eval(fused(features, classifier, labels, reduction="mean"))
        else:
            mx.eval(step(features, classifier))
        mx.clear_cache()

    return run


STEPS = {"numpy": numpy_step, "torch": torch_step, "jax": jax_step, "mlx": mlx_step}


def reset_peak() -> int:
    """Forget the largest memory so far; return what is in use now, in bytes."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    return _status("VmRSS")


def peak() -> int:
    """Return the largest memory in use since it was reset, in bytes."""
    return _status("VmHWM")


def _status(name: str) -> int:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    (line,) = (line for line in lines if line.startswith(f"{name}:"))
    return int(line.split()[1]) * 1024


if __name__ == "__main__":
    main()
