"""What can be wrong with a prediction file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lossary import LossaryValueError


class DataError(LossaryValueError):
    """A file cannot be read, scored or written; the message names file, column and row.

    ``column`` and ``value`` are those that are wrong, where it is one value.
    """

    column: str = ""
    value: Any = None


def data_error(path: str, problem: str, remedy: str = "") -> DataError:
    """Return the error ``{path}: {problem}. {remedy}``."""
    text = f"{path}: {problem}."
    return DataError(f"{text} {remedy}" if remedy else text)


@dataclass
class OutOfDomain:
    """Values outside a loss's domain: the first of them, with its row, and how many there are."""

    title: str
    argument: str
    domain: str
    value: Any
    path: str
    row: int
    count: int
    remedy: str

    @property
    def problem(self) -> str:
        """What is wrong, without the file and the remedy."""
        value = int(self.value) if float(self.value).is_integer() else self.value
        return f"{self.title}: {self.argument} must be {self.domain}, got {value!r}"

    def error(self) -> DataError:
        """Return the error that names the first row."""
        return data_error(self.path, f"{self.problem} in row {self.row}", self.remedy)

    def warning(self) -> str:
        """Return the warning about all of them."""
        values = "1 such value" if self.count == 1 else f"{self.count} such values"
        text = f"{self.problem} in row {self.row} of {self.path} ({values} in all)."
        return f"{text} {self.remedy}"
