"""The torchmetrics metric that adds up a loss."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import torch
from torchmetrics import Metric

from lossary.adapters._loss import are_row_weights
from lossary.adapters._named_inputs import blank, subclass
from lossary.adapters._torch_module import with_tensors
from lossary.errors import choices, shown, value_error
from lossary.registry import Loss, get_loss
from lossary.summary import summarize

_DENOMINATORS = ("count", "weights")
_FURTHER = {"axis", "ignore_index", "class_weights"}
_SUMS = ("sum", "weight", "count")


def make_metric(
    loss: str | Callable[..., Any], *, denominator: str = "count", **parameters: Any
) -> LossMetric:
    """Return the metric; its class is named after the loss, as collections name metrics."""
    record = get_loss(loss)
    if denominator not in _DENOMINATORS:
        function, wanted = "adapters.torchmetrics.metric", f"must be {choices(_DENOMINATORS)}"
        raise value_error(function, "denominator", wanted, repr(denominator))
    own = (_FURTHER & set(record.signature.parameters)) | set(record.parameters)
    given = {name: value for name, value in parameters.items() if name in own}
    name = _name(record, {"denominator": denominator, **given})
    made: LossMetric = subclass(LossMetric, "update", record.arguments, name)(
        record, denominator, given, **{k: v for k, v in parameters.items() if k not in own}
    )
    return made


def _name(loss: Loss, chosen: dict[str, Any]) -> str:
    """Return the loss's name and the choices that are not the defaults, without dots."""
    parts = [loss.name]
    for name, value in chosen.items():
        if np.ndim(value) > 0:
            parts.append(name)
        elif value != loss.signature.parameters[name].default:
            parts += [name, _text(value)]
    return "_".join(parts).replace(".", "_")


def _digest(loss: Loss, parameters: dict[str, Any]) -> str:
    """Return what metrics have in common that compute the same, in every process."""
    values = {"axis": loss.axis, **loss.parameters, **parameters}
    formula = loss.formula_text(**{name: values[name] for name in loss.structure})
    spelled = [formula, *(f"{name}={_text(value)}" for name, value in sorted(values.items()))]
    return hashlib.sha256("\n".join(spelled).encode()).hexdigest()[:12]


def _text(value: Any) -> str:
    """Spell a number, or the numbers of an array, the same whether they are integers or floats."""
    plain = value.tolist() if hasattr(value, "tolist") else value
    return str(plain).removesuffix(".0")


class LossMetric(Metric):
    """A loss's mean over all updates; see :func:`lossary.adapters.torchmetrics.metric`."""

    full_state_update = False
    is_differentiable = False
    _made_from: ClassVar[tuple[Any, ...]]

    def __init__(
        self, loss: Loss, denominator: str, parameters: dict[str, Any], **options: Any
    ) -> None:
        super().__init__(**options)
        self._loss, self._denominator = loss, denominator
        self._given = with_tensors(parameters)
        self._tensors = [n for n, value in self._given.items() if isinstance(value, torch.Tensor)]
        for name in self._tensors:  # buffers move with the metric from device to device
            self.register_buffer(f"given_{name}", self._given[name], persistent=False)
        # A collection updates one metric for all of those that have the same states after the
        # first batch; it compares their names too.
        self._prefix = f"{loss.name}_{_digest(loss, parameters)}_"
        for name in _SUMS:
            zero = torch.tensor(0.0, dtype=torch.float64)
            self.add_state(self._prefix + name, zero, dist_reduce_fx="sum")

    @property
    def higher_is_better(self) -> bool:
        """Whether more is better: only for similarities."""
        return self._loss.family == "similarity"

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
        """Return the mean over everything that was added."""
        size = self._sum("count" if self._denominator == "count" else "weight")
        return torch.where(size == 0, self._sum("sum"), self._sum("sum") / size)

    def _sum(self, name: str) -> torch.Tensor:
        found: torch.Tensor = getattr(self, self._prefix + name)
        return found

    def _get_name(self) -> str:
        return LossMetric.__name__

    def extra_repr(self) -> str:
        """Return name, denominator and parameters, as the metric shows them."""
        chosen = {"denominator": self._denominator} | self._given
        return ", ".join([self._loss.name, *(f"{n}={shown(v)}" for n, v in chosen.items())])

    def __reduce__(self) -> tuple[Any, ...]:
        """Restore the class from what it is made from: it has no name to import it by."""
        return blank, self._made_from, self.__getstate__()
