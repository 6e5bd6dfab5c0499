"""Functions generated from source text. Tracebacks and debuggers show that text."""

from __future__ import annotations

import linecache
from functools import lru_cache
from types import CodeType
from typing import Any

_PREFIX = "<lossary: "


def define(name: str, source: str, namespace: dict[str, Any]) -> Any:
    """Run source text in a namespace and return what it defines under this name."""
    exec(_compiled(name, source), namespace)
    return namespace[name]


@lru_cache(64)
def _compiled(name: str, source: str) -> CodeType:
    """Return the code of source text, which functions of the same text share."""
    file = f"{_PREFIX}{name}>"
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    return compile(source, file, "exec")


def is_generated(code: CodeType) -> bool:
    """Return whether code was generated here."""
    return code.co_filename.startswith(_PREFIX)
