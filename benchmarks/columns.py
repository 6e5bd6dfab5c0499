"""Time losses of columns beside the same formulas written with Polars' own functions.

    python benchmarks/columns.py                means of 10^7 rows, in memory and in streams
    python benchmarks/columns.py --rows 1000000

Each figure is the shortest of several rounds in which both take turns.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np
import polars as pl

from lossary import hinge_loss, huber_loss, logistic_loss

ROUNDS = 7
INPUTS, TARGETS = pl.col("inputs"), pl.col("targets")


def formulas() -> dict[str, tuple[Any, Any]]:
    """Return for each loss its expression, and the one that a user would write."""
    margin = TARGETS * INPUTS
    error = INPUTS - TARGETS
    size = error.abs()
    huber = pl.when(size <= 1).then(0.5 * error * error).otherwise(size - 0.5)
    logistic = (-margin).clip(lower_bound=0) + (-margin.abs()).exp().log1p()
    return {
        "hinge_loss": (hinge_loss(INPUTS, TARGETS, "mean"), (1 - margin).clip(0).mean()),
        "huber_loss": (huber_loss(INPUTS, TARGETS, reduction="mean"), huber.mean()),
        "logistic_loss": (logistic_loss(INPUTS, TARGETS, reduction="mean"), logistic.mean()),
    }


def seconds(frame: pl.DataFrame, expression: Any, engine: Any) -> float:
    """Return how long a query takes."""
    query = frame.lazy().select(expression)
    start = time.perf_counter()
    query.collect(engine=engine)
    return time.perf_counter() - start


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description="Time losses of columns.")
    parser.add_argument("--rows", type=int, default=10**7)
    rows = parser.parse_args().rows
    rng = np.random.default_rng(0)
    frame = pl.DataFrame({"inputs": rng.normal(size=rows), "targets": rng.choice([-1.0, 1], rows)})
    print(f"milliseconds for a mean of {rows} rows, Polars {pl.__version__}")
    print("| loss | engine | lossary | by hand |\n|---|---|---|---|")
    for name, both in formulas().items():
        for engine in ("in-memory", "streaming"):
            times = [[seconds(frame, x, engine) for x in both] for _ in range(ROUNDS)]
            cells = [f"{1e3 * min(column):.0f}" for column in zip(*times, strict=True)]
            print(f"| `{name}` | {engine} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
