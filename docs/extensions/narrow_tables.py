"""Tables that can be read on a phone: each cell repeats the title of its column.

The titles are hidden (see ``site.css``) where the window is wide enough for columns; where it is
not, the cells of a row stand below one another, each with its title.
"""

from __future__ import annotations

from docutils import nodes
from sphinx.application import Sphinx

_MANY = 7  # columns; more are printed smaller


def add_titles(app: Sphinx, tree: nodes.document, name: str) -> None:
    """Put the title of its column at the start of every cell of tables that have titles."""
    for table in tree.findall(nodes.table):
        head = next(iter(table.findall(nodes.thead)), None)
        if head is None or len(head) != 1:
            continue
        titles = [entry.astext() for entry in head[0]]
        table["classes"] += ["titled", *(["many"] if len(titles) > _MANY else [])]
        for row in next(iter(table.findall(nodes.tbody))):
            for title, entry in zip(titles, row, strict=True):
                if title:
                    entry.insert(0, nodes.inline("", title, classes=["column-title"]))


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the titles to what is written, not to what is searched."""
    app.connect("doctree-resolved", add_titles)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
