"""The command line, run in this process; a handful of tests start a process of their own."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

pytest.importorskip("click")
pytest.importorskip("pyarrow")

SOURCE = Path(__file__).parents[2] / "src"


@dataclass(frozen=True)
class Outcome:
    """What a run left: exit status, standard output and standard error."""

    status: int
    out: str
    err: str


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    """Run the command line: ``run("list", "--json")``; ``stdin`` is bytes."""
    from lossary.cli.app import app

    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.delenv("FORCE_COLOR", raising=False)

    def run(*arguments: object, stdin: bytes = b"") -> Outcome:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        capsys.readouterr()
        with pytest.raises(SystemExit) as exit_:
            app.main([str(item) for item in arguments], prog_name="lossary")
        captured = capsys.readouterr()
        return Outcome(int(exit_.value.code or 0), captured.out, captured.err)

    return run


@pytest.fixture
def environment() -> dict[str, str]:
    """Environment of a process that runs this source tree."""
    paths = [str(SOURCE), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PYTHONWARNINGS": "error"}


@pytest.fixture
def predictions(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes a small CSV file of predictions."""

    def write(text: str = "", name: str = "data.csv") -> Path:
        path = tmp_path / name
        path.write_text(text or "id,margin,label,kind\n7,0.5,1,a\n8,-1,1,b\n9,2,-1,a\n")
        return path

    return write
