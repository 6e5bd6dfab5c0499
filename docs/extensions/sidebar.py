"""The sidebar's links to all pages, made of the titles of pages alone.

For every page that it writes, Sphinx copies the headings of all pages and takes out again what is
no title: a quarter of the time of a build of a hundred pages. Here they are taken out once.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from docutils import nodes
from sphinx import addnodes

if TYPE_CHECKING:
    from sphinx.application import Sphinx


class Sidebar:
    """The contents of all pages without headings within them."""

    def __init__(self, app: Sphinx) -> None:
        self._app = app

    @cached_property
    def _titles(self) -> dict[str, nodes.bullet_list]:
        return {name: _title(contents) for name, contents in self._app.env.tocs.items()}

    def shorten(self, app: Sphinx, page: str, template: str, context: Any, tree: Any) -> None:
        """Let the template of a page make its trees of titles of these contents."""
        make = context["toctree"]

        def toctree(**options: Any) -> str:
            if not options.get("titles_only"):
                return make(**options)
            whole = app.env.tocs
            app.env.tocs = self._titles
            try:
                return make(**options)
            finally:
                app.env.tocs = whole

        context["toctree"] = toctree


def _title(contents: nodes.bullet_list) -> nodes.bullet_list:
    """Return the title of a page, and the lists of pages that are in it."""
    title = contents.deepcopy()
    for item in title.children:
        if len(item) > 1:
            if pages := list(item.findall(addnodes.toctree)):
                item[1][:] = pages
            else:
                item.pop(1)
    return title


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to Sphinx."""
    app.connect("html-page-context", Sidebar(app).shorten)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
