"""Measure the errors of losses of matrix products in float32, with their gradients.

    python benchmarks/product_accuracy.py                   the table
    python benchmarks/product_accuracy.py --markdown FILE   the table in its place in a page

Errors are in units in the last place of the largest element of the exact array, which is computed
in float64 from the same float32 numbers. A product of vectors is rounded by the library that
multiplies, so an element much smaller than the others may have fewer digits.
"""

from __future__ import annotations

import argparse
import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import lossary
from lossary.products.catalogue import MatrixRecord, matrix_losses

Array = np.ndarray[Any, Any]
BATCHES, ROWS, LENGTH, CLASSES = 5, 128, 32, 1000
COLUMNS = ("NumPy", "PyTorch", "JAX", "MLX")
TITLE = f"| loss | of | {' | '.join(COLUMNS)} |"
RULE = "|---" * (2 + len(COLUMNS)) + "|"


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--markdown", metavar="FILE", help="write the rows into a page")
    options = parser.parse_args()
    rows = [row for loss in matrix_losses() for row in measured(loss)]
    print("\n".join([TITLE, RULE, *rows]))
    if options.markdown:
        write_page(Path(options.markdown), rows)


def write_page(path: Path, rows: list[str]) -> None:
    """Replace the rows below the table's title in a page."""
    lines = path.read_text("utf-8").splitlines()
    first = lines.index(TITLE) + 2
    last = first
    while last < len(lines) and lines[last].startswith("|"):
        last += 1
    path.write_text("\n".join([*lines[:first], *rows, *lines[last:]]) + "\n", "utf-8")


def measured(loss: MatrixRecord) -> list[str]:
    """Return a row for the value of a loss and one for its gradients."""
    makers = libraries()
    errors = {(what, name): 0.0 for what in ("value", "gradient") for name in makers}
    for seed in range(BATCHES):
        arrays = batch(loss, np.random.default_rng(seed))
        exact = results(loss, [x.astype(float) if x.dtype.kind == "f" else x for x in arrays])
        for name, array in makers.items():
            found = results(loss, [array(x) for x in arrays])
            for place, (one, truth) in enumerate(zip(found, exact, strict=True)):
                key = "gradient" if place else "value", name
                errors[key] = max(errors[key], error(one, truth))
    return [
        f"| {loss.name} | {what} | "
        + " | ".join(f"{errors[what, n]:.1f}" if n in makers else "-" for n in COLUMNS)
        + " |"
        for what in ("value", "gradient")
    ]


def libraries() -> dict[str, Callable[[Array], Any]]:
    """Return what makes an array of each installed library."""
    found: dict[str, Callable[[Array], Any]] = {"NumPy": lambda x: x}
    if importlib.util.find_spec("torch"):
        import torch

        found["PyTorch"] = torch.from_numpy
    if importlib.util.find_spec("jax"):
        import jax

        found["JAX"] = jax.numpy.asarray
    if importlib.util.find_spec("mlx"):
        import mlx.core as mx

        mx.set_default_device(mx.cpu)
        found["MLX"] = mx.array
    return found


def batch(loss: MatrixRecord, random: np.random.Generator) -> list[Array]:
    """Return arguments: random vectors, of which half of the pairs nearly agree; random labels."""
    first = random.normal(size=(ROWS, LENGTH))
    if not loss.is_of_pairs:
        second = random.normal(size=(CLASSES, LENGTH))
        arrays = [first, second, random.integers(0, CLASSES, ROWS)]
    elif "targets" in loss.matrix.arguments:
        arrays = [first, random.integers(0, ROWS // 4, ROWS)]
    else:
        noise = np.where(np.arange(ROWS)[:, None] % 2, 0.1, 2.0)
        arrays = [first, first + noise * random.normal(size=first.shape)]
    return [x.astype(np.float32) if x.dtype.kind == "f" else x for x in arrays]


def results(loss: MatrixRecord, arrays: list[Any]) -> list[Array]:
    """Return the unreduced loss and the gradients of its sum."""
    count = len([name for name in loss.matrix.arguments[:2] if name != "targets"])
    function = getattr(lossary, loss.name)
    value = function(*arrays, reduction="none", **loss.parameters)
    derive = lossary.grad(function, argnums=tuple(range(count)))
    return [
        np.asarray(value),
        *map(np.asarray, derive(*arrays, reduction="sum", **loss.parameters)),
    ]


def error(found: Array, exact: Array) -> float:
    """Return the largest error in units in the last place of the largest element."""
    largest = np.float32(np.abs(exact).max())
    return float(np.abs(found - exact).max() / np.spacing(largest))


if __name__ == "__main__":
    main()
