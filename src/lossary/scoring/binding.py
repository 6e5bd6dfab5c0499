"""Which columns of a file a job uses, and for what."""

from __future__ import annotations

import difflib
import fnmatch
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lossary.scoring.faults import DataError, data_error
from lossary.scoring.source import Selection

_LISTED = 30
_DELIMITERS = ";\t|,"


@dataclass(frozen=True, slots=True)
class Use:
    """One use of columns.

    Attributes
    ----------
    option, request : str
        The option that names the columns, and what it says.
    kind : {"numbers", "labels", "flags", "copies"}
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
    required : tuple of (str, str)
        Columns that must hold a value in a row that takes part, with the kind of value.
    copied : tuple of str
        Columns to copy to the output.
    selection : Selection
        What to read.
    """

    names: dict[Use, tuple[str, ...]]
    required: tuple[tuple[str, str], ...]
    copied: tuple[str, ...]
    selection: Selection

    def column(self, use: Use) -> str:
        """Return the only column of a use."""
        (name,) = self.names[use]
        return name


def bind(path: str, available: Sequence[str], uses: Sequence[Use]) -> Binding:
    """Find the columns that the uses name.

    Raises
    ------
    DataError
        If a column is missing or ambiguous: close matches and all columns are named.
    """
    counts = Counter(available)
    names = {use: _resolve(path, counts, use) for use in uses}

    def used(choose: Callable[[Use], bool]) -> list[str]:
        found = (name for use, columns in names.items() if choose(use) for name in columns)
        return list(dict.fromkeys(found))

    required = [(name, use.kind) for use, found in names.items() if use.required for name in found]
    return Binding(
        names=names,
        required=tuple(dict.fromkeys(required)),
        copied=tuple(used(lambda use: use.kind == "copies")),
        selection=Selection(
            values=used(lambda use: use.kind != "numbers"),
            numbers=used(lambda use: use.kind == "numbers"),
        ),
    )


def _resolve(path: str, available: Counter[str], use: Use) -> tuple[str, ...]:
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
        # Copies stay in the order of the file; classes are counted.
        found += matches if use.kind == "copies" else sorted(matches, key=natural_key)
    if use.single is not None and len(set(found)) > 1:
        problem = f"{use.option} must name one column, got {', '.join(found)}"
        raise data_error(path, problem, use.single)
    return tuple(_unique(path, available, name) for name in dict.fromkeys(found))


def _unique(path: str, available: Counter[str], name: str) -> str:
    if available[name] > 1:
        problem = f"there are {available[name]} columns {name!r}"
        raise data_error(path, problem, "Rename all but one of them.")
    return name


def _missing(path: str, available: Counter[str], use: Use, name: str) -> DataError:
    close = difflib.get_close_matches(name, available, n=2)
    hint = f"Did you mean {' or '.join(close)}? " if close else ""
    (only, *others), mark = list(available), ""
    if not others:
        mark = next((mark for mark in _DELIMITERS if mark in only), "")
    if mark:
        hint = f"If the values are separated by {mark!r}, pass --delimiter {mark!r}. "
    remedy = f"{hint}The columns are {_listed(list(available))}."
    return data_error(path, f"{use.option} must name a column, got {name!r}", remedy)


def _listed(names: list[str]) -> str:
    if len(names) <= _LISTED:
        return ", ".join(names)
    return f"{', '.join(names[:_LISTED])}, ... ({len(names)} in all)"


def natural_key(name: str) -> list[tuple[bool, int, str]]:
    """Sort key under which z_10 comes after z_9."""
    parts = re.split(r"(\d+)", name)
    return [(part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in parts]
