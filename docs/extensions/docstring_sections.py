"""A loss's docstring in parts: its opening under the signature, sections where the page wants them.

``.. docstring-sections:: huber_loss`` with the option ``:sections: Parameters, Returns`` shows
these as numpydoc does, without the signature.
"""

from __future__ import annotations

import inspect
import re
from typing import ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from docutils.statemachine import StringList
from numpydoc.docscrape_sphinx import SphinxDocString
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

import lossary
from lossary.definition.docstring import sections_of


def some_sections(name: str, titles: list[str]) -> str:
    """Return sections of a loss's docstring as reStructuredText, in the order of numpydoc.

    Examples
    --------
    >>> print(some_sections("huber_loss", ["Raises"]).strip().splitlines()[0])
    :Raises:
    >>> "**delta** : float, default 1.0" in some_sections("huber_loss", ["Parameters"])
    True
    """
    loss = lossary.get_loss(name)
    found = sections_of(loss.function.__doc__)
    if "Parameters" in found:
        found["Parameters"] = _with_defaults(found["Parameters"], loss)
    texts = [f"{title}\n{'-' * len(title)}\n{found[title]}" for title in titles if title in found]
    return str(SphinxDocString("\n\n".join(texts)))


def _with_defaults(text: str, loss: lossary.Loss) -> str:
    """Add the default of each parameter to its line; None is said by "optional"."""

    def line(found: re.Match[str]) -> str:
        default = loss.signature.parameters[found[1]].default
        written = found[0].endswith("optional") or found[1] == "reduction"
        if written or default in (inspect.Parameter.empty, None):
            return found[0]
        return f"{found[0]}, default {default!r}"

    return re.sub(r"^(\w+) : .*$", line, text, flags=re.MULTILINE)


class DocstringSections(SphinxDirective):
    """Show sections of the docstring of the loss that is named."""

    required_arguments = 1
    option_spec: ClassVar = {"sections": directives.unchanged_required}

    def run(self) -> list[nodes.Node]:
        """Return the parsed sections."""
        titles = self.options["sections"].split(", ")
        text = some_sections(self.arguments[0], titles)
        parent = nodes.container()
        source, _ = self.get_source_info()
        self.state.nested_parse(StringList(text.splitlines(), source), 0, parent)
        return parent.children


def opening_only(app: Sphinx, what: str, name: str, item: object, options: object,
                 lines: list[str]) -> None:  # fmt: skip
    """Leave of a loss's docstring what stands before the formula: the page shows the rest."""
    losses = {f"lossary.{loss.name}" for loss in lossary.list_losses()}
    if what == "function" and name in losses:
        del lines[lines.index("Formula::") :]


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the directive, and shorten docstrings before numpydoc rewrites them."""
    app.add_directive("docstring-sections", DocstringSections)
    app.connect("autodoc-process-docstring", opening_only, priority=100)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
