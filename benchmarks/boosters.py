"""Time training with lossary's objectives against built-in ones and ones written by hand.

    python benchmarks/boosters.py                  10^6 rows, 20 features, 30 trees
    python benchmarks/boosters.py --rows 100000
    python benchmarks/boosters.py --json FILE      the figures as JSON besides the table

The three objectives take turns, and a cell is the median over rounds. Times are of training alone:
the data are binned beforehand.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import xgboost
from run import machine

from lossary.adapters import lightgbm as for_lightgbm
from lossary.adapters import xgboost as for_xgboost

TREES, FEATURES = 30, 20
CASES = {
    # what is trained: loss, its choices, the built-in objectives of XGBoost and LightGBM
    "logistic": ("binary_cross_entropy", {}, "binary:logistic", "binary"),
    "squared error": ("mse_loss", {"factor": 0.5}, "reg:squarederror", "l2"),
}
Objective = str | Callable[..., Any]


def main() -> None:
    """Train with every library and objective and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=10**6)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=0, help="of the boosters; 0: all")
    parser.add_argument("--json", metavar="FILE", help="write the figures too")
    options = parser.parse_args()
    print(machine())
    print(f"{options.rows} rows, {FEATURES} features, {TREES} trees\n")
    print(
        f"{'library':10} {'loss':14} {'built-in':>9} {'lossary':>9} {'NumPy':>9}   against built-in"
    )
    rows = []
    for library in (XGBoost, LightGBM):
        for name in CASES:
            row = measure(library, name, options)
            rows.append(row)
            times = " ".join(f"{row[kind]:8.2f}s" for kind in ("built_in", "lossary", "numpy"))
            ours, theirs = (row[kind] / row["built_in"] for kind in ("lossary", "numpy"))
            print(f"{row['library']:10} {name:14} {times}   {ours:.2f} and {theirs:.2f} times")
    if options.json:
        Path(options.json).write_text(json.dumps({"machine": machine(), "rows": rows}, indent=2))


def measure(library: type, name: str, options: argparse.Namespace) -> dict[str, Any]:
    """Return the median training times of the three objectives."""
    x, t = data(name, options.rows)
    booster = library(x, t, options.threads)
    given = objectives(name, library)
    times: dict[str, list[float]] = {kind: [] for kind in given}
    for turn in range(options.rounds + 1):
        for kind, objective in given.items():
            start = time.perf_counter()
            booster.train(objective)
            if turn:  # the first compiles and warms up
                times[kind].append(time.perf_counter() - start)
    medians = {kind: statistics.median(values) for kind, values in times.items()}
    return {"library": library.__name__, "loss": name, **medians}


def data(name: str, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw features, and targets that depend on them."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(rows, FEATURES)).astype(np.float32)
    score = x[:, 0] * x[:, 1] + np.sin(3 * x[:, 2]) + x[:, 3:].mean(axis=1) + rng.normal(size=rows)
    return x, (score > 0).astype(np.float32) if name == "logistic" else score.astype(np.float32)


def by_hand(name: str) -> Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Return gradient and Hessian as one writes them in NumPy."""

    def logistic(predictions: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        p = 1.0 / (1.0 + np.exp(-predictions))
        return p - targets, p * (1.0 - p)

    def squared(predictions: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return predictions - targets, np.ones_like(predictions)

    return logistic if name == "logistic" else squared


class XGBoost:
    """Training with XGBoost."""

    adapter, built_in = for_xgboost, 2

    def __init__(self, x: np.ndarray, t: np.ndarray, threads: int) -> None:
        self.data = xgboost.QuantileDMatrix(x, t)
        self.params = {"base_score": 0.5, "nthread": threads, "disable_default_eval_metric": 1}

    def train(self, objective: Objective) -> None:
        """Train."""
        if callable(objective):
            xgboost.train(self.params, self.data, TREES, obj=objective)
        else:
            xgboost.train({**self.params, "objective": objective}, self.data, TREES)


class LightGBM:
    """Training with LightGBM."""

    adapter, built_in = for_lightgbm, 3

    def __init__(self, x: np.ndarray, t: np.ndarray, threads: int) -> None:
        self.data = lightgbm.Dataset(x, t, free_raw_data=False).construct()
        self.params = {"verbose": -1, "num_threads": threads, "boost_from_average": False}

    def train(self, objective: Objective) -> None:
        """Train."""
        lightgbm.train({**self.params, "objective": objective}, self.data, TREES)


def objectives(name: str, library: type) -> dict[str, Objective]:
    """Return the objectives by who wrote them."""
    loss, choices = CASES[name][:2]
    derive = by_hand(name)
    return {
        "built_in": CASES[name][library.built_in],
        "lossary": library.adapter.objective(loss, **choices),
        "numpy": lambda predictions, data: derive(predictions, data.get_label()),
    }


if __name__ == "__main__":
    main()
