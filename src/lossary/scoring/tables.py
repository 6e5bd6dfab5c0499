"""Tables of many files that a log describes: how they are named, found and opened."""

from __future__ import annotations

import re
from pathlib import Path, PurePath

from lossary.scoring import delta_tables, file_systems
from lossary.scoring.addresses import is_address
from lossary.scoring.source import Source

LOG = "_delta_log"
_NAME = re.compile(r".+@v\d+")


def find_table(name: str) -> str | None:
    """Return the name of a table with its version; None if there is no table of this name."""
    folder, _ = delta_tables.versioned(name)
    return delta_tables.with_version(name) if _has_log(folder) else None


def is_log(path: PurePath) -> bool:
    """Return whether a path is that of the log of a table."""
    return LOG in path.parts


def is_table(name: str) -> bool:
    """Return whether a name is one that :func:`find_table` returns."""
    return _NAME.fullmatch(name) is not None


def open_table(name: str) -> Source:
    """Open a table by the name that :func:`find_table` returns."""
    return delta_tables.Delta(name)


def _has_log(folder: str) -> bool:
    if is_address(folder):
        return file_systems.is_folder(f"{folder.rstrip('/')}/{LOG}")
    return (Path(folder) / LOG).is_dir()
