"""Write the type stub of the losses, and the index of the modules that they are in.

    python tools/stubs.py

The functions are built from their formulas when their module is loaded; the stub spells the same
signatures out for type checkers and editors. A test holds both files to the registry.
"""

from __future__ import annotations

import inspect
from pathlib import Path

import lossary
from lossary.definition.common_arguments import COMMON_ARGUMENTS

PACKAGE = Path(__file__).resolve().parent.parent / "src" / "lossary"
STUB = PACKAGE / "losses" / "__init__.pyi"
INDEX = PACKAGE / "index.py"

HEADER = """\
# Written by tools/stubs.py from the registry.
from collections.abc import Sequence
from typing import Any, Literal, Protocol

from numpy.typing import NDArray
from typing_extensions import TypeVar

_Reduction = Literal["none", "mean", "sum"]

class _Shaped(Protocol):
    @property
    def shape(self) -> Any: ...

# The result is of the library of the first argument, of NumPy for numbers and sequences of them.
_Array = TypeVar("_Array", bound=_Shaped, default=NDArray[Any])

"""
COMMON = {item.name for item in COMMON_ARGUMENTS}
TYPES = {
    "reduction": "_Reduction",
    "denominator": "Any",
    "ignore_index": "int | None",
    "axis": "int",
    "class_axis": "int | None",
}


def stub() -> str:
    """Return the text of the stub."""
    losses = sorted(lossary.list_losses(), key=lambda loss: loss.name)
    names = "".join(f'    "{loss.name}",\n' for loss in losses)
    return f"{HEADER}{''.join(map(function, losses))}\n__all__ = [\n{names}]\n"


def index() -> str:
    """Return the text of the index."""
    losses = sorted(lossary.list_losses(), key=lambda loss: loss.name)
    homes = ((loss.name, loss.formula.__module__.rpartition(".")[2]) for loss in losses)
    entries = "".join(f'    "{name}": "{module}",\n' for name, module in homes)
    heading = "The module of ``lossary.losses`` that defines each loss. Written by tools/stubs.py."
    return f'"""{heading}"""\n\nINDEX = {{\n{entries}}}\n'


def function(loss: lossary.Loss) -> str:
    """Return the stub of one loss."""
    lines = []
    keyword = False
    for item in loss.signature.parameters.values():
        if item.kind is item.KEYWORD_ONLY and not keyword:
            lines.append("    *,\n")
            keyword = True
        default = "" if item.default is inspect.Parameter.empty else f" = {literal(item.default)}"
        first = item.name == loss.arguments[0]
        declared = "_Array | Sequence[Any] | complex" if first else kind(item)
        if item.name == "axis" and loss.several_axes:
            declared += " | tuple[int, ...]"
        if item.name in loss.numbers:
            declared = f"{declared.removesuffix(' | None')} | _Shaped"
            declared += " | None" * (item.default is None)
        lines.append(f"    {item.name}: {declared}{default},\n")
    return f"def {loss.name}(\n{''.join(lines)}) -> _Array: ...\n"


def kind(item: inspect.Parameter) -> str:
    """Return the type of a parameter: arrays may be of any library."""
    if item.name in TYPES:
        return TYPES[item.name]
    if isinstance(item.default, bool):
        return "bool"
    if item.default is None and item.name not in COMMON:
        return "float | None"
    return "float" if isinstance(item.default, (int, float)) else "Any"


def literal(value: object) -> str:
    """Return a default as the formatter spells it."""
    return f'"{value}"' if isinstance(value, str) else repr(value)


if __name__ == "__main__":
    STUB.write_text(stub(), encoding="utf-8")
    INDEX.write_text(index(), encoding="utf-8")
