"""The PyTorch module that computes a loss."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from lossary.adapters._loss import check_parameters
from lossary.registry import get_loss

_FURTHER = ("axis", "ignore_index", "class_weights", "denominator", "dtype")


class LossModule(torch.nn.Module):
    """A loss with its parameters; see :func:`lossary.adapters.torch.module`."""

    def __init__(
        self, loss: str | Callable[..., Any], *, reduction: str = "mean", **parameters: Any
    ) -> None:
        super().__init__()
        record = get_loss(loss)
        check_parameters("adapters.torch.module", record, parameters, _FURTHER)
        self.function = record.function
        self.reduction = reduction
        self._names = tuple(parameters)
        for name, value in parameters.items():
            if isinstance(value, torch.Tensor):
                self.register_buffer(name, value, persistent=False)
            else:
                setattr(self, name, value)

    def forward(self, *arrays: Any, weights: Any = None, where: Any = None) -> torch.Tensor:
        """Return the loss of predictions and targets (or whatever arrays the loss takes)."""
        parameters = {name: getattr(self, name) for name in self._names}
        result: torch.Tensor = self.function(
            *arrays, reduction=self.reduction, weights=weights, where=where, **parameters
        )
        return result

    def extra_repr(self) -> str:
        """Return name, reduction and parameters, as the module shows them."""
        chosen = {"reduction": self.reduction} | {n: getattr(self, n) for n in self._names}
        return ", ".join([self.function.__name__, *(f"{n}={v!r}" for n, v in chosen.items())])
