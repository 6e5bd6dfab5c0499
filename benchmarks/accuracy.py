"""Measure the worst error of every loss and its gradient, beside other libraries on one grid.

    python benchmarks/accuracy.py                          the table
    python benchmarks/accuracy.py --loss cross_entropy     one loss
    python benchmarks/accuracy.py --markdown FILE          the table as a page of the documentation;
                                                           rows of other losses in it are kept
    python benchmarks/accuracy.py --json FILE              the figures as JSON besides the table

Errors are in units in the last place of the exact result, computed from the definition in 400
digits at exactly the numbers that the library was given. The grid is that of the tests.
"""

from __future__ import annotations

import argparse
import importlib.util
import itertools
import json
import math
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import accuracy_peers as peers
from cases import Case
from oracles import DIFFERENCES
from rows import Row, units
from stress import CLASS_COUNTS, DTYPES, stress_cases

import lossary

Pair = tuple[np.ndarray, np.ndarray]
Run = Callable[[Case, tuple[np.ndarray, ...]], Pair | None]
Found = list[tuple[Any, float, Row]]
# The columns whose libraries take subnormal numbers for 0.
FLUSHING = {"JAX", "MLX", "mlx.nn", "optax", "jax formula"}

OPENING = """\
# Accuracy, measured
The worst error of every loss (and of its gradient with respect to the first argument) in units in
the last place of the exact result, over the grid of hard arguments that the tests use: zero,
magnitudes from 1e-30 to 1e30 (1e-300 to 1e300 in float64) of both signs, subnormal numbers,
infinities, neighbours of kinks, pairs that nearly agree, targets and probabilities at and next to
the ends of their domains, rows that one class dominates. The first four columns are lossary on the
arrays of four libraries; the others are what these libraries offer under that name, or the formula
as it is usually written. `NaN` and `∞` stand where the exact result is finite, `-` where a library
has no such loss.

Losses marked * are differences of larger terms by their nature, and so are derivatives such as a
probability minus a target: their errors are measured in units of the largest term. JAX and MLX
take subnormal numbers for 0; points where these matter are left out of their columns. On CPUs
MLX's own exponential is exact to some 30 units in float32, and its functions have the accuracy of
float32 in float64 too; JAX's hyperbolic tangent is exact to 7 units in float64.
`python benchmarks/accuracy.py` prints this table.

"""


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--loss", action="append", help="only this one; may be repeated")
    parser.add_argument("--markdown", metavar="FILE", help="write the rows into a page")
    parser.add_argument("--json", metavar="FILE", help="write the figures too")
    options = parser.parse_args()
    names = [loss.name for loss in lossary.list_losses()]
    chosen = set(options.loss or names)
    if unknown := chosen - {*names}:
        parser.error(f"no such loss: {', '.join(sorted(unknown))}")
    runs = libraries()
    rows: dict[tuple[str, str, str], dict[str, Any]] = {}
    for dtype, classes in itertools.product(DTYPES, CLASS_COUNTS):
        for hard in stress_cases(dtype, classes=classes):
            if hard.loss.name not in chosen:
                continue
            if hard.loss.axis is None and classes != CLASS_COUNTS[0]:
                continue
            if sys.stderr.isatty():
                print(f"\r{dtype} {classes} {hard.title:40}", end="", file=sys.stderr)
            for row in measure(hard.case, dtype, runs):
                merge(rows, row)
    order = sorted(rows, key=lambda key: (names.index(_name(key[0])), key[0]))
    found = [rows[key] for key in order]
    text = table(found, list(runs))
    print(text)
    if options.markdown:
        write_page(Path(options.markdown), text, names)
    if options.json:
        Path(options.json).write_text(json.dumps(found, indent=2))


def _name(title: str) -> str:
    return title.partition("-")[0].rstrip("*")


def write_page(path: Path, text: str, names: list[str]) -> None:
    """Write a table as a page; rows of losses that it lacks are taken over from the page."""
    title, rule, *rows = text.splitlines()
    known = path.read_text("utf-8").splitlines() if path.exists() else []
    measured = {_loss_of(row) for row in rows}
    if title in known:
        old = known[known.index(rule) + 1 :]
        rows += [row for row in old if _loss_of(row) in {*names} - measured]
    rows.sort(key=lambda row: (names.index(_loss_of(row)), row.split("|")[1]))
    path.write_text(OPENING + "\n".join([title, rule, *rows]) + "\n", "utf-8")


def _loss_of(row: str) -> str:
    return _name(row.split("|")[1].strip())


def libraries() -> dict[str, Run]:
    """Return how each installed library computes value and gradient, by the column's title."""
    runs: dict[str, Run] = {"NumPy": numpy_run}
    makers = {"PyTorch": ("torch", torch_pair), "JAX": ("jax", jax_pair), "MLX": ("mlx", mlx_pair)}
    there = {name: m for name, m in makers.items() if importlib.util.find_spec(m[0])}
    for name, (_, pair) in there.items():
        runs[name] = lambda case, arrays, pair=pair: pair(case.__call__, arrays)
    for title, module, pair, functions in (
        ("mlx.nn", "mlx", mlx_pair, peers.with_mlx),
        ("torch.nn", "torch", torch_pair, peers.with_torch),
        ("optax", "optax", jax_pair, peers.with_optax),
        ("jax formula", "jax", jax_pair, peers.with_jax),
    ):
        if importlib.util.find_spec(module):
            runs[title] = peer_run(functions(), pair)
    return runs


