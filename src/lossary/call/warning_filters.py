"""Warnings that name the code which called the package, and what Python's filters do with them."""

from __future__ import annotations

import sys
import warnings
from types import FrameType
from typing import Any

from lossary.generated import is_generated


def stack_level() -> int:
    """Return the ``stacklevel`` at which the calling function names the code outside the package.

    Functions that are generated from a loss's signature belong to the package.
    """
    level, _ = _outside()
    return level - 1


def is_ignored(category: type[Warning]) -> bool:
    """Return whether Python would drop a warning of this category, whatever its text.

    False where that depends on the text, or on the context (an option of newer versions).
    """
    if getattr(sys.flags, "context_aware_warnings", False):
        return False
    for action, text, kind, module, line in warnings.filters:
        if not issubclass(category, kind) or not _is_called_from(module, line):
            continue
        if action != "ignore":
            return False
        if text is None:
            return True
    return False


def _is_called_from(module: Any, line: int) -> bool:
    """Return whether a filter's module (pattern or name) and line fit the calling code."""
    if module is None and not line:
        return True
    _, frame = _outside()
    name = "sys" if frame is None else frame.f_globals.get("__name__", "<string>")
    if module is not None and not (
        module == name if isinstance(module, str) else module.match(name)
    ):
        return False
    return not line or line == (1 if frame is None else frame.f_lineno)


def _outside() -> tuple[int, FrameType | None]:
    """Return the innermost frame outside the package, and its distance from this function."""
    frame: FrameType | None = sys._getframe(0)
    level = 0
    while frame is not None and _is_ours(frame):
        frame = frame.f_back
        level += 1
    return level, frame


def _is_ours(frame: FrameType) -> bool:
    package = str(frame.f_globals.get("__name__", "")).partition(".")[0]
    return package == "lossary" or is_generated(frame.f_code)
