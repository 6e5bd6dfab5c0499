"""The torchmetrics metric that adds up a loss."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import torch
from torchmetrics import Metric

from lossary.adapters._loss import are_row_weights
from lossary.adapters._named_arguments import new_object, subclass
from lossary.adapters._torch_module import with_tensors
from lossary.errors import choices, shown, value_error
from lossary.registry import Loss, get_loss
from lossary.summary import summarize

_FUNCTION = "adapters.torchmetrics.metric"
_DENOMINATORS = ("count", "weights")
_COMMON = {"axis", "class_axis", "ignore_index", "class_weights"}
_SUMS = ("sum", "weight", "count")


def make_metric(
    loss: str | Callable[..., Any], *, denominator: str = "count", **parameters: Any
) -> LossMetric:
    """Return the metric; its class has the name of the loss, which collections show."""
    record = get_loss(loss)
    if denominator not in _DENOMINATORS:
        requirement = f"must be {choices(_DENOMINATORS)}"
        raise value_error(_FUNCTION, "denominator", requirement, repr(denominator))
    of_loss = (_COMMON & set(record.signature.parameters)) | set(record.parameters)
    given = {name: value for name, value in parameters.items() if name in of_loss}
    of_metric = {name: value for name, value in parameters.items() if name not in of_loss}
    name = _name(record, {"denominator": denominator, **given})
    cls = subclass(LossMetric, "update", record.arguments, name)
    made: LossMetric = cls(record, denominator, given, **of_metric)
    return made


def _name(loss: Loss, options: dict[str, Any]) -> str:
    """Return the name of the loss and the options that differ from the defaults, without dots."""
    parts = [loss.name]
    for name, value in options.items():
        if np.ndim(value) > 0:
            parts.append(name)
        elif value != loss.signature.parameters[name].default:
            parts += [name, _text(value)]
    return "_".join(parts).replace(".", "_")


def _digest(loss: Loss, parameters: dict[str, Any]) -> str:
    """Return a text that metrics share, in every process, if and only if they compute the same."""
    values = {"axis": loss.axis, **loss.parameters, **parameters}
    formula = loss.formula_text(**{name: values[name] for name in loss.structure})
    lines = [formula, *(f"{name}={_text(value)}" for name, value in sorted(values.items()))]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:12]


def _text(value: Any) -> str:
    """Return a number, or the numbers of an array, as text; 2.0 as 2."""
    numbers = value.tolist() if hasattr(value, "tolist") else value
    return str(numbers).removesuffix(".0")


class LossMetric(Metric):
    """A loss's mean over all updates; see :func:`lossary.adapters.torchmetrics.metric`."""

    full_state_update = False
    is_differentiable = False
    _subclass_arguments: ClassVar[tuple[Any, ...]]

    def __init__(
        self, loss: Loss, denominator: str, parameters: dict[str, Any], **of_metric: Any
    ) -> None:
        super().__init__(**of_metric)
        self._loss, self._denominator = loss, denominator
        self._given = with_tensors(parameters)
        self._tensors = [n for n, value in self._given.items() if isinstance(value, torch.Tensor)]
        for name in self._tensors:  # buffers move with the metric from device to device
            self.register_buffer(f"given_{name}", self._given[name], persistent=False)
        # A collection updates only one of the metrics whose states have equal names, and equal
        # values after the first batch.
        self._prefix = f"{loss.name}_{_digest(loss, parameters)}_"
        for name in _SUMS:
            zero = torch.tensor(0.0, dtype=torch.float64)
            self.add_state(self._prefix + name, zero, dist_reduce_fx="sum")

    @property
    def higher_is_better(self) -> bool:
        """Whether a higher value is better: for similarities only."""
        return self._loss.is_similarity

    def _update(self, arrays: tuple[Any, ...], weights: Any, where: Any) -> None:
        """Add the losses of a batch."""
        given = self._given | {name: getattr(self, f"given_{name}") for name in self._tensors}
        shape = tuple(getattr(arrays[0], "shape", ()))
        if isinstance(weights, torch.Tensor) and are_row_weights(self._loss, weights.shape, shape):
            weights = weights.reshape(-1, *[1] * (len(shape) - 1)).expand(shape)
        part = summarize(self._loss.function, *arrays, weights=weights, where=where, **given)
        for name in _SUMS:
            setattr(self, self._prefix + name, self._sum(name) + getattr(part, name))

    def compute(self) -> torch.Tensor:
        """Return the mean over all updates."""
        divisor = self._sum("count" if self._denominator == "count" else "weight")
        return torch.where(divisor == 0, self._sum("sum"), self._sum("sum") / divisor)

    def _sum(self, name: str) -> torch.Tensor:
        found: torch.Tensor = getattr(self, self._prefix + name)
        return found

    def _get_name(self) -> str:
        return LossMetric.__name__

    def extra_repr(self) -> str:
        """Return name, denominator and parameters, for the metric's representation."""
        options = {"denominator": self._denominator} | self._given
        return ", ".join([self._loss.name, *(f"{n}={shown(v)}" for n, v in options.items())])

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the arguments that make the class, which cannot be imported by a name."""
        return new_object, self._subclass_arguments, self.__getstate__()
