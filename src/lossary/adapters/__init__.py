"""Losses as objectives, metrics and loss objects of training libraries.

One module per library, found by its file name and loaded when it is first used; each imports its
library only when one of its functions is called.
"""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType

__all__ = sorted(item.name for item in pkgutil.iter_modules(__path__) if item.name[0] != "_")


def __getattr__(name: str) -> ModuleType:
    if name in __all__:
        return importlib.import_module(f"{__name__}.{name}")
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)


def __dir__() -> list[str]:
    return list(__all__)
