"""The command line: ``lossary score | list | show | plot``."""

from __future__ import annotations

import importlib.util
import sys

_NEEDED = ("click", "rich", "pyarrow")


def main() -> None:
    """Run the command line; the entry point of the console script."""
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        text = f"lossary: the command line needs {', '.join(missing)}. "
        print(text + 'Run: pip install "lossary[cli]"', file=sys.stderr)
        sys.exit(2)
    from lossary.cli.app import app

    app(prog_name="lossary")
