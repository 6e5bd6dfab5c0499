"""What each loss is: a file per family, loaded when one of its losses is asked for."""

from __future__ import annotations

from typing import Any

from lossary.registry import built_in, built_in_names


def __getattr__(name: str) -> Any:
    if name == "__all__":
        return built_in_names()
    found = None if name.startswith("_") else built_in(name)
    if found is None:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    return found.function


def __dir__() -> list[str]:
    return built_in_names()
