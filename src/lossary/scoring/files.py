"""The files that a job reads."""

from __future__ import annotations

import glob
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePath, PurePosixPath

from lossary.errors import value_error
from lossary.scoring import file_systems
from lossary.scoring.addresses import is_address, is_query
from lossary.scoring.blocks import STDIN
from lossary.scoring.errors import data_error
from lossary.scoring.readers import READERS, reading_errors, suffix
from lossary.scoring.tables import find_table, is_table, table_inside

_NO_DATA = f"the folder holds no file with the suffix {', '.join(READERS)}"


def find_files(patterns: Sequence[str], output: Path | None = None) -> list[str]:
    """Return the files that patterns name, each once: paths, globs, folders, ``-``.

    An ``output`` that an earlier run left in a folder or among the matches is not an input.
    """
    found: list[str] = []
    for pattern in patterns:
        if is_query(pattern):
            found.append(pattern)
            continue
        if is_address(pattern):
            found += _find_addresses(pattern)
            continue
        path = Path(pattern)
        if pattern == STDIN or path.is_file():
            found.append(pattern)
            continue
        if table := _find_table(pattern):
            found.append(table)
            continue
        if path.is_dir():
            inside = [p.relative_to(path) for p in path.rglob("*")]
            _check_no_table(pattern, inside)
            candidates = [path / p for p in inside if _is_data(p)]
            problem = _NO_DATA
        else:
            candidates = [Path(p) for p in glob.glob(pattern, recursive=True)]
            problem = "no such file"
        files = [
            str(p)
            for p in sorted(candidates)
            if p.is_file() and not (output and is_same_file(p, output))
        ]
        if not files:
            raise data_error(pattern, problem)
        found += files
    return list(dict.fromkeys(found))


def _find_addresses(pattern: str) -> list[str]:
    """Return the addresses of files: one, those below a folder or those that match a pattern."""
    with reading_errors(pattern):
        if is_table(pattern):
            return [find_table(pattern) or pattern]
        if file_systems.has_wildcards(pattern):
            found = file_systems.matching(pattern)
        elif file_systems.exists(pattern):
            return [pattern]
        elif table := find_table(pattern):
            return [table]
        else:
            folder = pattern.rstrip("/")
            names = file_systems.files_below(folder)
            _check_no_table(pattern, [PurePosixPath(name) for name in names])
            found = [f"{folder}/{name}" for name in names if _is_data(PurePosixPath(name))]
            if names and not found:
                raise data_error(pattern, _NO_DATA)
    if not found:
        raise data_error(pattern, "no such file")
    return found


def check_output(function: str, files: Sequence[str], output: Path | None) -> None:
    """Raise if the output is one of the files."""
    if output is not None and any(is_same_file(file, output) for file in files):
        requirement = "must not be one of the files that are read"
        raise value_error(function, "--output", requirement, output)


def is_same_file(first: str | Path, second: Path) -> bool:
    """Return whether two paths lead to one file."""
    return not is_address(str(first)) and Path(first).resolve() == second.resolve()


def _find_table(pattern: str) -> str | None:
    with reading_errors(pattern):
        return find_table(pattern)


def _check_no_table(pattern: str, inside: Iterable[PurePath]) -> None:
    """Raise if a folder holds a table, whose files may hold rows that were deleted."""
    if table := table_inside(inside):
        problem = f"there is a table in the folder: {table}"
        raise data_error(pattern, problem, "Name the table itself.")


def _is_data(relative: PurePath) -> bool:
    hidden = any(part.startswith((".", "_")) for part in relative.parts)
    return not hidden and suffix(str(relative)) in READERS
