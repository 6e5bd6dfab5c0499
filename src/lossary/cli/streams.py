"""Standard output and standard error, on terminals that cannot show every character."""

from __future__ import annotations

import io
import os
import sys

_BRAILLE = "\u28ff"


def prepare_streams() -> None:
    """Make both streams writable whatever is printed: unknown characters become escapes."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # closed by the caller
            setattr(sys, name, open(os.devnull, "w"))
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def discard_output() -> None:
    """Discard what is still buffered, so that the interpreter does not fail on it at exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def shows(text: str = _BRAILLE) -> bool:
    """Return whether standard output can encode a text; by default, dots and ellipses."""
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
