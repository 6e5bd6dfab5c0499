"""Every script in ``examples/`` runs and says something."""

from __future__ import annotations

import importlib.util
import runpy
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
from imports import imported

FOLDER = Path(__file__).parent.parent / "examples"
SCRIPTS = sorted(FOLDER.glob("*.py"))
EVERY = pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
#: Scripts that train for seconds, and how they are told to train less.
SHORTER = {"language_model": ["--steps", "2"], "two_towers": ["--steps", "4"]}


def test_there_are_scripts() -> None:
    assert SCRIPTS
    assert SHORTER.keys() <= {script.stem for script in SCRIPTS}


@EVERY
def test_script_runs(
    script: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """In this process, whose other tests have imported most of what scripts import for seconds."""
    _skip_without_libraries(script)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [str(script), *SHORTER.get(script.stem, [])])
    monkeypatch.syspath_prepend(script.parent)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            runpy.run_path(str(script), run_name="__main__")
        finally:
            _restore_dtypes()
    assert capsys.readouterr().out.strip()


@pytest.mark.exhaustive
@EVERY
def test_script_runs_alone(script: Path, tmp_path: Path) -> None:
    _skip_without_libraries(script)
    done = subprocess.run(
        [sys.executable, script], cwd=tmp_path, capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def _skip_without_libraries(script: Path) -> None:
    for library in {name.split(".")[0] for name in imported(script)}:
        if importlib.util.find_spec(library) is None:
            pytest.skip(f"{library} is not installed")


def _restore_dtypes() -> None:
    """Let JAX compute in float32 again: a script may have chosen otherwise."""
    if "jax" in sys.modules:
        sys.modules["jax"].config.update("jax_enable_x64", False)
