"""Every script in ``examples/`` runs and says something."""

from __future__ import annotations

import ast
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent.parent / "examples"
SCRIPTS = sorted(FOLDER.glob("*.py"))


def _libraries(script: Path) -> set[str]:
    tree = ast.parse(script.read_text(encoding="utf-8"))
    names = [a.name for item in ast.walk(tree) if isinstance(item, ast.Import) for a in item.names]
    names += [str(i.module) for i in ast.walk(tree) if isinstance(i, ast.ImportFrom)]
    return {name.split(".")[0] for name in names}


def test_there_are_scripts() -> None:
    assert SCRIPTS


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_script_runs(script: Path, tmp_path: Path) -> None:
    for library in _libraries(script):
        if importlib.util.find_spec(library) is None:
            pytest.skip(f"{library} is not installed")
    done = subprocess.run(
        [sys.executable, script], cwd=tmp_path, capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
