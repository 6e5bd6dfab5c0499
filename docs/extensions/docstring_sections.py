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
from known_losses import every_loss, loss_named, public, public_signature
from numpydoc.docscrape_sphinx import SphinxDocString
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from lossary.definition.docstring import sections_of
from lossary.products.catalogue import MatrixRecord


def some_sections(name: str, titles: list[str]) -> str:
    """Return sections of a loss's docstring as reStructuredText, in the order of numpydoc.

    Examples
    --------
    >>> print(some_sections("huber_loss", ["Raises"]).strip().splitlines()[0])
    :Raises:
    >>> "**delta** : float, default 1.0" in some_sections("huber_loss", ["Parameters"])
    True
    """
    loss = loss_named(name)
    found = sections_of(inspect.getdoc(public(loss)) or "")
    if "Parameters" in found:
        found["Parameters"] = _with_defaults(found["Parameters"], public_signature(loss))
    texts = [f"{title}\n{'-' * len(title)}\n{found[title]}" for title in titles if title in found]
    return str(SphinxDocString("\n\n".join(texts)))


def _with_defaults(text: str, signature: inspect.Signature) -> str:
    """Add the default of each parameter to its line; None is said by "optional"."""

    def line(found: re.Match[str]) -> str:
        default = signature.parameters[found[1]].default
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
    known = {f"lossary.{loss.name}": loss for loss in every_loss()}
    if what == "function" and name in known:
        end = "Parameters" if isinstance(known[name], MatrixRecord) else "Formula::"
        del lines[lines.index(end) :]


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the directive, and shorten docstrings before numpydoc rewrites them."""
    app.add_directive("docstring-sections", DocstringSections)
    app.connect("autodoc-process-docstring", opening_only, priority=100)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
