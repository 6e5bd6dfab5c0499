"""One page for each registered loss, written from the registry before the site is built.

The pages hold nothing that is not in the registry or derived from the formula, so a new loss has
its page, and a changed formula a changed one. They are written to ``reference/losses``, which git
ignores.
"""

from __future__ import annotations

import ast
import inspect
import json
import re
import textwrap
import urllib.parse
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from formula_lines import Lines, computed_lines, textbook_lines, value_lines

import lossary
from lossary import Loss

if TYPE_CHECKING:
    from sphinx.application import Sphinx

FAMILIES = "families.inc"
_DOI = re.compile(r"doi:(\S+?)(?=[;,]?(?:\s|$))")
_FORMULA = re.compile(r"^Formula::\n\n(?:    .*\n)+\n?", re.MULTILINE)


def write_pages(folder: Path) -> None:
    """Write the index and the pages; files that need no change are left alone."""
    folder.mkdir(parents=True, exist_ok=True)
    losses = lossary.list_losses()
    expected = {"index.rst", FAMILIES, *(f"{loss.name}.rst" for loss in losses)}
    for path in folder.iterdir():
        if path.name not in expected:
            path.unlink()
    _write(folder / "index.rst", index(losses))
    _write(folder / FAMILIES, families(losses))
    for loss in losses:
        _write(folder / f"{loss.name}.rst", page(loss))


def _write(path: Path, text: str) -> None:
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


# --- the index --------------------------------------------------------------------------------
def index(losses: tuple[Loss, ...]) -> str:
    """Return the list of all losses, by family."""
    parts = [_heading("Losses", "="), "All losses, by family.\n", loss_filter(losses)]
    for family, members in groupby(losses, key=lambda loss: loss.family):
        parts += [_heading(family.capitalize(), "-"), _listed(members)]
    names = "\n".join(f"   {loss.name}" for loss in losses)
    parts.append(f".. toctree::\n   :hidden:\n\n{names}\n")
    return "\n".join(parts)


def loss_filter(losses: tuple[Loss, ...]) -> str:
    """Return the form that filters the list as :func:`lossary.list_losses` does.

    It is hidden where no script runs.
    """
    facts = {
        loss.name: {"family": loss.family, "targets": loss.kind_of_targets, "tags": loss.tags}
        for loss in losses
    }
    tags = sorted({tag for loss in losses for tag in loss.tags})
    boxes = "".join(
        f'<label><input type="checkbox" name="tag" value="{tag}"> {tag}</label>' for tag in tags
    )
    form = (
        '<form class="loss-filter" hidden>'
        '<label>Words <input type="search" name="words" autocomplete="off"></label>'
        f"{_select('family', (loss.family for loss in losses))}"
        f"{_select('targets', (loss.kind_of_targets for loss in losses))}"
        f"<fieldset><legend>Only</legend>{boxes}</fieldset>"
        '<p><output></output> <button type="reset">All</button></p></form>'
    )
    data = f'<script type="application/json" id="loss-facts">{json.dumps(facts)}</script>'
    return f".. raw:: html\n\n   {form}\n   {data}\n"


def _select(name: str, values: Iterable[str]) -> str:
    options = "".join(
        f'<option value="{value}">{value.replace("_", " ")}</option>'
        for value in sorted(set(values))
    )
    return (
        f'<label>{name.capitalize()} <select name="{name}"><option value="">any</option>'
        f"{options}</select></label>"
    )


def families(losses: tuple[Loss, ...]) -> str:
    """Return the names of all losses by family, as the home page includes it."""
    groups = groupby(losses, key=lambda loss: loss.family)
    rows = [
        [
            family.capitalize(),
            ", ".join(f":doc:`/reference/losses/{loss.name}`" for loss in members),
        ]
        for family, members in groups
    ]
    return _table([], rows, "families", widths="20 80")


def _listed(losses: Iterable[Loss]) -> str:
    """Return the table of some losses: name and meaning, formula, curve."""
    rows = []
    for loss in losses:
        structure = next(iter(variants(loss).values()))
        formula = _math(value_lines(loss, structure))
        rows.append([f":doc:`{loss.name}`\n\n{loss.summary}", formula,
                     f".. small-curve:: {loss.name}"])  # fmt: skip
    return _table([], rows, "losses", widths="34 50 16")


# --- a page -----------------------------------------------------------------------------------
def page(loss: Loss) -> str:
    """Return the page of a loss."""
    return "\n".join(
        [
            _heading(loss.name, "="),
            f"{loss.summary}\n",
            "\n".join(_formulas(loss)),
            f".. loss-plot:: {loss.name}\n",
            _heading("Facts", "-"),
            _table([], _facts(loss), "facts"),
            _heading("Function", "-"),
            f".. currentmodule:: lossary\n\n.. autofunction:: {loss.name}\n",
            "\n".join(_elsewhere(loss)),
            _heading("Source", "-"),
            f"This is all that is written for {loss.name}; the rest is derived from it.\n",
            f".. code-block:: python\n\n{textwrap.indent(source(loss), '   ')}\n",
        ]
    )


