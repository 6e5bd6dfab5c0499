"""Losses as loss objects of Keras 3, on its JAX and PyTorch backends.

Examples
--------
Keras passes targets first; the object turns that round. Sample weights, reduction and saving are
Keras's own::

    model.compile(optimizer="adam", loss=loss("huber_loss", delta=2.0))
    register()  # in a process that loads a model saved with such a loss
    keras.saving.load_model("model.keras")
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from lossary.optional import require

if TYPE_CHECKING:
    from lossary.adapters._keras_loss import KerasLoss

__all__ = ["loss", "register"]


def loss(
    loss: str | Callable[..., Any],
    *,
    reduction: str = "sum_over_batch_size",
    name: str | None = None,
    positive: Any = None,
    **parameters: Any,
) -> KerasLoss:
    """Return a loss as a ``keras.losses.Loss``.

    Parameters
    ----------
    loss : str or callable
        A loss of predictions and targets. An elementwise loss is averaged over the last axis, as
        Keras's own are, so that there is one value per sample; a loss along the class axis takes
        labels of shape (...) or (..., 1), or probabilities with the predictions' shape.
    reduction : {"sum_over_batch_size", "sum", "mean", "mean_with_sample_weight", "none"}
        Keras's reduction. With sample weights the first and "mean" still divide by the number of
        samples; "mean_with_sample_weight" divides by the sum of the weights.
    name : str, optional
        Name for Keras; the loss's own by default.
    positive : label, optional
        For losses of two classes: the label that becomes +1 (or 1); every other becomes -1 (or 0).
    **parameters
        Parameters of the loss. Predictions are what the model returns: logits for
        ``cross_entropy`` and, unless ``with_logits=False``, for ``binary_cross_entropy``.

    Returns
    -------
    keras.losses.Loss
        It can be saved with a model; see :func:`register`.

    Raises
    ------
    ValueError, TypeError
        If there is no such loss or parameter, or Keras computes with TensorFlow.
    ImportError
        If Keras is not installed.
    """
    require("adapters.keras.loss", "keras")
    from lossary.adapters._keras_loss import KerasLoss

    return KerasLoss(loss, reduction=reduction, name=name, positive=positive, **parameters)


def register() -> None:
    """Make the class known to Keras, so that models saved with such a loss can be loaded.

    :func:`loss` does it too. Losses of your own must be defined before a model is loaded.

    Raises
    ------
    ImportError
        If Keras is not installed.
    """
    require("adapters.keras.register", "keras")
    require("adapters.keras.register", "lossary.adapters._keras_loss")
