"""Options and output of ``lossary score`` that several tests share."""

from __future__ import annotations

import csv
import io

HINGE = ("--inputs", "margin", "--targets", "label", "--loss", "hinge_loss")


def table(text: str) -> list[dict[str, str]]:
    """Parse tab-separated output into records."""
    return list(csv.DictReader(io.StringIO(text), delimiter="\t"))
