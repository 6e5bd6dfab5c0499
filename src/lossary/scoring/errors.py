"""The error about a prediction file."""

from __future__ import annotations

from typing import Any

from lossary.errors import LossaryValueError
from lossary.scoring.addresses import without_credentials


class DataError(LossaryValueError):
    """A file cannot be read, scored or written; the message names file, column and row.

    ``column`` and ``value`` are set where one value is wrong.
    """

    column: str = ""
    value: Any = None


def data_error(path: str, problem: str, remedy: str = "") -> DataError:
    """Return the error ``{path}: {problem}. {remedy}``, without the credentials of addresses."""
    text = f"{without_credentials(path)}: {without_credentials(problem)}."
    return DataError(f"{text} {remedy}" if remedy else text)


def reason(error: Exception) -> str:
    """Return on one line what an error of the system or of another library says."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
