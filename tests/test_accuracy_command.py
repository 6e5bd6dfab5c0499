"""The command that measures errors, and the table that it wrote."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import oracles
import pytest

import lossary

ROOT = Path(__file__).parent.parent
pytest.importorskip("llvmlite")


def _run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, ROOT / "benchmarks" / "accuracy.py", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=240)


def test_the_command_measures_and_writes(tmp_path: Path) -> None:
    page, figures = tmp_path / "page.md", tmp_path / "figures.json"
    shown = (ROOT / "docs" / "accuracy_table.md").read_text("utf-8")
    page.write_text(shown, "utf-8")
    done = _run("--loss", "binary_cross_entropy", "--markdown", page, "--json", figures)
    assert done.returncode == 0, done.stderr
    rows = json.loads(figures.read_text("utf-8"))
    assert len(rows) == 8  # two forms, two dtypes, value and gradient
    assert all(0 < row["NumPy"] <= 4 for row in rows)
    written = page.read_text("utf-8").splitlines()
    assert set(done.stdout.splitlines()) <= set(written)
    assert len(written) == len(
        shown.splitlines()
    )  # the other losses' rows are kept, in their order
    assert [row for row in written if "hinge_loss" in row] == [
        row for row in shown.splitlines() if "hinge_loss" in row
    ]


def test_an_unknown_loss_is_refused() -> None:
    done = _run("--loss", "hinge")
    assert done.returncode == 2
    assert "no such loss: hinge" in done.stderr


def test_every_loss_is_in_the_table() -> None:
    lines = (ROOT / "docs" / "accuracy_table.md").read_text("utf-8").splitlines()
    rows = [[c.strip() for c in line.split("|")[1:5]] for line in lines if "| float" in line]
    largest: dict[str, float] = {}
    for title, _, _, error in rows:
        name = title.partition("-")[0].rstrip("*")
        largest[name] = max(float(error), largest.get(name, 0.0))
    assert set(largest) == {loss.name for loss in lossary.list_losses()}
    for name, error in largest.items():
        assert error <= max(4, oracles.LIMITS.get(name, 0), oracles.SLOPE_LIMITS.get(name, 0)), name
