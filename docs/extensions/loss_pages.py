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
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import lossary
from lossary import Loss
from lossary.documentation import shown_formula, shown_gradient
from lossary.formula import Expression
from lossary.formula.parts import name_parts
from lossary.formula.printing import to_latex
from lossary.plotting import save

if TYPE_CHECKING:
    from sphinx.application import Sphinx

_DOI = re.compile(r"doi:(\S+?)(?=[;,]?(?:\s|$))")
_FORMULA = re.compile(r"^Formula::\n\n(?:    .*\n)+\n?", re.MULTILINE)


def write_pages(folder: Path) -> None:
    """Write the index, the pages and the plots; files that need no change are left alone."""
    folder.mkdir(parents=True, exist_ok=True)
    losses = lossary.list_losses()
    expected = {"index.rst", *(f"{loss.name}{end}" for loss in losses for end in (".rst", ".svg"))}
    for path in folder.iterdir():
        if path.name not in expected:
            path.unlink()
    _write(folder / "index.rst", index(losses))
    for loss in losses:
        _write(folder / f"{loss.name}.rst", page(loss))
        _draw(loss, folder / f"{loss.name}.svg")


def _write(path: Path, text: str) -> None:
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def _draw(loss: Loss, path: Path) -> None:
    fresh = path.with_suffix(".new")
    save(lossary.plot(loss), fresh, "svg")
    if path.exists() and path.read_bytes() == fresh.read_bytes():
        fresh.unlink()
    else:
        fresh.replace(path)


# --- the index --------------------------------------------------------------------------------
def index(losses: tuple[Loss, ...]) -> str:
    """Return the list of all losses, by family."""
    parts = [_heading("Losses", "="), "All losses, by family.\n"]
    for family, members in groupby(losses, key=lambda loss: loss.family):
        rows = [[f":doc:`{loss.name}`", loss.targets.text, loss.summary] for loss in members]
        parts += [_heading(family.capitalize(), "-"), _table(["loss", "targets", ""], rows)]
    names = "\n".join(f"   {loss.name}" for loss in losses)
    parts.append(f".. toctree::\n   :hidden:\n\n{names}\n")
    return "\n".join(parts)


# --- a page -----------------------------------------------------------------------------------
def page(loss: Loss) -> str:
    """Return the page of a loss."""
    return "\n".join(
        [
            _heading(loss.name, "="),
            f"{loss.summary}\n",
            "\n".join(_formulas(loss)),
            _picture(loss),
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
    return kinds


def _and(title: str, choice: str) -> str:
    return f"{title}, {choice}" if title else f"With {choice}"


def _formulas(loss: Loss) -> Iterator[str]:
    for title, structure in variants(loss).items():
        yield f"**{title}**\n" if title else ""
        yield f".. math::\n\n   {aligned(shown_formula(loss, structure))}\n"
        yield f"Derivative with respect to ``{loss.arguments[0]}``:\n"
        yield f".. math::\n\n   {aligned(shown_gradient(loss, structure))}\n"


def aligned(expression: Expression) -> str:
    r"""Return LaTeX with each named part on a line of its own.

    Examples
    --------
    >>> from lossary.formula.expression import argument
    >>> aligned(argument("x") + 1)
    'x + 1'
    """
    body, parts = name_parts(expression)
    lines = [to_latex(body)]
    lines += [rf"{letter} = {to_latex(part)}" for letter, part in parts]
    # Blank lines separate formulas of one block; the first part says that these are names.
    if len(lines) > 1:
        lines[1] = rf"\text{{with }} {lines[1]}"
    return "\n\n   ".join(lines)


def _picture(loss: Loss) -> str:
    alternative = f"{loss.name} and its derivative, drawn by the function itself"
    return f".. image:: {loss.name}.svg\n   :alt: {alternative}\n   :class: curves\n"


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
    bounded = loss.lipschitz is not None
    constant = f"{loss.lipschitz:g}" if bounded else "none for all values and parameters"
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
    return _DOI.sub(lambda found: f"`{found[0]} <https://doi.org/{found[1]}>`__", source)


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


def _table(head: list[str], rows: list[list[str]], name: str = "") -> str:
    lines = [".. list-table::", "   :widths: auto"]
    lines += [f"   :class: {name}"] if name else []
    lines += ["   :header-rows: 1"] if head else []
    for row in [head, *rows] if head else rows:
        cells = [f"     - {cell}" for cell in row]
        lines += ["", cells[0].replace("     - ", "   * - ", 1), *cells[1:]]
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
