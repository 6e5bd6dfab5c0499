"""The torchmetrics metric that adds up a loss."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torchmetrics import Metric

from lossary.errors import choices, value_error
from lossary.registry import get_loss
from lossary.summary import summarize

_DENOMINATORS = ("count", "weights")
_FURTHER = {"axis", "ignore_index", "class_weights"}


class LossMetric(Metric):
    """A loss's mean over all updates; see :func:`lossary.adapters.torchmetrics.metric`."""

    full_state_update = False
    is_differentiable = False

    def __init__(
        self, loss: str | Callable[..., Any], *, denominator: str = "count", **parameters: Any
    ) -> None:
        record = get_loss(loss)
        if denominator not in _DENOMINATORS:
            function, wanted = "adapters.torchmetrics.metric", f"must be {choices(_DENOMINATORS)}"
            raise value_error(function, "denominator", wanted, repr(denominator))
        own = (_FURTHER & set(record.signature.parameters)) | set(record.parameters)
        super().__init__(**{k: v for k, v in parameters.items() if k not in own})
        self._family = record.family
        self._function = record.function
        self._parameters = {k: v for k, v in parameters.items() if k in own}
        self._denominator = denominator
        for name in ("sum", "weight", "count"):
            self.add_state(name, torch.tensor(0.0, dtype=torch.float64), dist_reduce_fx="sum")

    @property
    def higher_is_better(self) -> bool:
        """Whether more is better: only for similarities."""
        return self._family == "similarity"

    def update(self, *arrays: Any, weights: Any = None, where: Any = None) -> None:
        """Add the losses of a batch."""
        part = summarize(self._function, *arrays, weights=weights, where=where, **self._parameters)
        self.sum += part.sum
        self.weight += part.weight
        self.count += part.count

    def compute(self) -> torch.Tensor:
        """Return the mean over everything that was added."""
        size = self.count if self._denominator == "count" else self.weight
        mean: torch.Tensor = torch.where(size == 0, self.sum, self.sum / size)
        return mean
