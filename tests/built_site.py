"""The site, built by Sphinx once for all tests and processes of a run."""

from __future__ import annotations

import fcntl
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import lossary

DOCS = Path(__file__).resolve().parent.parent / "docs"
NEEDED = ("sphinx", "sphinx_book_theme", "myst_parser", "numpydoc", "sphinx_copybutton",
          "sphinx_design", "latex2mathml", "click")  # fmt: skip


def build(factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the site; the test fails on a warning, and is skipped without Sphinx.

    Continuous integration names the site that it has just built in ``LOSSARY_SITE``.
    """
    if built := os.environ.get("LOSSARY_SITE"):
        return Path(built).resolve()
    for library in NEEDED:
        if importlib.util.find_spec(library) is None:
            pytest.skip(f"{library} is not installed")
    folder = _shared(factory) / "site"
    folder.mkdir(exist_ok=True)
    outcome = folder / "outcome.json"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not outcome.exists():
            outcome.write_text(json.dumps(_run_sphinx(folder)), "utf-8")
    status, said = json.loads(outcome.read_text("utf-8"))
    assert status == 0, said
    return folder / "html"


def _shared(factory: pytest.TempPathFactory) -> Path:
    """Return the folder that all processes of this run have in common."""
    own = factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


def _run_sphinx(folder: Path) -> tuple[int, str]:
    """Build the site; return the exit status and what was said."""
    command = [sys.executable, "-m", "sphinx", "-W", "-n", "--keep-going", "-q", "-E", "-d",
               folder / "doctrees", DOCS, folder / "html"]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": str(Path(lossary.__file__).parent.parent)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    return done.returncode, done.stderr
