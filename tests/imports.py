"""What a Python file imports."""

from __future__ import annotations

import ast
from collections.abc import Container
from pathlib import Path


def imported(path: Path, modules: Container[str] = ()) -> set[str]:
    """Return the names of the modules that a file imports, for type checkers too."""
    return imported_by(ast.parse(path.read_text(encoding="utf-8")), modules)


def imported_by(tree: ast.AST, modules: Container[str] = ()) -> set[str]:
    """Return the names of the modules that a part of a file imports.

    ``from a import b`` imports ``a.b`` where that is one of the modules, else ``a``.
    """
    found: set[str] = set()
    stack: list[ast.AST] = [tree]
    while stack:
        item = stack.pop()
        if isinstance(item, ast.ImportFrom) and item.module:
            inner = {f"{item.module}.{alias.name}" for alias in item.names}
            found |= {name if name in modules else item.module for name in inner}
        elif isinstance(item, ast.Import):
            found |= {alias.name for alias in item.names}
        stack.extend(ast.iter_child_nodes(item))
    return found
