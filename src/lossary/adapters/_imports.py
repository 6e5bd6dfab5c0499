"""Import of the libraries that are adapted to."""

from __future__ import annotations

import importlib
from typing import Any

from lossary.errors import missing_library


def require(function: str, library: str, install: str | None = None) -> Any:
    """Import a library, or raise the error that says how to install it."""
    try:
        return importlib.import_module(library)
    except ModuleNotFoundError as error:
        if error.name is None or not (
            library == error.name or library.startswith(error.name + ".")
        ):
            raise  # the library is there, and something that it needs is not
        raise missing_library(function, library, install or library) from None
