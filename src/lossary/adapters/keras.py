"""Losses as loss objects of Keras 3, on its JAX and PyTorch backends.

Examples
--------
Keras passes targets first; the object swaps the arguments. Keras applies sample weights and
reduction, and saves the loss with a model::

    model.compile(optimizer="adam", loss=loss("huber_loss", delta=2.0))
    register()  # in a process that loads a model saved with such a loss
    keras.saving.load_model("model.keras")
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from lossary.adapters._documentation import describe_parameters
from lossary.optional import require

if TYPE_CHECKING:
    from lossary.adapters._keras_loss import KerasLoss

__all__ = ["loss", "register"]

_MODULE = "lossary.adapters._keras_loss"


@describe_parameters
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
        <positive>
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
    module = require("adapters.keras.loss", _MODULE, library="keras")
    made: KerasLoss = module.KerasLoss(
        loss, reduction=reduction, name=name, positive=positive, **parameters
    )
    return made


def register() -> None:
    """Register the class with Keras, so that models saved with such a loss can be loaded.

    :func:`loss` does this too. Define losses of your own before you load a model.

    Raises
    ------
    ImportError
        If Keras is not installed.
    """
    require("adapters.keras.register", _MODULE, library="keras")
