"""The measured accuracy of one loss: its rows of the pages that have measured ones."""

from __future__ import annotations

from functools import cache
from pathlib import Path

TABLE = Path(__file__).parents[1] / "accuracy_table.md"
PRODUCTS = Path(__file__).parents[1] / "products.md"


def accuracy(name: str) -> tuple[list[str], list[list[str]]]:
    """Return the titles of the columns and the rows of a loss, in lossary's own columns.

    There are no rows for a loss that has not been measured.

    Examples
    --------
    >>> titles, rows = accuracy("huber_loss")
    >>> titles
    ['form', 'dtype', 'of', 'NumPy', 'PyTorch', 'JAX', 'MLX']
    >>> [row[:3] for row in rows[:2]]
    [['', 'float32', 'value'], ['', 'float32', 'gradient']]
    """
    (_, *titles), rows = _table(TABLE)
    own = titles.index("MLX") + 1
    found = [row for row in rows if row[0].partition("-")[0].rstrip("*") == name]
    return ["form", *titles[:own]], [[_form(row[0]), *row[1 : own + 1]] for row in found]


def _form(title: str) -> str:
    _, _, choices = title.rstrip("*").partition("-")
    return choices.replace("-", ", ")


def of_products(name: str) -> tuple[list[str], list[list[str]]]:
    """Return the titles of the columns and the rows of a loss of matrix products.

    Examples
    --------
    >>> titles, rows = of_products("info_nce_loss")
    >>> titles
    ['of', 'NumPy', 'PyTorch', 'JAX', 'MLX']
    >>> [row[0] for row in rows]
    ['value', 'gradient']
    """
    (_, *titles), rows = _table(PRODUCTS, "Accuracy")
    return titles, [row[1:] for row in rows if row[0] == name]


@cache
def _table(page: Path, section: str = "") -> tuple[list[str], list[list[str]]]:
    """Return the titles and the rows of the table of a page, or of a section of it."""
    text = page.read_text("utf-8")
    if section:
        text = text.partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    lines = [line for line in text.splitlines() if line.startswith("|")]
    titles, _, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return titles, rows


def in_terms(name: str) -> bool:
    """Return whether the errors of a loss are measured in units of its largest term.

    Examples
    --------
    >>> in_terms("kl_divergence"), in_terms("huber_loss")
    (True, False)
    """
    return any(row[0].endswith("*") and row[0].partition("-")[0].rstrip("*") == name
               for row in _table(TABLE)[1])  # fmt: skip
