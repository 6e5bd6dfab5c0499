"""Losses of two classes: any two labels as the numbers that the loss takes."""

from __future__ import annotations

from typing import Any

import numpy as np

from lossary.domains import PLUS_MINUS_ONE, UNIT_INTERVAL
from lossary.errors import value_error
from lossary.registry import Loss


def has_two_classes(loss: Loss) -> bool:
    """Tell whether the targets are -1 and +1, or 0 and 1."""
    return loss.targets.name in {PLUS_MINUS_ONE.name, UNIT_INTERVAL.name}


def negative(loss: Loss) -> int:
    """Return what the loss takes for the label that is not positive."""
    return -1 if loss.targets.name == PLUS_MINUS_ONE.name else 0


def encoded(targets: Any, positive: Any, negative: int) -> Any:
    """Return 1.0 for the positive label and ``negative`` for every other."""
    return np.where(np.asarray(targets) == positive, 1.0, negative)


def check_positive(function: str, loss: Loss, positive: Any) -> None:
    """Raise if a label is called positive for a loss that is not of two classes."""
    if positive is not None and not has_two_classes(loss):
        wanted = f"must be None for {loss.name}"
        remedy = "It is for losses of two classes."
        raise value_error(function, "positive", wanted, repr(positive), remedy)
