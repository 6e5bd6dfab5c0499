"""Functions generated from source text. Tracebacks and debuggers show that text."""

from __future__ import annotations

import linecache
from types import CodeType
from typing import Any

_PREFIX = "<lossary: "


def define(name: str, source: str, namespace: dict[str, Any]) -> Any:
    """Run source text in a namespace and return what it defines under this name."""
    file = f"{_PREFIX}{name}>"
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    exec(compile(source, file, "exec"), namespace)
    return namespace[name]


def is_generated(code: CodeType) -> bool:
    """Return whether code was generated here."""
    return code.co_filename.startswith(_PREFIX)
