"""The losses of the package by name: the module of a family is loaded when one of them is used.

``import lossary`` costs the same however many losses there are. ``index.py`` says which module has
which loss; a loss that it does not know yet is found by loading all of them.
"""

from __future__ import annotations

import functools
import importlib

from lossary.index import INDEX

__all__ = ["INDEX", "load", "load_all"]

_PACKAGE = "lossary.losses"


def load(name: str) -> None:
    """Load the module that defines a loss; all modules if it is not known which."""
    family = INDEX.get(name)
    if family is None:
        load_all()
    else:
        importlib.import_module(f"{_PACKAGE}.{family}")


@functools.cache
def load_all() -> None:
    """Load the modules of all families."""
    import pkgutil

    package = importlib.import_module(_PACKAGE)
    for item in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{_PACKAGE}.{item.name}")
