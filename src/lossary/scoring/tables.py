"""Tables of many files that a log describes: how they are named, found and opened."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path, PurePath

from lossary.scoring import delta_tables, file_systems, iceberg_tables
from lossary.scoring.addresses import is_address
from lossary.scoring.source import Source

_LOG = "_delta_log"
_METADATA = "metadata"
_DELTA = re.compile(r".+@v\d+")


def find_table(name: str) -> str | None:
    """Return the name of a table with its version; None if there is no table of this name."""
    if iceberg_tables.is_table(name):
        return iceberg_tables.with_snapshot(name)
    folder = delta_tables.versioned(name)[0].rstrip("/")
    if _is_folder(f"{folder}/{_LOG}"):
        return delta_tables.with_version(name)
    latest = iceberg_tables.latest_metadata(_names_below(f"{folder}/{_METADATA}"))
    return f"{folder}/{_METADATA}/{latest}" if latest else None


def has_log(folder: Path) -> bool:
    """Return whether a folder is that of a table."""
    metadata = (path.name for path in (folder / _METADATA).glob(f"*{iceberg_tables.METADATA}"))
    return (folder / _LOG).is_dir() or iceberg_tables.latest_metadata(metadata) is not None


def folders_with_logs(paths: Iterable[PurePath]) -> list[PurePath]:
    """Return the folders of tables, from the paths of their files."""
    found = {
        path.parents[depth + 1]: None
        for path in paths
        for depth, folder in enumerate(path.parents)
        if folder.name == _LOG
        or (folder.name == _METADATA and path.name.endswith(iceberg_tables.METADATA))
    }
    return list(found)


def is_table(name: str) -> bool:
    """Return whether a name is one that :func:`find_table` returns."""
    return _DELTA.fullmatch(name) is not None or iceberg_tables.is_table(name)


def open_table(name: str) -> Source:
    """Open a table by the name that :func:`find_table` returns."""
    if iceberg_tables.is_table(name):
        return iceberg_tables.Iceberg(name)
    return delta_tables.Delta(name)


def _is_folder(folder: str) -> bool:
    return file_systems.is_folder(folder) if is_address(folder) else Path(folder).is_dir()


def _names_below(folder: str) -> list[str]:
    """Return the names of the files below a folder; none if it does not exist."""
    if is_address(folder):
        return file_systems.files_below(folder)
    return [path.name for path in Path(folder).glob("*")]
