"""One page for each registered loss, written from the registry before the site is built.

The pages hold nothing that is not in the registry or derived from the formula, so a new loss has
its page, and a changed formula a changed one. They are written to ``reference/losses``, which git
ignores.
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import matrix_pages
from known_losses import every_loss, is_of_pairs
from loss_accuracy import accuracy, in_terms
from loss_formulas import formulas
from loss_index import families, index
from loss_words import words
from restructured import heading, table
from written_files import write_folder

from lossary import Loss
from lossary.definition.docstring import sections_of
from lossary.domains import REAL
from lossary.products.catalogue import MatrixRecord

if TYPE_CHECKING:
    from sphinx.application import Sphinx

FAMILIES = "families.inc"
_DOI = re.compile(r"(doi|arXiv):(\S+?)(?=[;,]?(?:\s|$))")
_OF_ARXIV = "10.48550/arXiv."  # every article of arXiv has such a DOI


def write_pages(folder: Path) -> None:
    """Write the index and the pages; files that need no change are left alone."""
    losses = every_loss()
    pages = {f"{loss.name}.rst": page(loss) for loss in losses}
    write_folder(folder, {"index.rst": index(losses), FAMILIES: families(losses), **pages})


# --- a page -----------------------------------------------------------------------------------
def page(loss: Loss) -> str:
    """Return the page of a loss: what it is first, then what is asked for less and less often."""
    written = sections_of(loss.written_docstring)
    return "\n".join(
        [
            heading(loss.name, "="),
            f".. meta::\n   :description: {loss.summary}\n   :keywords: {', '.join(words(loss))}\n",
            f".. currentmodule:: lossary\n\n.. autofunction:: {loss.name}\n",
            heading("Formula", "-"),
            *([matrix_pages.opening(loss)] if isinstance(loss, MatrixRecord) else []),
            *formulas(loss),
            f".. loss-plot:: {loss.name}\n",
            *([matrix_pages.PLOT] if is_of_pairs(loss) else []),
            heading("Arguments", "-"),
            f".. docstring-sections:: {loss.name}\n   :sections: Parameters, Returns, Raises\n",
            *_section("Notes", written.get("Notes", "")),
            *_section("Domain", _rows(_domain(loss), "facts")),
            *_section("Facts", _rows(_facts(loss), "facts")),
            *_section("Measured accuracy", _accuracy(loss)),
            *_section("Elsewhere", _elsewhere(loss)),
            *_section("Examples", written.get("Examples", "")),
            *_section("References", linked(loss.source)),
            *_section("Related losses", _related(loss)),
            *_section("Source", _source(loss)),
        ]
    )


def _section(title: str, body: str) -> Iterator[str]:
    """Return a section, or nothing where there is nothing to say."""
    if body:
        yield heading(title, "-")
        yield f"{body.rstrip()}\n"


def _rows(rows: list[list[str]], name: str) -> str:
    return table([], rows, name) if rows else ""


def _domain(loss: Loss) -> list[list[str]]:
    if isinstance(loss, MatrixRecord):
        return matrix_pages.domain(loss)
    domains = dict.fromkeys(loss.arguments, REAL) | dict(loss.domains)
    rows = [[f"``{name}``", domain.text] for name, domain in domains.items()]
    for name, limit in loss.limits.items():
        rows.append([f"``{name}``", limit.text.removeprefix("must be ")])
    return rows


def _facts(loss: Loss) -> list[list[str]]:
    if isinstance(loss, MatrixRecord):
        return matrix_pages.facts(loss)
    rows = [["family", loss.family]]
    if loss.axis is not None:
        rows.append(["class axis", f"{loss.axis} by default"])
    rows.append(["default reduction", f'"{loss.reduction}"'])
    if probability := loss.probability_text():
        rows.append(["probability that is predicted", f"``{probability}``"])
    first = f"in ``{loss.arguments[0]}``"
    for title, fact in (("convex", loss.convex), ("continuously differentiable", loss.smooth)):
        if fact is not None:
            rows.append([f"{title} {first}", "yes" if fact else "no"])
    constant = loss.lipschitz_text or "none for all values and parameters"
    rows.append([f"Lipschitz constant {first}", constant])
    return rows


def _accuracy(loss: Loss) -> str:
    if isinstance(loss, MatrixRecord):
        return matrix_pages.accuracy(loss)
    titles, rows = accuracy(loss.name)
    if not rows:
        return ""
    if not any(row[0] for row in rows):
        titles, rows = titles[1:], [row[1:] for row in rows]
    unit = "of the largest term of the formula" if in_terms(loss.name) else "of the exact result"
    return (
        f"The worst error in units in the last place {unit}, over a grid of hard arguments; "
        ":doc:`/accuracy_table` says how it is measured, and has other libraries too.\n\n"
        f"{table(titles, rows, 'accuracy')}"
    )


def _elsewhere(loss: Loss) -> str:
    if not loss.differences:
        return "MLX, PyTorch, optax and Keras have no function of this name or for this purpose."
    opening = "Functions of this name, or for this purpose, in other libraries:\n\n"
    rows = [list(row) for row in loss.differences.items()]
    return opening + table(["library", "what differs"], rows)


def _related(loss: Loss) -> str:
    """Return the losses that the docstring names, and those of the same family or the same tags."""
    losses = [other for other in every_loss() if other.name != loss.name]
    family = [other.name for other in losses if other.family == loss.family]
    alike = [
        other.name for other in losses if other.family != loss.family and other.tags == loss.tags
    ]
    rows = [
        [title, ", ".join(f":func:`{name}`" for name in names)]
        for title, names in (
            (f"family {loss.family}", family),
            (f"others: {', '.join(loss.tags)}", alike),
        )
        if names
    ]
    named = f".. docstring-sections:: {loss.name}\n   :sections: See Also\n\n"
    return named + _rows(rows, "related")


def linked(source: str) -> str:
    """Return a publication with its DOI as a link.

    Examples
    --------
    >>> linked("Huber (1964), doi:10.1214/aoms/1177703732")
    'Huber (1964), `doi:10.1214/aoms/1177703732 <https://doi.org/10.1214/aoms/1177703732>`__'
    >>> linked("arXiv:2305.18290")
    '`arXiv:2305.18290 <https://doi.org/10.48550/arXiv.2305.18290>`__'
    """

    def link(found: re.Match[str]) -> str:
        # Angle brackets, which old identifiers have, would end the address.
        text = found[0].replace("<", r"\<")
        identifier = f"{_OF_ARXIV if found[1] == 'arXiv' else ''}{found[2]}"
        return f"`{text} <https://doi.org/{urllib.parse.quote(identifier, safe='/:;()')}>`__"

    return _DOI.sub(link, source)


def _source(loss: Loss) -> str:
    code = textwrap.indent(source(loss), "   ")
    written, rest = loss.name, "the rest is derived from it"
    if isinstance(loss, MatrixRecord):
        written = f"a row of {loss.name}"
        rest = ":doc:`the engine of matrix products </products>` does the rest"
    return f"This is all that is written for {written}; {rest}.\n\n.. code-block:: python\n\n{code}"


def source(loss: Loss) -> str:
    """Return the block that declares a loss, without its docstring."""
    text = textwrap.dedent(inspect.getsource(loss.formula))
    (function,) = ast.parse(text).body
    lines = text.splitlines()
    if ast.get_docstring(function) is not None:
        described = function.body[0]
        del lines[described.lineno - 1 : described.end_lineno]
    return "\n".join(lines)


# --- Sphinx -----------------------------------------------------------------------------------
def setup(app: Sphinx) -> dict[str, bool]:
    """Write the pages before Sphinx looks for sources."""
    app.connect(
        "builder-inited",
        lambda app: write_pages(Path(app.srcdir) / "reference" / "losses"),
    )
    return {"parallel_read_safe": True, "parallel_write_safe": True}
