"""The directive ``optional-toctree``: a table of contents of those pages that exist."""

from __future__ import annotations

from pathlib import Path

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.directives.other import TocTree


class OptionalTocTree(TocTree):
    """A ``toctree`` that leaves out pages that were not written, some of which are generated."""

    def run(self) -> list[nodes.Node]:
        """Return the table of contents; nothing if no page exists."""
        folder = Path(self.env.doc2path(self.env.docname)).parent
        found = [
            line
            for line in self.content
            if line.startswith(":") or not line.strip() or any(folder.glob(f"{line.strip()}.*"))
        ]
        self.content = StringList(found, source=self.env.docname)
        return super().run() if any(map(str.strip, found)) else []


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the directive."""
    app.add_directive("optional-toctree", OptionalTocTree)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
