"""Files that are written before the site is built; those that need no change are left alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def write_file(path: Path, text: str) -> None:
    """Write a file, unless it holds the text already: what is built from it would be built anew."""
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def write_folder(folder: Path, texts: Mapping[str, str]) -> None:
    """Write the files of a folder by their names, and remove all others."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        if path.name not in texts:
            path.unlink()
    for name, text in texts.items():
        write_file(folder / name, text)
