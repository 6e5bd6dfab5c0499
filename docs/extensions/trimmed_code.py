"""Blocks of code without the empty line at their end, which examples need before their fence."""

from __future__ import annotations

from docutils import nodes
from sphinx.application import Sphinx


def trim(app: Sphinx, tree: nodes.document) -> None:
    """Cut empty lines off the end of every block of code."""
    for block in tree.findall(nodes.literal_block):
        text = block.astext().rstrip()
        if block.rawsource == block.astext():  # else it holds more than text
            block.rawsource = text
            block[:] = [nodes.Text(text)]


def setup(app: Sphinx) -> dict[str, bool]:
    """Trim what is read."""
    app.connect("doctree-read", trim)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
