"""Losses as modules of PyTorch.

Examples
--------
A module is a criterion of training loops, of skorch and of Lightning::

    criterion = module("huber_loss", delta=2.0)
    skorch.NeuralNetRegressor(Net, criterion=module, criterion__loss="huber_loss")
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from lossary.optional import require

if TYPE_CHECKING:
    from lossary.adapters._torch_module import LossModule

__all__ = ["module"]


def module(
    loss: str | Callable[..., Any], *, reduction: str = "mean", **parameters: Any
) -> LossModule:
    """Return a loss as a ``torch.nn.Module``.

    Parameters
    ----------
    loss : str or callable
        Any loss.
    reduction : {"none", "mean", "sum"}
        Reduction; the default is that of PyTorch's own modules, not that of the loss.
    **parameters
        Parameters of the loss, and ``axis``, ``ignore_index``, ``class_weights``,
        ``denominator`` and ``dtype``. The class axis of lossary is the last, that of PyTorch the
        second: for images pass ``axis=1``. Tensors become buffers: they move with the module
        from device to device and are part of its ``state_dict``. Class weights given as numbers
        become a tensor.

    Returns
    -------
    torch.nn.Module
        Call it with the loss's arrays (predictions, targets), by position or by the loss's own
        names, and with ``weights=`` and ``where=``. It can be pickled and compiled.

    Raises
    ------
    ValueError, TypeError
        If there is no such loss or parameter.
    ImportError
        If PyTorch is not installed.

    Examples
    --------
    >>> import torch
    >>> from lossary.adapters.torch import module
    >>> criterion = module("huber_loss", delta=2.0)
    >>> criterion
    LossModule(huber_loss, reduction='mean', delta=2.0)
    >>> criterion(torch.tensor([1.0, 5.0]), torch.tensor([0.0, 0.0]))
    tensor(4.2500)
    """
    modules = require("adapters.torch.module", "lossary.adapters._torch_module", library="torch")
    made: LossModule = modules.make_module(loss, reduction=reduction, **parameters)
    return made
