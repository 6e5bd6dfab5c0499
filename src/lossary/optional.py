"""Import of optional libraries, and of the modules of the package that need them."""

from __future__ import annotations

import importlib
from typing import Any

from lossary.errors import missing_library


def require(
    function: str, module: str, *, library: str | None = None, install: str | None = None
) -> Any:
    """Import a module, or raise the error that says how to install its library.

    Parameters
    ----------
    function : str
        The public function that needs the module; the message begins with it.
    module : str
        A module of an optional library, or one of the package that imports such a library.
    library : str, optional
        The optional library; by default the module is one of its own.
    install : str, optional
        Name of the library for pip, where it differs.
    """
    library = library or module.partition(".")[0]
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name not in {library, module}:
            raise  # the library is installed, and something that it needs is not
        raise missing_library(function, library, install or library) from None
