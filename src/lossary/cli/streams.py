"""Standard output and standard error, on terminals that cannot show every character."""

from __future__ import annotations

import io
import os
import sys

_BRAILLE = "\u28ff"


def prepare_streams() -> None:
    """Make every character printable on both streams: those unknown to them become escapes."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # closed by the caller
            setattr(sys, name, open(os.devnull, "w"))
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def discard_output() -> None:
    """Redirect what is still buffered, so that flushing it at exit does not fail."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())
    os.close(null)


def can_encode(text: str = _BRAILLE) -> bool:
    """Return whether standard output can encode a text; by default, dots and ellipses."""
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
