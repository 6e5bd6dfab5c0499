"""Printed forms of a loss: its docstring completed from the registry, text and LaTeX."""

from __future__ import annotations


def complete_docstring(record, written):
    return written
