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


def table_inside(paths: Iterable[PurePath]) -> str | None:
    """Return the folder of a table that is among the paths of a folder; None if there is none."""
    for path in paths:
        for log in (_LOG, _METADATA):
            if log in path.parts[:-1] and (
                log == _LOG or path.name.endswith(iceberg_tables.METADATA)
            ):
                return PurePath(*path.parts[: path.parts.index(log)]).as_posix()
    return None


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
