"""Losses as metrics of torchmetrics, built on :func:`lossary.summarize`.

Examples
--------
The mean over an epoch is the mean of all elements, not of the means of the batches::

    score = metric("cross_entropy", ignore_index=-1)
    for logits, labels in batches:
        score.update(logits, labels)
    score.compute()
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from lossary.optional import require

if TYPE_CHECKING:
    from lossary.adapters._torchmetrics_metric import LossMetric

__all__ = ["metric"]


def metric(
    loss: str | Callable[..., Any], *, denominator: str = "count", **parameters: Any
) -> LossMetric:
    """Return a loss's mean as a ``torchmetrics.Metric``.

    Parameters
    ----------
    loss : str or callable
        Any loss.
    denominator : {"count", "weights"}
        Whether the mean divides by the number of elements that take part or by the sum of their
        weights.
    **parameters
        Parameters of the loss, and ``axis``, ``ignore_index`` and ``class_weights``; all others
        are passed on to ``torchmetrics.Metric`` (``sync_on_compute``, ...).

    Returns
    -------
    torchmetrics.Metric
        ``update`` takes the loss's arrays by position or name, ``weights=`` (for elementwise
        losses also one per row) and ``where=``; ``compute`` returns the mean in float64, 0 where
        nothing took part. Sums are added over devices. A ``MetricCollection`` made from a
        list names it after the loss and the parameters that are not the defaults:
        "huber_loss_delta_10".

    Raises
    ------
    ValueError, TypeError
        If there is no such loss or parameter.
    ImportError
        If torchmetrics is not installed.

    Examples
    --------
    >>> import torch, torchmetrics
    >>> from lossary.adapters.torchmetrics import metric
    >>> score = metric("hinge_loss")
    >>> score.update(torch.tensor([0.5]), torch.tensor([1.0]))
    >>> score.update(torch.tensor([2.0, -1.0, 1.0]), torch.tensor([1.0, 1.0, 1.0]))
    >>> float(score.compute())
    0.625
    """
    module = require(
        "adapters.torchmetrics.metric",
        "lossary.adapters._torchmetrics_metric",
        library="torchmetrics",
    )
    made: LossMetric = module.make_metric(loss, denominator=denominator, **parameters)
    return made