def variants(loss: Loss) -> dict[str, dict[str, object]]:
    """Return, by a title, what chooses each form of a loss's formula."""
    kinds: dict[str, dict[str, object]] = {}
    if loss.takes_labels:
        kinds["With class labels"] = {"labels": True}
    if loss.takes_probabilities:
        kinds["With probabilities" if loss.takes_labels else ""] = {"labels": False}
    defaults = {name: loss.parameters[name] for name in sorted(loss.structure)}
    flags = {name: value for name, value in defaults.items() if isinstance(value, bool)}
    chosen = [f"{name}={value}" for name, value in defaults.items() if name not in flags]
    if chosen:  # what is shown is one of many
        values = ", ".join(chosen)
        kinds = {_and(title, values): kind for title, kind in kinds.items()}
    for name, default in flags.items():
        kinds |= {
            _and(title, f"{name}={not default}"): {**kind, name: not default}
            for title, kind in kinds.items()
        }
    for name in (name for name, default in loss.parameters.items() if default is None):
        kinds |= {
            _and(title, f"with {name}" if title else f"With {name}"): {**kind, name: True}
            for title, kind in kinds.items()
        }
    extensions = [name for name in loss.parameters if name in loss.extensions]
    if extensions:
        words = f"with {' and '.join(extensions)}"
        kinds |= {
            _and(title, words if title else words.capitalize()): {
                **kind,
                **dict.fromkeys(extensions, True),
            }
            for title, kind in kinds.items()
        }
    return kinds


def _and(title: str, choice: str) -> str:
    return f"{title}, {choice}" if title else choice


def _formulas(loss: Loss) -> Iterator[str]:
    for title, structure in variants(loss).items():
        yield f"**{title}**\n" if title else ""
        yield from _shown(textbook_lines(loss, structure))
        computed = computed_lines(loss, structure)
        if computed:
            inner = "\n".join(f"{_math(lines)}\n" for lines in computed)
            yield f".. dropdown:: How it is computed\n\n   {_COMPUTED}\n"
            yield textwrap.indent(inner, "   ")


_COMPUTED = (
    "The same numbers, in the form that keeps their digits: nothing cancels, overflows or is "
    "divided by zero."
)


def _shown(lines: Lines) -> Iterator[str]:
    """Return formulas, and the sentence that says what their symbols are."""
    yield f"{_math(lines)}\n"
    if lines.symbols:
        meanings = ", ".join(f":math:`{symbol}` = ``{name}``" for symbol, name in lines.symbols)
        yield f"Here {'; '.join([meanings, *lines.notes])}.\n"


def _math(lines: Lines) -> str:
    """Return formulas as a block, what abbreviates their parts after them."""
    words = ["with", *["and"] * len(lines.parts)]
    parts = [rf"\text{{{word} }} {part}" for word, part in zip(words, lines.parts, strict=False)]
    return ".. math::\n\n" + "\n\n".join(f"   {line}" for line in (*lines.formulas, *parts))


def _facts(loss: Loss) -> list[list[str]]:
    rows = [["family", loss.family]]
    rows += [[f"domain of ``{name}``", domain.text] for name, domain in loss.domains.items()]
    for name, limit in loss.limits.items():
        rows.append([f"range of ``{name}``", limit.text.removeprefix("must be ")])
    if loss.axis is not None:
        rows.append(["class axis", f"{loss.axis} by default"])
    rows.append(["default reduction", f'"{loss.reduction}"'])
    first = f"in ``{loss.arguments[0]}``"
    for title, fact in (("convex", loss.convex), ("continuously differentiable", loss.smooth)):
        if fact is not None:
            rows.append([f"{title} {first}", "yes" if fact else "no"])
    constant = loss.lipschitz_text or "none for all values and parameters"
    rows.append([f"Lipschitz constant {first}", constant])
    rows.append(["published", linked(loss.source)])
    return rows


def _elsewhere(loss: Loss) -> Iterator[str]:
    if loss.differences:
        yield _heading("Functions of this name, or for this purpose, elsewhere", "-")
        yield _table(["library", "what differs"], [list(row) for row in loss.differences.items()])


def linked(source: str) -> str:
    """Return a publication with its DOI as a link.

    Examples
    --------
    >>> linked("Huber (1964), doi:10.1214/aoms/1177703732")
    'Huber (1964), `doi:10.1214/aoms/1177703732 <https://doi.org/10.1214/aoms/1177703732>`__'
    """

    def link(found: re.Match[str]) -> str:
        # Angle brackets, which old identifiers have, would end the address.
        text = found[0].replace("<", r"\<")
        return f"`{text} <https://doi.org/{urllib.parse.quote(found[1], safe='/:;()')}>`__"

    return _DOI.sub(link, source)


def source(loss: Loss) -> str:
    """Return the block that declares a loss, without its docstring."""
    text = textwrap.dedent(inspect.getsource(loss.formula))
    (function,) = ast.parse(text).body
    lines = text.splitlines()
    if ast.get_docstring(function) is not None:
        described = function.body[0]
        del lines[described.lineno - 1 : described.end_lineno]
    return "\n".join(lines)


# --- reStructuredText -------------------------------------------------------------------------
def _heading(text: str, line: str) -> str:
    return f"{text}\n{line * len(text)}\n"


def _table(head: list[str], rows: list[list[str]], name: str = "", widths: str = "auto") -> str:
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


# --- Sphinx -----------------------------------------------------------------------------------
def without_formula(app: Sphinx, what: str, name: str, item: object, options: object,
                    lines: list[str]) -> None:  # fmt: skip
    """Take the plain formula out of a docstring: the page shows it as mathematics."""
    lines[:] = _FORMULA.sub("", "\n".join(lines)).splitlines()


def setup(app: Sphinx) -> dict[str, bool]:
    """Write the pages before Sphinx looks for sources."""
    app.connect(
        "builder-inited",
        lambda app: write_pages(Path(app.srcdir) / "reference" / "losses"),
    )
    # Before numpydoc, which rewrites the docstring.
    app.connect("autodoc-process-docstring", without_formula, priority=100)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
