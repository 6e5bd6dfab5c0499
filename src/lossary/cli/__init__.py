"""The command line: ``lossary score | compare | list | show | plot``."""

from __future__ import annotations

import importlib.util
import sys

from lossary.optional import require

_NEEDED = ("click", "pyarrow", "rich")


def main() -> None:
    """Run the command line; the entry point of the console script."""
    missing = " ".join(name for name in _NEEDED if importlib.util.find_spec(name) is None)
    if missing:
        text = f"lossary: the command line needs {missing.replace(' ', ', ')}. "
        print(f"{text}Run: pip install {missing}", file=sys.stderr)
        sys.exit(2)
    require("lossary", "lossary.cli.app", library="click").app(prog_name="lossary")
