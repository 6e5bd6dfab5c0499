"""The PyTorch module that computes a loss."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import torch

from lossary.adapters._loss import check_parameters, check_trainable
from lossary.adapters._named_arguments import new_object, subclass
from lossary.errors import shown, value_error
from lossary.registry import get_loss

_FUNCTION = "adapters.torch.module"
_COMMON = ("axis", "class_axis", "ignore_index", "class_weights", "denominator", "dtype")


def make_module(loss: str | Callable[..., Any], **options: Any) -> LossModule:
    """Return the module; its ``forward`` has the argument names of the loss."""
    names = get_loss(loss).arguments
    made: LossModule = subclass(LossModule, "forward", names, LossModule.__name__)(loss, **options)
    return made


class LossModule(torch.nn.Module):
    """A loss with its parameters; see :func:`lossary.adapters.torch.module`."""

    _subclass_arguments: ClassVar[tuple[Any, ...]]

    def __init__(
        self, loss: str | Callable[..., Any], *, reduction: str = "mean", **parameters: Any
    ) -> None:
        super().__init__()
        self._loss = get_loss(loss)
        check_trainable(_FUNCTION, self._loss)
        self._function = self._loss.function
        check_parameters(_FUNCTION, self._loss, parameters, _COMMON)
        self.reduction = reduction
        self._names = tuple(parameters)
        for name, value in with_tensors(parameters).items():
            if hasattr(self, name):
                requirement = "must not have the name of an attribute of torch.nn.Module"
                raise value_error(_FUNCTION, "parameters", requirement, repr(name), "Rename it.")
            if isinstance(value, torch.Tensor) and not isinstance(value, torch.nn.Parameter):
                self.register_buffer(name, value)
            else:
                setattr(self, name, value)

    def _forward(self, arrays: tuple[Any, ...], weights: Any, where: Any) -> torch.Tensor:
        """Return the loss of its array arguments."""
        parameters = {name: getattr(self, name) for name in self._names}
        result: torch.Tensor = self._function(
            *arrays, reduction=self.reduction, weights=weights, where=where, **parameters
        )
        return result

    def extra_repr(self) -> str:
        """Return name, reduction and parameters, for the module's representation."""
        options = {"reduction": self.reduction} | {n: getattr(self, n) for n in self._names}
        return ", ".join([self._loss.name, *(f"{n}={shown(v)}" for n, v in options.items())])

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the arguments that make the class, which cannot be imported by a name."""
        return new_object, self._subclass_arguments, self.__dict__


def with_tensors(parameters: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters with class weights as a tensor."""
    given = parameters.get("class_weights")
    if given is None or isinstance(given, torch.Tensor):
        return parameters
    dtype = torch.get_default_dtype()
    return {**parameters, "class_weights": torch.as_tensor(given, dtype=dtype)}
