"""The error about a prediction file."""

from __future__ import annotations

from typing import Any

from lossary.errors import LossaryValueError
from lossary.scoring.addresses import display_name, without_credentials


class DataError(LossaryValueError):
    """A file cannot be read, scored or written; the message names file, column and row.

    ``column`` and ``value`` are set where one value is wrong.
    """

    column: str = ""
    value: Any = None


class UnreadableError(DataError):
    """A file, or a part of it, cannot be read.

    ``span`` is what was read; ``is_passing`` says whether another try may succeed.
    """

    def __init__(self, text: str, *, span: Any = None, is_passing: bool = False) -> None:
        super().__init__(text)
        self.span = span
        self.is_passing = is_passing

    def __reduce__(self) -> tuple[Any, ...]:
        return _unreadable, (str(self), self.span, self.is_passing)


def data_error(path: str, problem: str, remedy: str = "") -> DataError:
    """Return the error ``{path}: {problem}. {remedy}``, without the credentials of addresses."""
    text = f"{display_name(path)}: {without_credentials(problem)}."
    return DataError(f"{text} {remedy}" if remedy else text)


def reason(error: Exception) -> str:
    """Return on one line what an error of the system or of another library says."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _unreadable(text: str, span: Any, is_passing: bool) -> UnreadableError:
    return UnreadableError(text, span=span, is_passing=is_passing)
