"""Messages that name options of the command line, for callers in Python."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from lossary.errors import LossaryError

_PHRASES = (
    (re.compile(r"--column (\w+)=(?:COLUMN)?"), r'columns["\1"]'),
    (re.compile(r"--nulls skip"), 'nulls="skip"'),
    (re.compile(r"Repeat --(by|key)"), r"Pass a sequence as \1"),
    (re.compile(r"--columns\b"), "output_columns"),
    (re.compile(r"--class-weights\b"), "class_weights"),
    (re.compile(r"--skip-bad\b"), "skip_bad"),
    (re.compile(r"--([a-z]+)\b"), r"\1"),
)

#: What the messages of jobs begin with.
_JOBS = "score: "


def in_python(text: str) -> str:
    """Return a text with the names of arguments in place of those of options."""
    for pattern, phrase in _PHRASES:
        text = pattern.sub(phrase, text)
    return text


@contextmanager
def errors_in_python(function: str) -> Iterator[None]:
    """Let errors of the package name the function and its arguments."""
    try:
        yield
    except LossaryError as error:
        text = str(error)
        if text.startswith(_JOBS):
            text = f"{function}: {text.removeprefix(_JOBS)}"
        error.args = (in_python(text), *error.args[1:])
        raise
