"""A loss with the options of its use in a booster."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from lossary.adapters._loss import check_labels, check_pair, check_parameters, weighted_mean
from lossary.adapters._two_classes import check_positive, encoded
from lossary.arrays import Array
from lossary.call.parameters import number
from lossary.domains import POSITIVE
from lossary.errors import choices, shown, value_error
from lossary.registry import Loss, get_loss

Interface = Literal["native", "sklearn"]
_INTERFACES = get_args(Interface)


@dataclass(frozen=True, eq=False, repr=False)
class BoosterLoss:
    """A loss with the options of its use in a booster.

    Attributes
    ----------
    function : str
        The public function that made it; messages begin with its name.
    loss, parameters : Loss, dict
        The loss, and its parameters.
    factor : float
        Factor of the loss and of its derivatives.
    positive : label or None
        The label of the positive class; None if targets are the numbers that the loss takes.
    interface : str
        The functions of the booster that call it.
    """

    function: str
    loss: Loss
    parameters: dict[str, Any]
    factor: float
    positive: Any
    interface: Interface

    def __repr__(self) -> str:
        """Return the call that makes it, without options that have their default."""
        options = {**self._options(), **self.parameters}
        arguments = [self.loss.name, *(f"{name}={shown(value)}" for name, value in options.items())]
        return f"{self.function}({', '.join(arguments)})"

    def _options(self) -> dict[str, Any]:
        """Return the options that differ from their defaults."""
        options: dict[str, Any] = {}
        if self.interface != "native":
            options["interface"] = self.interface
        if self.factor != 1.0:
            options["factor"] = self.factor
        if self.positive is not None:
            options["positive"] = self.positive
        return options

    def mean(self, predictions: Array, targets: Array, weights: Any) -> float:
        """Return the weighted mean of the loss, times the factor."""
        targets, weights = self.as_targets(targets, predictions), none_if_empty(weights)
        mean = weighted_mean(self.loss, predictions, targets, weights, **self.parameters)
        return mean * self.factor

    def named_mean(self, predictions: Array, targets: Array, weights: Any) -> tuple[str, float]:
        """Return the loss's name and its weighted mean."""
        return self.loss.name, self.mean(predictions, targets, weights)

    def as_targets(self, targets: Array, predictions: Array) -> Array:
        """Return what a booster passes as the targets that the loss takes."""
        targets = np.asarray(targets)
        if self.positive is not None:
            return encoded(self.loss, targets, self.positive).astype(predictions.dtype)
        return targets if self.loss.axis is None else self._integer_labels(targets)

    def _integer_labels(self, targets: Array) -> Array:
        """Return class labels as integers: boosters pass them as floats."""
        with np.errstate(invalid="ignore"):
            labels = targets.astype(np.int64)
        (invalid,) = np.nonzero(labels != targets)
        if invalid.size:
            given = f"{targets[invalid[0]]} at ({invalid[0]},)"
            raise value_error(self.function, "targets", "must be integers from 0 to C-1", given)
        return labels


def make_booster_loss(
    function: str,
    loss: str | Callable[..., Any],
    parameters: dict[str, Any],
    *,
    factor: float = 1.0,
    positive: Any = None,
    interface: Interface = "native",
) -> BoosterLoss:
    """Check the options and return the loss with them; ``function`` is named in messages."""
    if interface not in _INTERFACES:
        requirement = f"must be {choices(_INTERFACES)}"
        raise value_error(function, "interface", requirement, repr(interface))
    record = get_loss(loss)
    check_pair(function, record, parameters)
    check_positive(function, record, positive)
    check_parameters(function, record, parameters, ("ignore_index", "class_weights"))
    check_labels(function, record, "Boosters pass class labels.")
    factor = number(function, "factor", factor, POSITIVE)
    return BoosterLoss(function, record, parameters, factor, positive, interface)


def none_if_empty(weights: Any) -> Any:
    """Return the weights; None for the empty array that boosters pass where there are none."""
    return None if weights is None or len(weights) == 0 else weights
