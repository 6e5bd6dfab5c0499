"""PyTorch: the host kernels on CPU tensors without a copy, torch operations everywhere else."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from array_api_compat import torch as namespace

from lossary.backends.axis_functions import AxisFunctions
from lossary.backends.base import PYTHON
from lossary.backends.descriptions import DESCRIBE
from lossary.backends.direct_form import Text
from lossary.backends.host import HostBackend, in_range, without_overflow_warning
from lossary.backends.host_call import HostCall, ScaledCall, host_call, scaled_call
from lossary.backends.operations import ArrayOperations
from lossary.backends.torch_autograd import differentiated
from lossary.backends.torch_fused import FusedCall, fused_call
from lossary.backends.torch_state import (
    HALF,
    PLAIN,
    autocast_as_now,
    describe,
    has_values,
    is_autocast,
    is_distributed,
    is_host_memory,
    is_plain,
    is_traced,
    like_these,
    needs_gradient,
    transforms,
    wide,
)
from lossary.definition.computation import Computation
from lossary.definition.outputs import stored, value_outputs
from lossary.definition.reduction import divide
from lossary.definition.request import Request
from lossary.errors import type_error
from lossary.formula.plan import Output

#: Lengths and numbers that a trace leaves open.
_SYMBOLS = (torch.SymInt, torch.SymFloat)


class TorchFunctions(AxisFunctions):
    """Functions of an axis of tensors of equal shapes."""

    def taken(self, x: Any, places: Any, *, axis: int) -> Any:
        """Return the elements at these places; torch.take_along_dim fixes lengths in a trace."""
        return torch.gather(x, axis, places)


class TorchOperations(ArrayOperations):
    """Torch's functions, with its own derivatives where they are right."""

    native = {  # noqa: RUF012
        "sigmoid": torch.sigmoid,
        "exp": torch.exp,
        "log": torch.log,
        "log1p": torch.log1p,
        "absolute": torch.abs,
    }

    def sign(self, x: Any) -> Any:
        """Return the sign, NaN of NaN, without the indexing by a mask that vmap refuses."""
        return torch.where(torch.isnan(x), x, torch.sign(x))

    def stop(self, x: Any) -> Any:
        """Return the same value, a constant for the library's own derivative."""
        return x.detach() if isinstance(x, torch.Tensor) else x

    def max_classes(self, x: Any) -> Any:
        """Maximum along the class axes; of a distributed tensor, on all devices."""
        return _whole(super().max_classes(x))

    def apply_along(self, name: str, *arrays: Any, **options: Any) -> Any:
        """Apply a function of an axis to full tensors, which is whole on every device."""
        functions = TorchFunctions(self.xp)
        if not any(map(is_distributed, arrays)):
            return getattr(functions, name)(*arrays, **options)
        from lossary.backends.torch_distributed import applied

        return applied(partial(getattr(functions, name), **options), arrays, options["axis"])

    def index(self) -> Any:
        """Return the positions along the class axis, on the devices that have the elements."""
        found = super().index()
        if not is_distributed(self.like):
            return found
        from lossary.backends.torch_distributed import positions

        return positions(found, self.like, self.axis or 0)


