"""What a Python file imports."""

from __future__ import annotations

import ast
from pathlib import Path


def imported(path: Path) -> set[str]:
    """Return the names of the modules that a file imports, those for type checkers aside."""
    return imported_by(ast.parse(path.read_text(encoding="utf-8")))


def imported_by(tree: ast.AST) -> set[str]:
    """Return the names of the modules that a part of a file imports."""
    found: set[str] = set()
    stack: list[ast.AST] = [tree]
    while stack:
        item = stack.pop()
        if isinstance(item, ast.If) and "TYPE_CHECKING" in ast.dump(item.test):
            continue
        if isinstance(item, ast.ImportFrom) and item.module:
            found.add(item.module)
        elif isinstance(item, ast.Import):
            found |= {alias.name for alias in item.names}
        stack.extend(ast.iter_child_nodes(item))
    return found