def peer_run(functions: peers.Functions, pair: Callable[..., Pair]) -> Run:
    """Return the run of a library's own losses."""

    def run(case: Case, arrays: tuple[np.ndarray, ...]) -> Pair | None:
        function = functions.get(case.title)
        return None if function is None else pair(function, arrays)

    return run


def numpy_run(case: Case, arrays: tuple[np.ndarray, ...]) -> Pair:
    """Compute with lossary's kernels."""
    derive = lossary.grad(case.loss.function)
    return case(*arrays), derive(*arrays, reduction="sum", **case.shape, **case.parameters)


def torch_pair(function: Callable[..., Any], arrays: tuple[np.ndarray, ...]) -> Pair:
    """Compute with PyTorch's autograd."""
    import torch

    first, *rest = (torch.from_numpy(np.array(x)) for x in arrays)
    first.requires_grad_()
    value = function(first, *rest)
    (gradient,) = torch.autograd.grad(value.sum(), first)
    return value.detach().numpy(), gradient.numpy()


def jax_pair(function: Callable[..., Any], arrays: tuple[np.ndarray, ...]) -> Pair:
    """Compute with JAX's gradient."""
    import jax

    with jax.enable_x64(True):
        first, *rest = map(jax.numpy.asarray, arrays)
        gradient = jax.grad(lambda x: function(x, *rest).sum())(first)
        return np.asarray(function(first, *rest)), np.asarray(gradient)


def mlx_pair(function: Callable[..., Any], arrays: tuple[np.ndarray, ...]) -> Pair:
    """Compute with MLX's gradient, on the processor, which has float64."""
    import mlx.core as mx

    with mx.stream(mx.cpu):
        kinds = {"float64": mx.float64, "float32": mx.float32, "int64": mx.int64}
        first, *rest = (mx.array(x, dtype=kinds[x.dtype.name]) for x in arrays)
        gradient = mx.grad(lambda x: function(x, *rest).sum())(first)
        return np.array(function(first, *rest)), np.array(gradient)


def measure(case: Case, dtype: str, runs: dict[str, Run]) -> list[dict[str, Any]]:
    """Return a row for the value and one for the gradient, with the worst error per library."""
    arrays = case.cast(dtype)
    with warnings.catch_warnings(), np.errstate(all="ignore"), lossary.options(domain="ignore"):
        warnings.simplefilter("ignore")
        found = {name: run(case, arrays) for name, run in runs.items()}
    points = [Row(case, arrays, place) for place in range(len(arrays[0]))]
    values = [(row.value, row.scale, row) for row in points]
    slopes = [
        (row.slope(0, index), row.slope_scale(0, index), row)
        for row in points
        for index in row.places(0)
    ]
    return [
        {
            "loss": case.title + "*" * (case.loss.name in DIFFERENCES),
            "dtype": dtype,
            "of": what,
            **{
                name: None if pair is None else worst(pair[which], truth, dtype, name in FLUSHING)
                for name, pair in found.items()
            },
        }
        for which, (what, truth) in enumerate((("value", values), ("gradient", slopes)))
    ]


def worst(found: np.ndarray, truth: Found, dtype: str, flushing: bool) -> float:
    """Return the largest error; NaN and infinity where only the found value is not finite."""
    largest = 0.0
    for value, (exact, scale, row) in zip(np.ravel(found).astype(dtype), truth, strict=True):
        if exact is None or (flushing and row.is_flushed(dtype, exact)):  # None: a kink
            continue
        error = units(value, exact, scale)
        if error is None:  # the exact result is beyond the dtype
            continue
        if not np.isfinite(value):
            return math.nan if np.isnan(value) else math.inf
        largest = max(largest, error)
    return largest


def merge(rows: dict[tuple[str, str, str], dict[str, Any]], row: dict[str, Any]) -> None:
    """Add the errors of a case to those with other numbers of classes."""
    known = rows.setdefault((row["loss"], row["dtype"], row["of"]), row)
    for name, error in row.items():
        if isinstance(error, float) and not math.isnan(known[name]):
            known[name] = error if math.isnan(error) else max(error, known[name])


def table(rows: list[dict[str, Any]], libraries: list[str]) -> str:
    """Return the rows as a Markdown table."""
    titles = ["loss", "dtype", "of", *libraries]
    lines = ["| " + " | ".join(titles) + " |", "|" + "---|" * len(titles)]
    for row in rows:
        cells = [row["loss"], row["dtype"], row["of"], *(spelled(row[n]) for n in libraries)]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def spelled(error: float | None) -> str:
    """Spell an error shortly."""
    if error is None:
        return "-"
    if math.isnan(error):
        return "NaN"
    if math.isinf(error):
        return "∞"
    return f"{error:.1f}" if error < 1000 else f"{error:.0e}".replace("e+0", "e").replace("e+", "e")


if __name__ == "__main__":
    main()
