"""The command that measures errors, and the table that it wrote."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import lossary

ROOT = Path(__file__).parent.parent
pytest.importorskip("llvmlite")


def _run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, ROOT / "benchmarks" / "accuracy.py", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=240)


def test_the_command_measures_and_writes(tmp_path: Path) -> None:
    page, figures = tmp_path / "page.md", tmp_path / "figures.json"
    done = _run("--loss", "binary_cross_entropy", "--markdown", page, "--json", figures)
    assert done.returncode == 0, done.stderr
    rows = json.loads(figures.read_text("utf-8"))
    assert len(rows) == 8  # two forms, two dtypes, value and gradient
    assert all(0 < row["NumPy"] <= 4 for row in rows)
    assert done.stdout in page.read_text("utf-8")


def test_an_unknown_loss_is_refused() -> None:
    done = _run("--loss", "hinge")
    assert done.returncode == 2
    assert "no such loss: hinge" in done.stderr


def test_every_loss_is_in_the_table() -> None:
    lines = (ROOT / "docs" / "accuracy_table.md").read_text("utf-8").splitlines()
    cells = [[c.strip() for c in line.split("|")[1:5]] for line in lines if line.startswith("| ")]
    shown = {cell[0].partition("-")[0].rstrip("*") for cell in cells}
    assert shown >= {loss.name for loss in lossary.list_losses()}
    kernels = [float(cell) for line in lines if line.startswith("| ") and "float" in line
               for cell in [line.split("|")[4]]]  # fmt: skip
    assert max(kernels) <= 4
