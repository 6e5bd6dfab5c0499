"""Functions generated from source text. Tracebacks and debuggers show that text."""

from __future__ import annotations

import linecache
from functools import lru_cache
from types import CodeType
from typing import Any

_PREFIX = "<lossary: "


def define(name: str, source: str, namespace: dict[str, Any], *, is_shared: bool = False) -> Any:
    """Run source text in a namespace and return what it defines under this name.

    Functions of the same text share their code if ``is_shared``. ``torch.compile`` keeps what it
    compiles by code, so functions that it traces must not.
    """
    exec((_shared if is_shared else _compiled)(name, source), namespace)
    return namespace[name]


def _compiled(name: str, source: str) -> CodeType:
    """Return the code of source text."""
    file = f"{_PREFIX}{name}>"
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    return compile(source, file, "exec")


_shared = lru_cache(64)(_compiled)


def is_generated(code: CodeType) -> bool:
    """Return whether code was generated here."""
    return code.co_filename.startswith(_PREFIX)
