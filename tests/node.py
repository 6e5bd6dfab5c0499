"""JavaScript in tests: a program run by Node.js, in one process."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import Any

import pytest

#: Numbers of the result as text, which has infinities and NaN too.
_PRINT = """
const written = (name, x) => (typeof x === "number" ? {number: String(x)} : x);
process.stdout.write(JSON.stringify(main(JSON.parse(
  require("fs").readFileSync(0, "utf8"), (name, x) => (x?.number ? Number(x.number) : x),
)), written));
"""


def run(program: str, given: Any) -> Any:
    """Return what ``main`` of a program returns for what is given; skip where Node.js is missing.

    Numbers may be infinite or NaN in both directions.
    """
    node = shutil.which("node")
    if node is None:
        pytest.skip("needs Node.js")
    found = subprocess.run(
        [node, "-e", program + _PRINT],
        input=json.dumps(_written(given)),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert found.returncode == 0, found.stderr
    return json.loads(found.stdout, object_hook=_number)


def _written(x: Any) -> Any:
    if isinstance(x, dict):
        return {name: _written(value) for name, value in x.items()}
    if isinstance(x, (list, tuple)):
        return [_written(value) for value in x]
    return {"number": _spelled(x)} if isinstance(x, float) else x


def _spelled(x: float) -> str:
    return repr(x).replace("inf", "Infinity").replace("nan", "NaN")


def _number(found: dict[str, Any]) -> Any:
    return float(found["number"]) if found.keys() == {"number"} else found
