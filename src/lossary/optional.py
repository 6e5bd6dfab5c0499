"""Import of optional libraries."""

from __future__ import annotations

import importlib
from typing import Any

from lossary.errors import missing_library


def require(function: str, module: str, install: str | None = None) -> Any:
    """Import a module, or raise the error that says how to install its library."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not (module == error.name or module.startswith(error.name + ".")):
            raise  # the library is there, and something that it needs is not
        library = module.partition(".")[0]
        raise missing_library(function, library, install or library) from None
