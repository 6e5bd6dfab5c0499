"""The guide to the losses shows what its script measures."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
_ROW = re.compile(r"\| `([a-z_]+)`: [^|]+ \| ([^|]+) \|$", re.MULTILINE)
_FIGURE = re.compile(r"`([^`]+)` ([\d.]+)")


def test_figures_are_those_of_the_script() -> None:
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    script = ROOT / "examples" / "which_loss.py"
    done = subprocess.run(
        [sys.executable, script, "--json"], capture_output=True, text=True, check=True
    )
    measured = json.loads(done.stdout)
    shown = dict(_ROW.findall((ROOT / "docs" / "which_loss.md").read_text("utf-8")))
    assert list(shown) == list(measured)
    for row, figures in measured.items():
        found = {name: float(figure) for name, figure in _FIGURE.findall(shown[row])}
        # A sum in another order may change the last digit of a fit.
        assert found == pytest.approx(figures, rel=5e-3), row
