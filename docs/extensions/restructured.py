"""Headings and tables of reStructuredText."""

from __future__ import annotations


def heading(text: str, line: str) -> str:
    """Return a heading, underlined with a character."""
    return f"{text}\n{line * len(text)}\n"


def table(head: list[str], rows: list[list[str]], name: str = "", widths: str = "auto") -> str:
    """Return a table of rows, and of a head if there is one, with a class for its style sheet."""
    lines = [".. list-table::", f"   :widths: {widths}"]
    lines += [f"   :class: {name}"] if name else []
    lines += ["   :header-rows: 1"] if head else []
    for row in [head, *rows] if head else rows:
        lines.append("")
        for bullet, cell in zip(["* -", *["  -"] * (len(row) - 1)], row, strict=True):
            first, *rest = cell.splitlines() or [""]
            lines += [
                f"   {bullet} {first}".rstrip(),
                *(f"       {line}" if line else "" for line in rest),
            ]
    return "\n".join(lines) + "\n"
