"""What adapters share: checks of a loss, its parameters and its arrays; its weighted mean."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

import numpy as np

from lossary.errors import type_error
from lossary.registry import Loss

Array = np.ndarray[Any, np.dtype[Any]]


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


def is_pair(loss: Loss) -> bool:
    """Tell whether the loss takes predictions and targets, and nothing else."""
    return len(loss.arguments) == 2 and "targets" in loss.arguments


def check_pair(function: str, loss: Loss) -> None:
    """Raise if the loss takes anything but predictions and targets."""
    if not is_pair(loss):
        given = f"{loss.name}({', '.join(loss.arguments)})"
        raise type_error(function, "loss", "must take predictions and targets alone", given)


def real_numbers(function: str, name: str, given: Any) -> Array:
    """Return an array of float64, or raise if it does not hold real numbers."""
    array = np.asarray(given)
    if array.dtype.kind not in "biuf":
        raise type_error(function, name, "must hold real numbers", f"dtype {array.dtype}")
    return array.astype(np.float64, copy=False)


def are_row_weights(loss: Loss, weights: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    """Return whether weights of this shape belong to rows of several elements each."""
    return loss.axis is None and len(shape) > 1 and tuple(weights) == shape[:1]


def row_weights(loss: Loss, weights: Any, shape: tuple[int, ...]) -> Any:
    """Return weights of rows as those of elements, where a loss of elements has several a row.

    Weights that do not fit are returned as they are: the loss says what is wrong with them.
    """
    if not are_row_weights(loss, np.shape(weights), shape):
        return weights
    column = np.asarray(weights).reshape(-1, *[1] * (len(shape) - 1))
    return np.broadcast_to(column, shape)


def weighted_mean(
    loss: Loss, predictions: Any, targets: Any, weights: Any, **parameters: Any
) -> float:
    """Return a loss's mean; with weights, divided by their sum."""
    weighted = {}
    if weights is not None:
        weights = row_weights(loss, weights, np.shape(predictions))
        weighted = {"weights": weights, "denominator": "weights"}
    return float(loss.function(predictions, targets, reduction="mean", **parameters, **weighted))
