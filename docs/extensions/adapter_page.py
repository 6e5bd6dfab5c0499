"""The reference page of the adapters: one section for each module, found by its file name."""

from __future__ import annotations

import inspect
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from written_files import write_file

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
    found = [getattr(adapters, name) for name in adapters.__all__]
    sections = [_section(item) for item in found if isinstance(item, ModuleType)]
    if not sections:
        path.unlink(missing_ok=True)
        return
    write_file(path, "\n".join([_OPENING, *sections]))


def _section(module: ModuleType) -> str:
    title = module.__name__
    parts = [f"{title}\n{'-' * len(title)}\n", f".. module:: {title}\n"]
    parts.append(f"{inspect.cleandoc(module.__doc__ or '')}\n")
    for name, item in vars(module).items():
        if name.startswith("_") or getattr(item, "__module__", None) != title:
            continue
        if inspect.isclass(item):
            parts.append(f".. autoclass:: {name}\n   :members:\n")
        elif callable(item):
            parts.append(f".. autofunction:: {name}\n")
    return "\n".join(parts)


def setup(app: Sphinx) -> dict[str, bool]:
    """Write the page before Sphinx looks for sources."""
    app.connect(
        "builder-inited", lambda app: write_page(Path(app.srcdir) / "reference" / "adapters.rst")
    )
    return {"parallel_read_safe": True, "parallel_write_safe": True}
