"""Messages that name options of the command line, for callers in Python."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from lossary.errors import LossaryError

_PHRASES = (
    (re.compile(r"--column (\w+)=(?:COLUMN)?"), r'columns["\1"]'),
    (re.compile(r"--nulls skip"), 'nulls="skip"'),
    (re.compile(r"Repeat --by"), "Pass a sequence as by"),
    (re.compile(r"--columns\b"), "output_columns"),
    (re.compile(r"--class-weights\b"), "class_weights"),
    (re.compile(r"--skip-bad\b"), "skip_bad"),
    (re.compile(r"--([a-z]+)\b"), r"\1"),
)


def in_python(text: str) -> str:
    """Return a text with the names of arguments in place of those of options."""
    for pattern, phrase in _PHRASES:
        text = pattern.sub(phrase, text)
    return text


@contextmanager
def errors_in_python() -> Iterator[None]:
    """Let errors of the package name arguments."""
    try:
        yield
    except LossaryError as error:
        error.args = (in_python(str(error)), *error.args[1:])
        raise
