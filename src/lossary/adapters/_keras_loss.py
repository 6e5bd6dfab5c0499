"""The Keras loss object that computes a loss."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

from lossary.adapters._loss import check_pair, check_parameters
from lossary.adapters._two_classes import check_positive, negative
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
            raise value_error(
                _FUNCTION, "keras.config.backend()", f"must be {choices(_BACKENDS)}", repr(backend)
            )
        record = get_loss(loss)
        check_pair(_FUNCTION, record)
        check_positive(_FUNCTION, record, positive)
        check_parameters(_FUNCTION, record, parameters)
        super().__init__(name=name or record.name, reduction=reduction, dtype=dtype)
        self._loss, self._positive, self._parameters = record, positive, parameters

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return one loss per sample."""
        given = {"reduction": "none", **self._parameters}
        if self._positive is not None:
            y_true = keras.ops.where(y_true == self._positive, 1.0, negative(self._loss))
            y_true = keras.ops.cast(y_true, y_pred.dtype)
        if self._loss.axis is None:
            y_true = _like(y_true, y_pred)
            value = self._loss.function(y_pred, y_true, **given)
            return keras.ops.mean(value, axis=-1) if len(value.shape) > 1 else value
        return self._loss.function(y_pred, self._class_targets(y_true, y_pred), **given)

    def _class_targets(self, y_true: Any, y_pred: Any) -> Any:
        """Return probabilities as they are, and labels as the integers that they are."""
        if self._loss.takes_probabilities and tuple(y_true.shape) == tuple(y_pred.shape):
            return y_true
        if len(y_true.shape) == len(y_pred.shape):
            y_true = keras.ops.squeeze(y_true, axis=-1)
        return keras.ops.cast(y_true, "int32")

    def get_config(self) -> dict[str, Any]:
        """Return what :meth:`from_config` makes an equal object from."""
        name = self._loss.name
        if get_loss(name) is not self._loss:
            wanted = "must be the latest of its name to be saved with a model"
            raise value_error(_FUNCTION, "loss", wanted, repr(name), "Give each a name of its own.")
        return self._config(name)

    def _config(self, loss: Any) -> dict[str, Any]:
        given = {**super().get_config(), "loss": loss, "positive": self._positive}
        return {**given, **self._parameters}

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy and pickle with the loss itself; Keras does it by the name in its configuration."""
        return _restored, ({**self._config(self._loss), "dtype": self.dtype},)


def _restored(config: dict[str, Any]) -> KerasLoss:
    return KerasLoss(**config)


def _like(y_true: Any, y_pred: Any) -> Any:
    """Return targets with the predictions' rank: Keras takes (n,) for (n, 1) and back."""
    if tuple(y_pred.shape) == (*y_true.shape, 1):
        return keras.ops.expand_dims(y_true, axis=-1)
    if tuple(y_true.shape) == (*y_pred.shape, 1):
        return keras.ops.squeeze(y_true, axis=-1)
    return y_true
