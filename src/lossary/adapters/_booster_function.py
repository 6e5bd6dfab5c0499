"""The functions that XGBoost and LightGBM call as objectives and metrics."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lossary.adapters._booster_loss import BoosterLoss


def booster_function(booster_loss: BoosterLoss, compute: Callable[..., Any]) -> Callable[..., Any]:
    """Return ``compute(predictions, targets, weights)`` with the signature of the interface."""
    kind = _NativeFunction if booster_loss.interface == "native" else _SklearnFunction
    return kind(booster_loss, compute)


class _BoosterFunction:
    """A function that has the name of its loss and can be pickled.

    Boosters pass arguments by position, or by the names of parameters; LightGBM counts them.
    """

    def __init__(self, booster_loss: BoosterLoss, compute: Callable[..., Any]) -> None:
        self._booster_loss, self._compute = booster_loss, compute
        self.__name__ = self.__qualname__ = booster_loss.loss.name

    def __repr__(self) -> str:
        return repr(self._booster_loss)


class _NativeFunction(_BoosterFunction):
    def __call__(self, predictions: Any, data: Any) -> Any:
        return self._compute(predictions, _in_host_memory(data.get_label()), data.get_weight())


class _SklearnFunction(_BoosterFunction):
    def __call__(self, targets: Any, predictions: Any, sample_weight: Any = None) -> Any:
        return self._compute(predictions, targets, sample_weight)


def _in_host_memory(labels: Any) -> Any:
    """Return labels in host memory, where boosters always pass the predictions."""
    return labels.get() if hasattr(labels, "__cuda_array_interface__") else labels
