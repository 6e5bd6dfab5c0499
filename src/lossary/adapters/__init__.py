"""Losses as objectives, metrics and loss objects of training libraries.

One module per library, found by its file name and loaded when it is first used. A module imports
its library when one of its functions is called.
"""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any

from lossary.adapters._initial_score import initial_score as initial_score

_LIBRARIES = sorted(item.name for item in pkgutil.iter_modules(__path__) if item.name[0] != "_")

__all__ = ["initial_score", *_LIBRARIES]


def __getattr__(name: str) -> Any:
    if name in _LIBRARIES:
        return importlib.import_module(f"{__name__}.{name}")
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)


def __dir__() -> list[str]:
    return list(__all__)
