"""The files that a job reads."""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from pathlib import Path, PurePath, PurePosixPath

from lossary.errors import value_error
from lossary.scoring import file_systems
from lossary.scoring.addresses import is_address, is_query
from lossary.scoring.blocks import STDIN
from lossary.scoring.delta_tables import versioned
from lossary.scoring.errors import DataError, data_error
from lossary.scoring.readers import READERS, reading_errors, suffix
from lossary.scoring.tables import find_table, folders_with_logs, has_log, is_table

_NO_DATA = f"the folder holds no file with the suffix {', '.join(READERS)}"


def find_files(patterns: Sequence[str], output: Path | None = None) -> list[str]:
    """Return the files that patterns name, each once: paths, globs, folders, tables, ``-``.

    An ``output`` that an earlier run left in a folder or among the matches is not an input.
    """
    found = [file for pattern in patterns for file in _find(pattern, output)]
    return list(dict.fromkeys(found))


def found_elsewhere(files: Sequence[str]) -> list[str]:
    """Return the names by which processes that run in other folders find the files."""
    return [os.path.abspath(file) if os.path.exists(versioned(file)[0]) else file for file in files]


def _find(pattern: str, output: Path | None) -> list[str]:
    if pattern == STDIN or is_query(pattern):
        return [pattern]
    if is_address(pattern):
        with reading_errors(pattern):
            return _find_remote(pattern)
    path = Path(pattern)
    if path.is_file():
        return [pattern]
    with reading_errors(pattern):
        if table := find_table(pattern):
            return [table]
    if path.is_dir():
        candidates = [p for p in path.rglob("*") if _is_data(p.relative_to(path))]
        problem = _NO_DATA
    else:
        candidates = [Path(p) for p in glob.glob(pattern, recursive=True)]
        problem = "no such file"
    files = [
        p for p in sorted(candidates) if p.is_file() and not (output and is_same_file(p, output))
    ]
    if not files:
        raise data_error(pattern, problem)
    for folder in sorted({folder for file in files for folder in file.absolute().parents}):
        if has_log(folder):
            raise _inside_table(pattern, folder)
    return [str(p) for p in files]


def _find_remote(pattern: str) -> list[str]:
    """Return the addresses of files: one, those below a folder or those that match a pattern."""
    if is_table(pattern):
        return [find_table(pattern) or pattern]
    folder, rest = file_systems.divided(pattern)
    if not rest:
        if file_systems.exists(pattern):
            return [pattern]
        if table := find_table(pattern):
            return [table]
    names = [PurePosixPath(name) for name in file_systems.files_below(folder)]
    found = [p for p in names if (file_systems.matches(p.parts, rest) if rest else _is_data(p))]
    if not found:
        raise data_error(pattern, _NO_DATA if names and not rest else "no such file")
    for table_folder in folders_with_logs(names):
        if any(table_folder in p.parents for p in found):
            raise _inside_table(pattern, table_folder)
    return [f"{folder}/{p}" for p in found]


def check_output(function: str, files: Sequence[str], output: Path | None) -> None:
    """Raise if the output is one of the files."""
    if output is not None and any(is_same_file(file, output) for file in files):
        requirement = "must not be one of the files that are read"
        raise value_error(function, "--output", requirement, output)


def is_same_file(first: str | Path, second: Path) -> bool:
    """Return whether two paths lead to one file."""
    return not is_address(str(first)) and Path(first).resolve() == second.resolve()


def _inside_table(pattern: str, folder: PurePath) -> DataError:
    """Return the error about files of a table, which may hold rows that were deleted."""
    problem = f"there are files of a table, in the folder {folder.as_posix()}"
    return data_error(pattern, problem, "Name the table itself, so that deleted rows do not count.")


def _is_data(relative: PurePath) -> bool:
    hidden = any(part.startswith((".", "_")) for part in relative.parts)
    return not hidden and suffix(str(relative)) in READERS
