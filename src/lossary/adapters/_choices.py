"""Checks of what the adapters are given, and labels as the losses take them."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

from lossary.domains import PLUS_MINUS_ONE, UNIT_INTERVAL
from lossary.errors import type_error, value_error
from lossary.registry import Loss


def check_parameters(
    function: str, loss: Loss, parameters: dict[str, Any], further: Iterable[str] = ()
) -> None:
    """Raise if the loss has no such parameters; ``further`` are those of every loss to accept."""
    known = [*loss.parameters, *(name for name in further if name in loss.signature.parameters)]
    for name in parameters:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            remedy = f"Did you mean {close[0]}?" if close else ""
            wanted = f"must be those of {loss.name} ({', '.join(known) or 'it has none'})"
            raise type_error(function, "parameters", wanted, repr(name), remedy)


def check_pair(function: str, loss: Loss) -> None:
    """Raise if the loss takes anything but predictions and targets."""
    if len(loss.arguments) != 2 or "targets" not in loss.arguments:
        given = f"{loss.name}({', '.join(loss.arguments)})"
        raise type_error(function, "loss", "must take predictions and targets alone", given)


def check_positive(function: str, loss: Loss, positive: Any) -> None:
    """Raise if a label is called positive for a loss that is not of two classes."""
    if positive is not None and loss.targets.name not in {
        PLUS_MINUS_ONE.name,
        UNIT_INTERVAL.name,
    }:
        wanted = f"must be None for {loss.name}"
        remedy = "It is for losses of two classes."
        raise value_error(function, "positive", wanted, repr(positive), remedy)


def negative(loss: Loss) -> int:
    """Return what a loss of two classes takes for the label that is not positive."""
    return -1 if loss.targets.name == PLUS_MINUS_ONE.name else 0