class TorchBackend(HostBackend):
    """Tensors of PyTorch, on any device."""

    name = "PyTorch"
    arrays = torch.Tensor
    module = "torch"
    conversion = "torch.as_tensor({0}, device={1}.device)"
    operations = TorchOperations

    def asarray(self, given: Any, function: str, name: str) -> Any:
        """Return the tensor; refuse sparse, nested and masked ones."""
        x = super().asarray(given, function, name)
        if not isinstance(x, torch.Tensor):
            return x
        if x.is_nested:
            remedy = "Pass torch.nested.to_padded_tensor(x, 0.0), and a mask as where=."
            raise type_error(function, name, "must be a dense tensor", "a nested tensor", remedy)
        if x.layout is not torch.strided:
            remedy = "Pass .to_dense()."
            raise type_error(function, name, "must be a dense tensor", str(x.layout), remedy)
        if isinstance(x, torch.masked.MaskedTensor):
            remedy = "Pass .get_data(), and where=.get_mask()."
            raise type_error(function, name, "must be a plain tensor", "a MaskedTensor", remedy)
        return x

    def dtype_name_of(self, dtype: Any) -> str:
        """Return the name of a dtype."""
        return dtype if isinstance(dtype, str) else str(dtype).rpartition(".")[2]

    def has_dtype(self, name: str) -> bool:
        """Return whether PyTorch has this dtype."""
        return isinstance(getattr(torch, name, None), torch.dtype)

    def dtype(self, name: str) -> Any:
        """Return the dtype of this name."""
        return getattr(torch, name)

    def default_float(self) -> str:
        """Return the name of PyTorch's default dtype."""
        return self.dtype_name_of(torch.get_default_dtype())

    def promote(self, arrays: Sequence[Any]) -> str:
        """Return the dtype that PyTorch's promotion gives (0-d tensors do not widen others).

        Under ``torch.autocast`` losses are float32, as PyTorch's own are.
        """
        strong = [x for x in arrays if type(x) not in PYTHON]
        if not strong:
            return self.default_float()
        full = [x for x in strong if x.ndim] or strong
        dtype = full[0].dtype
        for x in full[1:]:
            dtype = torch.promote_types(dtype, x.dtype)
        return "float32" if is_autocast(dtype, full[0].device) else self.dtype_name_of(dtype)

    def full(self, value: float, dtype: Any, like: Any) -> Any:
        """Return a 0-d tensor on the device of another."""
        device = getattr(like, "device", None)
        if isinstance(value, _SYMBOLS):  # a product is what compilers can keep dynamic
            return torch.ones((), dtype=dtype, device=device) * value
        return torch.full((), value, dtype=dtype, device=device)

    def size(self, computation: Computation) -> Any:
        """Return the number of elements: a tensor where a trace has symbols for lengths."""
        count = computation.count
        if not isinstance(count, _SYMBOLS):
            return float(count)
        like = computation.example
        return self.full(count, wide(like), like)

    def cast(self, x: Any, name: str) -> Any:
        """Return x in the dtype of this name."""
        return x.to(self.dtype(name))

    def to_numpy(self, x: Any) -> Any:
        """Return the values on the host."""
        if type(x) in PYTHON:
            return np.asarray(x)
        return (x.float() if x.dtype is torch.bfloat16 else x).numpy(force=True)

    def values(self, x: Any) -> Any:
        """Return NumPy's view of an ordinary tensor in host memory, else None."""
        return self.to_numpy(x) if self._can_read(x) else None

    def readable(self, computation: Computation) -> bool:
        """Return whether every tensor is an ordinary one in host memory."""
        return all(map(self._can_read, computation.arrays.values()))

    def is_checked(self, computation: Computation) -> bool:
        """Return whether every tensor, of a subclass too, is in host memory."""
        tensors = [x for x in computation.arrays.values() if isinstance(x, torch.Tensor)]
        return not (is_traced() or transforms()) and all(map(is_host_memory, tensors))

    def _can_read(self, x: Any) -> bool:
        return type(x) in PYTHON or (not (is_traced() or transforms()) and is_plain(x))

    def concrete(self, computation: Computation) -> bool:
        """Return whether tensors have values: not those that a trace or a batch stands for."""
        tensors = [x for x in computation.arrays.values() if isinstance(x, torch.Tensor)]
        return not is_traced() and all(map(has_values, tensors))

    # --- running ------------------------------------------------------------------------------
    def value(self, computation: Computation) -> Any:
        """Compute the loss, with a derivative attached where one may be asked for."""
        if _differentiates_denominator(computation):
            return self._mean_by_division(computation)
        if not any(map(needs_gradient, computation.arrays.values())):
            return super().value(computation)
        return differentiated(self, computation)

    def compiled_call(
        self,
        computation: Computation,
        request: Request,
        outputs: tuple[Output, ...] | None = None,
        gradients: Sequence[str] = (),
    ) -> HostCall | FusedCall | None:
        """Return a call of a kernel, differentiable where a gradient is needed."""
        if not self.has_kernels(computation):
            return None
        if outputs is not None or not any(map(needs_gradient, computation.arrays.values())):
            chosen = outputs or value_outputs(computation)
            return host_call(self, computation, request, chosen, gradients)
        if _differentiates_denominator(computation):
            return None
        return fused_call(self, computation, request)

    def scaled_call(
        self, computation: Computation, request: Request, names: Sequence[str], second: bool
    ) -> ScaledCall | None:
        """Return a call of two kernels for the gradients of a mean with an unknown denominator."""
        if not self.has_kernels(computation):
            return None
        return scaled_call(self, computation, request, names, second)

    def direct_conditions(self, request: Request) -> tuple[Text, ...] | None:
        """Return what to ask about autograd, transformations and modes before a direct call.

        None if the result depends on the default dtype, as that of integers does.
        """
        tensors = {name: x for name, x in request.named_arrays() if isinstance(x, torch.Tensor)}
        first = next(iter(tensors.values()))
        if not (first.is_floating_point() and first.ndim):
            return None
        if any(x.dtype in HALF for x in tensors.values()):
            return like_these(tensors), autocast_as_now()
        return (like_these(tensors),)

    def number_text(self, dtype: str) -> Text:
        """Return how the ``total`` of a direct call is made a tensor."""
        if dtype == "bfloat16":
            names = {"scalar_tensor": torch.scalar_tensor, "bfloat16": torch.bfloat16}
            return Text("scalar_tensor(total, dtype=bfloat16)", names)
        # Takes less time than torch.scalar_tensor.
        names = {"from_numpy": torch.from_numpy, "filled": np.array, "dtype": np.dtype(dtype)}
        return in_range("from_numpy(filled(total, dtype))", dtype, names)

    def array_text(self, dtype: str) -> Text:
        """Return how what a direct call stores, {0}, is made a tensor."""
        if dtype != "bfloat16":
            return super().array_text(dtype)
        names = {"from_numpy": torch.from_numpy, "bfloat16": torch.bfloat16}
        return Text("from_numpy({0}).view(bfloat16)", names)

    def as_numpy(self, x: Any) -> Callable[[Any], Any]:
        """Return a function that makes tensors like this one NumPy's."""
        if type(x) in PYTHON:
            return np.asarray
        return _bits if x.dtype is torch.bfloat16 else _memory

    def holds_bits(self, x: Any) -> bool:
        """Return whether this is a tensor of bfloat16, which NumPy has not."""
        return isinstance(x, torch.Tensor) and x.dtype is torch.bfloat16

    def factor(self, value: float) -> Any:
        """Return a number as a 0-d tensor of float64."""
        return torch.scalar_tensor(value, dtype=torch.float64)

    def address_getter(self, x: Any) -> Callable[[Any], int] | None:
        """Return a function that gets a tensor's address: a NumPy view takes many times as long."""
        return torch.Tensor.data_ptr if isinstance(x, torch.Tensor) else None

    def result_wrappers(self, dtype: str) -> tuple[Callable[[Any], Any], Callable[[Any], Any]]:
        """Return functions that make tensors of numbers and of kernels' arrays."""
        if dtype == "bfloat16":
            return lambda x: torch.scalar_tensor(x, dtype=torch.bfloat16), _from_bits
        from_numpy, number = torch.from_numpy, np.dtype(dtype)
        return without_overflow_warning(
            dtype, lambda x: from_numpy(np.array(x, number))
        ), from_numpy

    def _mean_by_division(self, computation: Computation) -> Any:
        """Divide by a denominator that is itself differentiated: torch does the division."""
        unreduced = dataclasses.replace(computation, reduction="none", dtype=computation.compute)
        losses = self.value(unreduced)
        denominator = computation.denominator
        if isinstance(denominator, str):
            weight = self.plain(computation, (stored("weight", computation.expressions.weight),))[
                "weight"
            ]
            denominator = self.reduce("sum", weight)
        # A mean over nothing is 0 whatever its elements are, and so is its derivative.
        sum_ = self.reduce("sum", losses)
        sum_ = torch.where(denominator == 0, sum_.detach(), sum_)
        result = divide(self, computation, sum_, denominator)
        return self.cast(result, computation.dtype)

    def reduce(self, role: str, x: Any) -> Any:
        """Reduce; sums accumulate in float64 without a copy in it."""
        if role in {"sum", "count"}:
            return x.sum(dtype=wide(x))
        if x.numel() == 0:
            return torch.full((), math.inf if role == "minimum" else -math.inf)
        return x.amin() if role == "minimum" else x.amax()

    def sum_along(self, x: Any, axis: int) -> Any:
        """Sum along an axis, which is kept; float64 in pairs only where that adds no kernels."""
        host = x.device.type == "cpu" and not (torch.compiler.is_compiling() or is_distributed(x))
        if host and x.dtype is torch.float64:
            return super().sum_along(x, axis)
        return _whole(x.sum(axis, keepdim=True, dtype=wide(x)).to(x.dtype))

    def scalar(self, x: Any) -> Any:
        """Return a 0-d tensor as a Python number where it is on the host, else in wide dtype."""
        if not isinstance(x, torch.Tensor):
            return x
        readable = not (is_traced() or transforms()) and is_plain(x)
        return float(x) if readable else x.to(wide(x))


