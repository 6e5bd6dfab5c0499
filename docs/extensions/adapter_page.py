"""The reference page of the adapters: one section for each module, found by its file name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lossary import adapters

if TYPE_CHECKING:
    from sphinx.application import Sphinx

_OPENING = """\
Adapters
========

Losses as objectives, metrics and loss objects of training libraries. Each module imports its
library only when one of its functions is called.
"""


def write_page(path: Path) -> None:
    """Write the page, if it has changed; without adapters there is none."""
    if not adapters.__all__:
        path.unlink(missing_ok=True)
        return
    sections = [_section(f"lossary.adapters.{name}") for name in adapters.__all__]
    text = "\n".join([_OPENING, *sections])
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def _section(module: str) -> str:
    return f"{module}\n{'-' * len(module)}\n\n.. automodule:: {module}\n   :members:\n"


def setup(app: Sphinx) -> dict[str, bool]:
    """Write the page before Sphinx looks for sources."""
    app.connect(
        "builder-inited", lambda app: write_page(Path(app.srcdir) / "reference" / "adapters.rst")
    )
    return {"parallel_read_safe": True, "parallel_write_safe": True}
