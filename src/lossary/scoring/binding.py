"""Which columns of a file a job uses, and for what."""

from __future__ import annotations

import fnmatch
import re
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

from lossary.errors import did_you_mean
from lossary.scoring.errors import DataError, data_error
from lossary.scoring.source import Selection

_MAX_NAMES = 30
_DELIMITERS = ";\t|,"


@dataclass(frozen=True, slots=True)
class Use:
    """One use of columns.

    Attributes
    ----------
    option, request : str
        The option that names the columns, and its value.
    kind : {"numbers", "labels", "flags", "copies"}
        What the columns must hold.
    required : bool
        Whether rows that take part must have a value.
    single_remedy : str, optional
        What to do where several columns are named and one is needed; None if several may be.
    """

    option: str
    request: str
    kind: str
    required: bool = True
    single_remedy: str | None = None


@dataclass(frozen=True, slots=True)
class Binding:
    """The columns of one file, by use.

    Attributes
    ----------
    names : dict
        Columns by use.
    required : tuple of (str, str)
        Columns that must hold a value in a row that takes part, with the kind of use.
    copied : tuple of str
        Columns to copy to the output.
    selection : Selection
        Columns to read.
    lacking : dict
        Optional uses whose columns the file does not have, with the error about them.
    """

    names: dict[Use, tuple[str, ...]]
    required: tuple[tuple[str, str], ...]
    copied: tuple[str, ...]
    selection: Selection
    lacking: dict[Use, DataError] = field(default_factory=dict)

    def column(self, use: Use) -> str:
        """Return the only column of a use."""
        (name,) = self.names[use]
        return name


class MissingColumn(DataError):
    """A file does not have a column."""


def bind(
    path: str, available: Sequence[str], uses: Sequence[Use], optional: Collection[Use] = ()
) -> Binding:
    """Find the columns that the uses name; a file need not have those of ``optional`` uses.

    Raises
    ------
    DataError
        If a column is missing or ambiguous: close matches and all columns are named.
    """
    counts = Counter(available)
    names: dict[Use, tuple[str, ...]] = {}
    lacking: dict[Use, DataError] = {}
    for use in uses:
        try:
            names[use] = _resolve(path, counts, use)
        except MissingColumn as error:
            if use not in optional:
                raise
            lacking[use] = error

    def columns(is_wanted: Callable[[Use], bool]) -> list[str]:
        found = (name for use, columns in names.items() if is_wanted(use) for name in columns)
        return list(dict.fromkeys(found))

    required = [(name, use.kind) for use, found in names.items() if use.required for name in found]
    return Binding(
        names=names,
        required=tuple(dict.fromkeys(required)),
        copied=tuple(columns(lambda use: use.kind == "copies")),
        selection=Selection(
            values=columns(lambda use: use.kind != "numbers"),
            numbers=columns(lambda use: use.kind == "numbers"),
            groups=columns(lambda use: use.option == "--by"),
        ),
        lacking=lacking,
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
            raise _missing(path, list(available), use, part)
        # Copies keep the order of the file; columns of classes are sorted.
        found += matches if use.kind == "copies" else sorted(matches, key=natural_key)
    if use.single_remedy is not None and len(set(found)) > 1:
        problem = f"{use.option} must name one column, got {', '.join(found)}"
        raise data_error(path, problem, use.single_remedy)
    return tuple(_unique(path, available, name) for name in dict.fromkeys(found))


def _unique(path: str, available: Counter[str], name: str) -> str:
    if available[name] > 1:
        problem = f"there are {available[name]} columns {name!r}"
        raise data_error(path, problem, "Rename all but one of them.")
    return name


def _missing(path: str, available: list[str], use: Use, name: str) -> DataError:
    remedy = did_you_mean(name, available)
    if len(available) == 1:
        delimiter = next((mark for mark in _DELIMITERS if mark in available[0]), "")
        if delimiter:
            remedy = f"If {delimiter!r} separates the values, pass --delimiter {delimiter!r}."
    remedy = f"{remedy} The columns are {_listed(available)}.".lstrip()
    error = data_error(path, f"{use.option} must name a column, got {name!r}", remedy)
    return MissingColumn(str(error))


def _listed(names: list[str]) -> str:
    if len(names) <= _MAX_NAMES:
        return ", ".join(names)
    return f"{', '.join(names[:_MAX_NAMES])}, ... ({len(names)} in all)"


def natural_key(name: str) -> list[tuple[bool, int, str]]:
    """Return a sort key under which z_10 comes after z_9."""
    parts = re.split(r"(\d+)", name)
    return [(part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in parts]
