"""The Keras loss object that computes a loss."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

from lossary.adapters._loss import check_pair, check_parameters, check_trainable
from lossary.adapters._two_classes import check_positive, class_values
from lossary.errors import choices, value_error
from lossary.registry import get_loss

_FUNCTION = "adapters.keras.loss"
_BACKENDS = ("jax", "torch")


@keras.saving.register_keras_serializable(package="lossary")
class KerasLoss(keras.losses.Loss):
    """A loss with its parameters; see :func:`lossary.adapters.keras.loss`."""

    def __init__(
        self,
        loss: str | Callable[..., Any],
        *,
        reduction: str = "sum_over_batch_size",
        name: str | None = None,
        positive: Any = None,
        dtype: Any = None,
        **parameters: Any,
    ) -> None:
        backend = keras.config.backend()
        if backend not in _BACKENDS:
            requirement = f"must be {choices(_BACKENDS)}"
            raise value_error(_FUNCTION, "keras.config.backend()", requirement, repr(backend))
        record = get_loss(loss)
        check_trainable(_FUNCTION, record)
        check_pair(_FUNCTION, record, parameters)
        check_positive(_FUNCTION, record, positive)
        check_parameters(_FUNCTION, record, parameters)
        super().__init__(name=name or record.name, reduction=reduction, dtype=dtype)
        self._loss, self._positive, self._parameters = record, positive, parameters

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return one loss per sample."""
        given = {"reduction": "none", **self._parameters}
        if self._positive is not None:
            negative, positive = class_values(self._loss)
            y_true = keras.ops.where(y_true == self._positive, positive, negative)
            y_true = keras.ops.cast(y_true, y_pred.dtype)
        if self._loss.axis is None:
            y_true = _with_rank_of(y_pred, y_true)
            value = self._loss.function(y_pred, targets=y_true, **given)
            return keras.ops.mean(value, axis=-1) if len(value.shape) > 1 else value
        return self._loss.function(y_pred, self._class_targets(y_true, y_pred), **given)

    def _class_targets(self, y_true: Any, y_pred: Any) -> Any:
        """Return probabilities unchanged, and labels as integers of shape (...)."""
        if self._loss.takes_probabilities and tuple(y_true.shape) == tuple(y_pred.shape):
            return y_true
        if len(y_true.shape) == len(y_pred.shape):
            y_true = keras.ops.squeeze(y_true, axis=-1)
        return keras.ops.cast(y_true, "int32")

    def get_config(self) -> dict[str, Any]:
        """Return the configuration from which :meth:`from_config` makes an equal object."""
        name = self._loss.name
        if get_loss(name) is not self._loss:
            requirement = "must be the latest of its name to be saved with a model"
            remedy = "Give each a name of its own."
            raise value_error(_FUNCTION, "loss", requirement, repr(name), remedy)
        return self._config(name)

    def _config(self, loss: Any) -> dict[str, Any]:
        given = {**super().get_config(), "loss": loss, "positive": self._positive}
        return {**given, **self._parameters}

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle and copy the loss itself, not the name that stands for it in a configuration."""
        return _from_config, ({**self._config(self._loss), "dtype": self.dtype},)


def _from_config(config: dict[str, Any]) -> KerasLoss:
    return KerasLoss(**config)


def _with_rank_of(y_pred: Any, y_true: Any) -> Any:
    """Return targets with the rank of the predictions: Keras takes (n,) for (n, 1) and back."""
    if tuple(y_pred.shape) == (*y_true.shape, 1):
        return keras.ops.expand_dims(y_true, axis=-1)
    if tuple(y_true.shape) == (*y_pred.shape, 1):
        return keras.ops.squeeze(y_true, axis=-1)
    return y_true
