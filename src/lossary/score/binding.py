"""Which columns of a file a job uses, and for what."""

from __future__ import annotations

import difflib
import fnmatch
import re
from collections.abc import Sequence
from dataclasses import dataclass

from lossary.score.faults import DataError, data_error
from lossary.score.readers import Selection


@dataclass(frozen=True, slots=True)
class Use:
    """One use of columns.

    Attributes
    ----------
    option, request : str
        The option that names the columns, and what it says.
    kind : {"numbers", "labels"}
        What they must hold.
    required : bool
        Whether rows that take part must have a value.
    single : str, optional
        Given where one column is meant: what to do about several.
    """

    option: str
    request: str
    kind: str
    required: bool = True
    single: str | None = None


@dataclass(frozen=True, slots=True)
class Binding:
    """The columns of one file, by use.

    Attributes
    ----------
    names : dict
        Columns by use.
    required : tuple of str
        Columns that must hold a value in a row that takes part.
    selection : Selection
        What to read.
    """

    names: dict[Use, tuple[str, ...]]
    required: tuple[str, ...]
    selection: Selection

    def column(self, use: Use) -> str:
        """Return the only column of a use."""
        (name,) = self.names[use]
        return name


def bind(path: str, available: Sequence[str], uses: Sequence[Use], everything: bool) -> Binding:
    """Find the columns that the uses name.

    Raises
    ------
    DataError
        If a column is missing or ambiguous: close matches and all columns are named.
    """
    names = {use: _resolve(path, available, use) for use in uses}
    chosen = {name for found in names.values() for name in found}
    of_kind = {
        kind: frozenset(name for use, found in names.items() if use.kind == kind for name in found)
        for kind in ("numbers", "labels")
    }
    required = [name for use, found in names.items() if use.required for name in found]
    return Binding(
        names=names,
        required=tuple(dict.fromkeys(required)),
        selection=Selection(
            [name for name in available if everything or name in chosen],
            numbers=of_kind["numbers"],
            labels=frozenset() if everything else of_kind["labels"],
        ),
    )


def _resolve(path: str, available: Sequence[str], use: Use) -> tuple[str, ...]:
    """Return the columns that a request names: one, several with commas, or patterns."""
    if use.request in available:
        return (_unique(path, available, use.request),)
    found: list[str] = []
    for part in use.request.split(","):
        if part in available:
            found.append(part)
            continue
        matches = [name for name in available if fnmatch.fnmatchcase(name, part)]
        if not matches:
            raise _missing(path, available, use, part)
        found += sorted(matches, key=natural_key)
    if use.single is not None and len(set(found)) > 1:
        problem = f"{use.option} must name one column, got {', '.join(found)}"
        raise data_error(path, problem, use.single)
    return tuple(_unique(path, available, name) for name in dict.fromkeys(found))


def _unique(path: str, available: Sequence[str], name: str) -> str:
    if available.count(name) > 1:
        problem = f"there are {available.count(name)} columns {name!r}"
        raise data_error(path, problem, "Rename all but one of them.")
    return name


def _missing(path: str, available: Sequence[str], use: Use, name: str) -> DataError:
    close = difflib.get_close_matches(name, available, n=2)
    hint = f"Did you mean {' or '.join(close)}? " if close else ""
    remedy = f"{hint}The columns are {', '.join(available)}."
    return data_error(path, f"{use.option} must name a column, got {name!r}", remedy)


def natural_key(name: str) -> list[tuple[bool, int, str]]:
    """Sort key under which z_10 comes after z_9."""
    parts = re.split(r"(\d+)", name)
    return [(part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in parts]
