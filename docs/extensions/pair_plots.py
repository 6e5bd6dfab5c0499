"""What the plots of losses of pairs know: a row of similarities, without the item itself.

The code has the item among its columns, where its similarity to itself counts nothing. A plot of it
would have controls that do nothing, so the script adds this column to what the controls say.
"""

from __future__ import annotations

from typing import Any

from lossary import Loss

_SIMILARITY = {"low": -1, "high": 1, "step": 0.02}
#: What has the column of the item itself, and what it holds there.
_ITSELF = {"similarities": 1, "targets": 0}


def without_itself(loss: Loss, arguments: dict[str, Any]) -> dict[str, Any]:
    """Return arguments of a plot without what belongs to the item itself."""
    if "items" not in loss.arguments:
        return arguments
    found = {name: x[:-1] for name, x in arguments.items() if name in _ITSELF}
    return found | {name: x for name, x in arguments.items() if name == "partners"}


def controls(arguments: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the controls: similarities, the place of the partner, the labels of the others."""
    kinds: dict[str, dict[str, Any]] = {
        "similarities": _SIMILARITY,
        "partners": {"labels": 1},
        "targets": {"options": [0, 1]},
    }
    return [{"argument": name, **kinds[name]} for name in arguments]


def with_itself(loss: Loss, compute: str) -> str:
    """Return a function of what the controls say, from one of all columns."""
    if "items" not in loss.arguments:
        return compute
    added = [f"{name}: [...call.{name}, {own}]" for name, own in _ITSELF.items()
             if name in loss.arguments]  # fmt: skip
    own = {"items": "call.similarities.length", "labels": 0}
    added += [f"{name}: {value}" for name, value in own.items() if name in loss.arguments]
    return f"(call) => {compute}({{ ...call, {', '.join(added)} }})"
