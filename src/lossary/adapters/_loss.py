"""Checks of a loss, its parameters and its arrays; weights of rows; the weighted mean."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from typing import Any

import numpy as np

from lossary.arrays import Array
from lossary.call.parameters import number
from lossary.errors import did_you_mean, type_error, value_error
from lossary.registry import Loss


def check_parameters(
    function: str, loss: Loss, parameters: dict[str, Any], common: Iterable[str] = ()
) -> None:
    """Raise if the loss has no such parameters; ``common`` are those of every loss to accept."""
    known = [*other_arguments(loss), *loss.parameters]
    known += [name for name in common if name in loss.signature.parameters]
    for name in parameters:
        if name not in known:
            requirement = f"must be those of {loss.name} ({', '.join(known) or 'it has none'})"
            remedy = did_you_mean(name, known)
            raise type_error(function, "parameters", requirement, repr(name), remedy)


def check_trainable(function: str, loss: Loss) -> None:
    """Raise if the loss is for evaluation only: its gradient is 0 almost everywhere."""
    if loss.evaluation:
        requirement = "must have a gradient to train with"
        given = f"{loss.name}, which is for evaluation"
        raise value_error(function, "loss", requirement, given, "Use it as a metric.")


def check_hessian(function: str, loss: Loss) -> None:
    """Raise if the loss has no diagonal Hessian: elements of a batch depend on one another."""
    if not loss.has_hessian:
        requirement = "must have a Hessian of each prediction's own"
        remedy = "Leaves are fitted to gradients divided by it."
        raise type_error(function, "loss", requirement, loss.name, remedy)


def other_arguments(loss: Loss) -> list[str]:
    """Return the arguments beside predictions and targets: scales, variances and the like."""
    return [name for name in loss.arguments[1:] if name != "targets"]


def is_pair(loss: Loss, parameters: Container[str] = ()) -> bool:
    """Return whether predictions and targets are the only arguments.

    Others of an elementwise loss may be among the parameters: numbers, the same for every element.
    """
    others = other_arguments(loss)
    given = all(name in parameters for name in others) and loss.axis is None
    return "targets" in loss.arguments[1:] and (given or not others)


def check_pair(function: str, loss: Loss, parameters: Mapping[str, Any]) -> None:
    """Raise if the loss has other arguments than predictions and targets, unless as numbers."""
    others = other_arguments(loss)
    if not is_pair(loss, parameters):
        given = f"{loss.name}({', '.join(loss.arguments)})"
        numbers = ", ".join(f"{name}=1.0" for name in others)
        can_be_given = "targets" in loss.arguments[1:] and loss.axis is None
        remedy = f"Give the others as numbers: {numbers}." if can_be_given else ""
        requirement = "must take predictions and targets alone"
        raise type_error(function, "loss", requirement, given, remedy)
    for name in others:
        number(function, name, parameters[name], None)


def check_labels(function: str, loss: Loss, remedy: str) -> None:
    """Raise if a loss along a class axis does not take class labels."""
    if loss.axis is not None and not loss.takes_labels:
        raise type_error(function, "loss", "must take class labels", loss.name, remedy)


def real_numbers(function: str, name: str, given: Any) -> Array:
    """Return an array of float64, or raise if it does not hold real numbers."""
    array = np.asarray(given)
    if array.dtype.kind not in "biuf":
        raise type_error(function, name, "must hold real numbers", f"dtype {array.dtype}")
    return array.astype(np.float64, copy=False)


def are_row_weights(loss: Loss, weights: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    """Return whether weights of this shape are weights of rows of several elements each."""
    return loss.axis is None and len(shape) > 1 and tuple(weights) == shape[:1]


def element_weights(loss: Loss, weights: Any, shape: tuple[int, ...]) -> Any:
    """Return weights of rows as weights of elements, for an elementwise loss of several per row.

    Weights of any other shape are returned unchanged: the loss checks them.
    """
    if not are_row_weights(loss, np.shape(weights), shape):
        return weights
    column = np.asarray(weights).reshape(-1, *[1] * (len(shape) - 1))
    return np.broadcast_to(column, shape)


def weighted_mean(
    loss: Loss, predictions: Any, targets: Any, weights: Any, **parameters: Any
) -> float:
    """Return a loss's mean; with weights, the weighted sum divided by their sum."""
    weighted = {}
    if weights is not None:
        weights = element_weights(loss, weights, np.shape(predictions))
        weighted = {"weights": weights, "denominator": "weights"}
    mean = loss.function(predictions, targets=targets, reduction="mean", **parameters, **weighted)
    return float(mean)
