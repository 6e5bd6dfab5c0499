"""Jobs of one hinge loss, which the tests of sources share, and tables for those of pieces."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from lossary import get_loss
from lossary.scoring import Job, LossSpec

#: Arguments of ``lossary.score`` for a table of :func:`wide_range_table`.
OPTIONS: dict[str, Any] = {
    "losses": ["hinge_loss", "huber_loss:delta=2"],
    "inputs": "margin",
    "targets": "label",
    "weights": "weight",
    "by": ["kind", "fold"],
    "worst": 5,
    "domain": "ignore",
}


def job(*files: Any, inputs: str = "margin", **options: Any) -> Job:
    """Return a job of the hinge loss of a column, whose targets are the column ``label``."""
    names = [str(file) for file in files]
    return Job(names, [LossSpec("hinge_loss", get_loss("hinge_loss"))], inputs, "label", **options)


def mean(result: Any) -> float:
    """Return the mean loss of the first group of a result."""
    return float(result.totals[0].figures("count")["mean"][0])


def small_table(kinds: list[str], rows: int) -> pa.Table:
    """Return a table whose rows have numbers and one of some kinds."""
    random = np.random.default_rng(3)
    return pa.table(
        {
            "id": np.arange(rows),
            "margin": random.normal(size=rows),
            "label": random.choice([-1, 1], rows),
            "kind": np.resize(kinds, rows),
        }
    )


def hinge_losses(table: pa.Table) -> np.ndarray:
    """Return the losses of the rows."""
    return np.maximum(0, 1 - table["margin"].to_numpy() * table["label"].to_numpy())


def wide_range_table(rows: int, seed: int) -> pa.Table:
    """Return a table whose margins are of very different size: sums depend on their order."""
    random = np.random.default_rng(seed)
    return pa.table(
        {
            "margin": random.normal(size=rows) * np.exp(random.normal(size=rows) * 5),
            "label": random.choice([-1, 1], rows),
            "weight": random.random(rows),
            "kind": random.choice(["a", "b", "c"], rows),
            "fold": random.integers(0, 40, rows),
        }
    )


def cut_small(monkeypatch: pytest.MonkeyPatch, rows: int) -> None:
    """Cut pieces at a number of rows."""
    for module in ("pieces", "spans", "running"):
        monkeypatch.setattr(f"lossary.scoring.{module}.PIECE_ROWS", rows)