def _whole(x: Any) -> Any:
    """Return sums or maxima along an axis: on all devices, where their parts are on several."""
    if not is_distributed(x):
        return x
    from lossary.backends.torch_distributed import whole_sums

    return whole_sums(x)


def _memory(x: torch.Tensor) -> Any:
    """Return a NumPy view of a tensor's memory; a copy if its numbers are kept negated."""
    if x.requires_grad or x.is_neg():
        x = x.detach().resolve_neg()
    return x.numpy()


def _bits(x: torch.Tensor) -> Any:
    """Return a NumPy view of the bits of bfloat16 numbers."""
    return x.detach().resolve_neg().view(torch.uint16).numpy()


def _from_bits(x: Any) -> torch.Tensor:
    return torch.from_numpy(x).view(torch.bfloat16)


def _differentiates_denominator(computation: Computation) -> bool:
    """Return whether a mean is divided by something that a derivative is with respect to."""
    denominator = computation.denominator
    if computation.reduction != "mean":
        return False
    if not isinstance(denominator, str):
        return needs_gradient(denominator)
    names = ["weights"] if denominator == "weights" else []
    if names and computation.expressions.variant.class_weights:
        names += ["class_weights", "targets"]
    return any(needs_gradient(computation.arrays.get(name)) for name in names)


DESCRIBE.update(dict.fromkeys(PLAIN, describe))
BACKEND = TorchBackend(namespace)
