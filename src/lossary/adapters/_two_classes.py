"""Losses of two classes: any two labels as the numbers that the loss takes."""

from __future__ import annotations

from typing import Any

import numpy as np

from lossary.arrays import Array
from lossary.errors import value_error
from lossary.registry import Loss


def has_two_classes(loss: Loss) -> bool:
    """Return whether the targets are one of two numbers, or lie between them."""
    return loss.targets.two_classes is not None


def class_values(loss: Loss) -> tuple[float, float]:
    """Return the targets of the negative and of the positive class, of a loss of two classes."""
    negative, positive = loss.targets.two_classes or (0.0, 1.0)
    return negative, positive


def encoded(loss: Loss, targets: Any, positive: Any) -> Array:
    """Return the targets of a loss for labels, given which label is positive."""
    negative_value, positive_value = class_values(loss)
    return np.where(np.asarray(targets) == positive, positive_value, negative_value)


def check_positive(function: str, loss: Loss, positive: Any) -> None:
    """Raise if a positive label is given for a loss that is not of two classes."""
    if positive is not None and not has_two_classes(loss):
        requirement = f"must be None for {loss.name}"
        remedy = "It is for losses of two classes."
        raise value_error(function, "positive", requirement, repr(positive), remedy)
