"""The measured accuracy of one loss: its rows of the page ``accuracy_table.md``."""

from __future__ import annotations

from functools import cache
from pathlib import Path

TABLE = Path(__file__).parents[1] / "accuracy_table.md"


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
    (_, *titles), rows = _table()
    own = titles.index("MLX") + 1
    found = [row for row in rows if row[0].partition("-")[0].rstrip("*") == name]
    return ["form", *titles[:own]], [[_form(row[0]), *row[1 : own + 1]] for row in found]


def _form(title: str) -> str:
    _, _, choices = title.rstrip("*").partition("-")
    return choices.replace("-", ", ")


@cache
def _table() -> tuple[list[str], list[list[str]]]:
    lines = [line for line in TABLE.read_text("utf-8").splitlines() if line.startswith("|")]
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
               for row in _table()[1])  # fmt: skip
