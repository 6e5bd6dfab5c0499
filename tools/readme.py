"""Write what the README has from the package: the table of losses, and the output of a command.

    python tools/readme.py

Each stands between two marks, ``<!-- losses -->`` and ``<!-- end of losses -->``. A test holds
them to the registry and to the command.
"""

from __future__ import annotations

import inspect
import os
import re
import shlex
import subprocess
import sys
from itertools import groupby
from pathlib import Path

import lossary
from lossary.products.catalogue import MatrixRecord, matrix_losses

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
SCORE = """\
lossary score examples/data/breast_cancer_margins.csv --inputs margin --targets label \\
    --loss hinge_loss --by size --worst 3"""
_STYLING = re.compile(r"\x1b\[[0-9;]*m")


def losses() -> str:
    """Return the table of all losses by family, each with a link to its source."""
    lines = ["| family | losses |", "|---|---|"]
    every: list[lossary.Loss] = [*lossary.list_losses(), *matrix_losses()]
    every.sort(key=lambda loss: (loss.family, loss.name))
    for family, members in groupby(every, key=lambda loss: loss.family):
        lines.append(f"| {family} | {', '.join(map(_link, members))} |")
    return "\n".join(lines)


def _link(loss: lossary.Loss) -> str:
    package = Path(lossary.__file__).parent
    public = inspect.unwrap(getattr(lossary, loss.name))
    written = public if isinstance(loss, MatrixRecord) else loss.formula
    file = Path(inspect.getsourcefile(written) or "").relative_to(package)
    return f"[`{loss.name}`](src/lossary/{file.as_posix()})"


def score() -> str:
    """Return a command and what it prints on a terminal."""
    arguments = shlex.split(SCORE.replace("\\\n", " "))[1:]
    environment = {**os.environ, "FORCE_COLOR": "1", "COLUMNS": "98"}
    done = subprocess.run(
        [sys.executable, "-m", "lossary", *arguments, "--quiet"],
        cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    lines = [line.rstrip() for line in _STYLING.sub("", done.stdout).splitlines()]
    shown = "\n".join(lines).strip("\n")
    return f"```sh\n{SCORE}\n```\n```text\n{shown}\n```"


PARTS = {"losses": losses, "score": score}


def completed(text: str) -> str:
    """Return the text of the README with its parts as they are now."""
    for name, part in PARTS.items():
        start, end = f"<!-- {name} -->\n", f"\n<!-- end of {name} -->"
        before, _, rest = text.partition(start)
        _, found, after = rest.partition(end)
        if not found:
            message = f"README.md must have the marks of {name!r}, got none. Put them back."
            raise ValueError(message)
        text = f"{before}{start}{part()}{end}{after}"
    return text


if __name__ == "__main__":
    README.write_text(completed(README.read_text(encoding="utf-8")), encoding="utf-8")
