"""The shell commands of the guides: every one runs, on small files that it takes for granted.

A comment line ``# needs …`` before a command says what no test has, such as a cluster; its options
are read all the same.
"""

from __future__ import annotations

import io
import re
import shlex
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("click", reason="click is not installed")
pytest.importorskip("pyarrow", reason="PyArrow is not installed")

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
_BLOCK = re.compile(r"^```(?:sh|bash|console|shell)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_NEEDS = "# needs "
_RNG = np.random.default_rng(0)
_COUNT = 12


def commands(page: Path) -> list[tuple[list[str], bool]]:
    """Return the commands of a page, and whether each needs what no test has."""
    found = []
    for block in _BLOCK.findall(page.read_text("utf-8")):
        needs = False
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            if words:
                found.append((words, needs))
            needs = line.startswith(_NEEDS)
    return found


# --- files that commands take for granted -----------------------------------------------------
def _table(**columns: Any) -> Any:
    import pyarrow as pa

    margins = {"id": np.arange(_COUNT), "margin": _RNG.normal(size=_COUNT),
               "label": np.tile([-1, 1], _COUNT // 2)}  # fmt: skip
    return pa.table({**margins, **columns})


def _write(path: str, table: Any) -> None:
    from pyarrow import csv, parquet

    file = Path(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    (csv.write_csv if file.suffix == ".csv" else parquet.write_table)(table, path)


def _predictions() -> None:
    _write("predictions/part-0.parquet", _table())


def _logits() -> None:
    import pyarrow as pa

    scores = {f"z_{k}": _RNG.normal(size=_COUNT) for k in range(3)}
    animals = ["cat", "dog", "cow"] * (_COUNT // 3)
    labels, countries = np.arange(_COUNT) % 3, ["fr", "it"] * (_COUNT // 2)
    rows = {**scores, "label": labels, "animal": animals, "country": countries}
    _write("logits.csv", pa.table(rows))


def _days() -> None:
    _write("day/0.parquet", _table(split=["test", "train"] * (_COUNT // 2)))


def _database() -> None:
    duckdb = pytest.importorskip("duckdb", reason="DuckDB is not installed")
    table = _table()
    users = {"id": table["id"], "country": ["fr", "it"] * (_COUNT // 2)}
    with duckdb.connect("models.duckdb") as database:
        for name, columns in (("scores", table), ("users", type(table).from_pydict(users))):
            database.register("given", columns)
            database.execute(f"CREATE TABLE {name} AS SELECT * FROM given")


def _sales() -> None:
    import pyarrow as pa

    sold = pa.table({"forecast": _RNG.normal(size=_COUNT), "sold": _RNG.normal(size=_COUNT)})
    for day, region in (("2026-01-01", "eu"), ("2026-01-02", "us")):
        _write(f"sales/day={day}/region={region}/part-0.parquet", sold)


def _examples() -> None:
    Path("examples").symlink_to(ROOT / "examples")


#: By a word that a command has, what makes the files that it reads.
FILES: dict[str, Callable[[], None]] = {
    "predictions/": _predictions,
    "predictions/*.parquet": _predictions,
    "logits.csv": _logits,
    "SELECT margin, label FROM 'day/*.parquet' WHERE split = 'test'": _days,
    "models.duckdb": _database,
    "sales/": _sales,
    "examples/data/breast_cancer_margins.csv": _examples,
}
#: Libraries that are needed, by words of commands.
LIBRARIES = {"plot": "matplotlib", "--query": "duckdb"}


def _cases() -> list[Any]:
    return [
        pytest.param(words, needs, id=f"{page.name}-{number}")
        for page in PAGES
        for number, (words, needs) in enumerate(commands(page))
    ]


@pytest.mark.parametrize(("words", "needs"), _cases())
def test_a_command_runs(
    words: list[str],
    needs: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if words[:2] == ["pip", "install"]:
        assert_can_be_installed(words[2])
    elif words[0].startswith("./"):
        assert (ROOT / words[0]).is_file(), words[0]
        if words[1:]:  # ./run passes its arguments on
            _run(words[1:], capsys, monkeypatch)
    elif needs:
        assert_is_understood(words)
    else:
        assert words[0] == "lossary", f"the command {words[0]} is not run by this test"
        for word, library in LIBRARIES.items():
            if word in words:
                pytest.importorskip(library, reason=f"{library} is not installed")
        monkeypatch.chdir(tmp_path)
        for word in dict.fromkeys(words):
            FILES.get(word, lambda: None)()
        _run(words[1:], capsys, monkeypatch)
        if "--out" in words:
            assert (tmp_path / words[words.index("--out") + 1]).stat().st_size


def _run(
    words: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from lossary.cli.app import app

    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO()))
    with pytest.raises(SystemExit) as ended:
        app.main(words, prog_name="lossary")
    shown = capsys.readouterr()
    assert not ended.value.code, shown.err
    assert shown.out or "--out" in words


def assert_is_understood(words: list[str]) -> None:
    """Check that a command and its options exist, and that its losses do."""
    from lossary.cli.app import app

    assert words[0] == "lossary"
    with app.make_context("lossary", words[1:]) as context:
        name, command, rest = app.resolve_command(context, words[1:])
        assert command is not None
        with command.make_context(name, rest, parent=context) as made:
            assert made.params


def assert_can_be_installed(requirement: str) -> None:
    """Check that what is installed from a copy of the repository has these extras."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    place, extras = re.fullmatch(r"(\.)(?:\[([\w,]+)\])?", requirement).groups()
    assert (ROOT / place / "pyproject.toml").exists()
    assert set((extras or "").split(",")) <= {"", *project["optional-dependencies"]}


def test_what_is_needed_is_said_before_the_command() -> None:
    text = "```sh\n# needs a cluster\nlossary list \\\n  --json\nlossary show l1_loss  # one\n```\n"
    page = type("Page", (), {"read_text": lambda self, encoding: text})()
    assert commands(page) == [
        (["lossary", "list", "--json"], True),
        (["lossary", "show", "l1_loss"], False),
    ]
