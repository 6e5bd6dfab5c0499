"""Mathematics as MathML, made while the site is built: no script runs and nothing is fetched."""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.application import Sphinx

_WORD = re.compile(r"\\mathrm\{([^}]*)\}")


def to_mathml(latex: str, *, block: bool) -> str:
    """Return MathML; names of arguments are words, not products of italic letters."""
    words = _WORD.sub(lambda found: rf"\text{{{found[1]}}}", latex)
    return convert(words, display="block" if block else "inline").replace(r"\_", "_")


def visit_math(writer: Any, item: nodes.math) -> None:
    """Write a formula in a line of text."""
    writer.body.append(to_mathml(item.astext(), block=False))
    raise nodes.SkipNode


def visit_math_block(writer: Any, item: nodes.math_block) -> None:
    """Write a formula of its own; each of several lines is one formula."""
    writer.body.append(writer.starttag(item, "div", CLASS="math"))
    formulas = filter(str.strip, item.astext().split("\n\n"))
    writer.body.extend(to_mathml(formula, block=True) for formula in formulas)
    writer.body.append("</div>\n")
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the renderer."""
    app.add_html_math_renderer("mathml", (visit_math, None), (visit_math_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
